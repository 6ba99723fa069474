"""Idempotency keys of HTTP commands: the response is stored in the transaction of the effect, so both exist or neither.

Two requests with one key at the same time: a transaction-level advisory lock lets one in; the other is told to come
back (409). It is taken before the look-up, so whoever holds it sees what the one before committed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from chassis.http.problem import Answer, Problem

if TYPE_CHECKING:
    from chassis.work import Connection, UnitOfWork

HEADER = "idempotency-key"
REPLAYED = "idempotent-replayed"
KEY_LENGTH_MOST = 255
KEPT_HOURS = 24
SWEEP_BATCH = 5000


class IdempotencyStore(Protocol):
    """Where responses are kept, within the unit of work."""

    def claim(self, work: UnitOfWork, scope: str, key: str, digest: bytes) -> Answer | None:
        """The stored answer; `None` when the caller is the first and shall go on and `record`.

        Raises a 409 problem while another request with the key is under way, 422 when the key was used for another.
        """

    def record(self, work: UnitOfWork, scope: str, key: str, digest: bytes, answer: Answer) -> None:
        """Keep the answer for whoever repeats the request."""


def required_key(headers: Mapping[str, str]) -> str:
    """The `Idempotency-Key` of the request, or a 400 problem."""
    key = headers.get(HEADER, "").strip()
    if not key:
        raise Problem(
            400, "idempotency-key", "Idempotency-Key is needed", "send a unique Idempotency-Key with every POST"
        )
    if len(key) > KEY_LENGTH_MOST or not key.isprintable():
        raise Problem(
            400, "idempotency-key", "Idempotency-Key is not usable", f"at most {KEY_LENGTH_MOST} printable characters"
        )
    return key


def request_digest(payload: Mapping[str, Any]) -> bytes:
    """Equal for requests that mean the same: order of members and white space do not count."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()).digest()


def in_flight() -> Problem:
    """Another request with the same key is being served."""
    return Problem(
        409,
        "in-flight",
        "A request with this Idempotency-Key is under way",
        "try again soon",
        headers={"retry-after": "1"},
    )


def replay_of(stored: Answer, stored_digest: bytes, digest: bytes) -> Answer:
    """The answer given again, or a 422 problem when the key belongs to a different request."""
    if stored_digest != digest:
        raise Problem(422, "idempotency-key-reused", "The Idempotency-Key was used for another request")
    return Answer(stored.status, stored.body, {**stored.headers, REPLAYED: "true"})


class SqlIdempotencyStore:
    """Keeps answers in the table `idempotency`."""

    def claim(self, work: UnitOfWork, scope: str, key: str, digest: bytes) -> Answer | None:
        """See `IdempotencyStore.claim`."""
        lock = int.from_bytes(hashlib.blake2b(f"{scope}\0{key}".encode(), digest_size=8).digest(), signed=True)
        locked = work.connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock,)).fetchone()
        if not (locked and locked[0]):
            raise in_flight()
        row = work.connection.execute(
            "SELECT request_hash, status, response FROM idempotency WHERE scope = %s AND key = %s", (scope, key)
        ).fetchone()
        if row is None:
            return None
        return replay_of(Answer(row[1], json.loads(row[2]["body"]), row[2]["headers"]), bytes(row[0]), digest)

    def record(self, work: UnitOfWork, scope: str, key: str, digest: bytes, answer: Answer) -> None:
        """See `IdempotencyStore.record`."""
        # the body as text: `jsonb` would give its members back in another order
        response = json.dumps({"body": json.dumps(answer.body), "headers": answer.headers})
        work.connection.execute(
            "INSERT INTO idempotency (scope, key, request_hash, status, response) VALUES (%s, %s, %s, %s, %s)",
            (scope, key, digest, answer.status, response),
        )


def sweep(connection: Connection) -> int:
    """Delete one batch of answers that have been kept long enough; how many went."""
    done = connection.execute(
        "DELETE FROM idempotency WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency"
        " WHERE created_at < now() - make_interval(hours => %s) LIMIT %s))",
        (KEPT_HOURS, SWEEP_BATCH),
    )
    return done.rowcount
