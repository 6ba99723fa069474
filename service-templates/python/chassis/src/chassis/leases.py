"""Which buckets of the outbox this instance may send: leases in the database, judged by the database's clock.

A lease carries a token that grows with each new owner. Whoever slept through the end of its lease finds another token
when it wants to record its work, and does not record it.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Iterable

from chassis import faults
from chassis.buckets import BUCKETS
from chassis.relay_rules import rebalance
from chassis.work import Connection

log = logging.getLogger(__name__)

TTL_SECONDS, RENEW_SECONDS, TRUST_SECONDS = 10.0, 3.0, 7.0
_BUCKET, _INSTANCE = "relay:", "relay-instance:"

_RENEW = """
UPDATE lease SET expires_at = clock_timestamp() + make_interval(secs => %s)
 WHERE owner = %s AND starts_with(name, 'relay:') AND expires_at > clock_timestamp()
RETURNING name, token
"""
_SEEN = "SELECT name, expires_at > clock_timestamp() FROM lease WHERE starts_with(name, 'relay')"
_PRESENT = "SELECT lease_take(%s, %s, make_interval(secs => %s))"
_TAKE = "SELECT name, lease_take(name, %s, make_interval(secs => %s)) FROM unnest(%s::text[]) AS wanted (name)"
_GIVE = "UPDATE lease SET owner = NULL, expires_at = '-infinity' WHERE owner = %s AND name = ANY(%s)"
_GIVE_ALL = "UPDATE lease SET owner = NULL, expires_at = '-infinity' WHERE owner = %s AND starts_with(name, 'relay')"
_FORGET = """
DELETE FROM lease
 WHERE starts_with(name, 'relay-instance:') AND expires_at < clock_timestamp() - interval '1 minute'
"""
_FENCE = """
SELECT count(*) FROM (
  SELECT 1 FROM lease JOIN unnest(%s::text[], %s::bigint[]) AS held (name, token) USING (name, token)
   WHERE owner = %s FOR SHARE OF lease) AS valid
"""


class BucketLeases:
    """The leases of one instance. Used by one thread, on a connection in autocommit."""

    def __init__(self, owner: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.owner = owner
        self._clock = clock
        self._tokens: dict[int, int] = {}
        self._renewed = -1e9
        self._start = zlib.crc32(owner.encode()) % BUCKETS

    @property
    def buckets(self) -> list[int]:
        """The buckets held, as far as this instance knows."""
        return sorted(self._tokens)

    def trusted(self) -> bool:
        """Whether the leases were renewed so lately that nobody else can hold them."""
        return self._clock() - self._renewed <= TRUST_SECONDS

    def due(self) -> float:
        """Seconds until the leases are to be renewed; zero or less when they are due."""
        return self._renewed + RENEW_SECONDS - self._clock()

    def renew(self, connection: Connection) -> None:
        """Prolong what is held. Buckets that were lost meanwhile are forgotten."""
        started = self._clock()
        rows = connection.execute(_RENEW, (TTL_SECONDS, self.owner)).fetchall()
        self._tokens = {int(name.removeprefix(_BUCKET)): token for name, token in rows}
        self._renewed = started

    def keep(self, connection: Connection) -> None:
        """Prolong what is held and move towards a fair share with the other living instances."""
        connection.execute(_PRESENT, (_INSTANCE + self.owner, self.owner, TTL_SECONDS))
        self.renew(connection)
        seen = connection.execute(_SEEN).fetchall()
        instances = sum(1 for name, alive in seen if alive and name.startswith(_INSTANCE))
        taken = {int(name.removeprefix(_BUCKET)) for name, alive in seen if alive and name.startswith(_BUCKET)}
        change = rebalance(self._tokens.keys(), set(range(BUCKETS)) - taken, instances, self._start)
        if change.take:
            self._take(connection, change.take)
        if change.give:
            connection.execute(_GIVE, (self.owner, _names(change.give)))
            for bucket in change.give:
                self._tokens.pop(bucket, None)
        if sum(1 for name, alive in seen if not alive and name.startswith(_INSTANCE)) > 1:
            connection.execute(_FORGET)

    def _take(self, connection: Connection, buckets: Iterable[int]) -> None:
        for name, token in connection.execute(_TAKE, (self.owner, TTL_SECONDS, _names(buckets))).fetchall():
            if token is not None:
                self._tokens[int(name.removeprefix(_BUCKET))] = token
        log.info("relaying %d of %d buckets", len(self._tokens), BUCKETS)
        faults.point("lease.after_take", self.owner)

    def hold(self, connection: Connection, buckets: Iterable[int]) -> bool:
        """Inside a transaction: whether these buckets are still ours; nobody takes them before it ends."""
        wanted = sorted(set(buckets))
        tokens = [self._tokens.get(bucket, -1) for bucket in wanted]
        row = connection.execute(_FENCE, (_names(wanted), tokens, self.owner)).fetchone()
        return row is not None and row[0] == len(wanted)

    def release(self, connection: Connection) -> None:
        """Give everything up at once, so that others need not wait for the end of the leases."""
        connection.execute(_GIVE_ALL, (self.owner,))
        self._tokens.clear()


def _names(buckets: Iterable[int]) -> list[str]:
    return [f"{_BUCKET}{bucket}" for bucket in buckets]
