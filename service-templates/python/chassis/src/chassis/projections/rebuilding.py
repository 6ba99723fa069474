"""Builds projections anew: reads their topics from the start into a new generation of rows, then changes over at once.

Live events go on changing the current generation meanwhile. At the end the current generation is locked for the moment
it takes to read what came last; whatever a live event changed before is then in the new generation too, since it came
from the same topic. An event that both see finds its position taken.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import psycopg

from chassis import faults
from chassis.database import Database
from chassis.dispatch import PermanentFailure, Record
from chassis.message import InvalidMessage
from chassis.projection_rules import Change
from chassis.projections.handling import Projector
from chassis.projections.replay import Replay
from chassis.projections.store import ProjectionStore
from chassis.work import Connection

log = logging.getLogger(__name__)

LOOK_SECONDS, RETRY_SECONDS = 60.0, 5.0
NEAR = 200  # records; when a round read fewer, the last one is read under the lock
ROUNDS_MOST = 50
_UNFIT = (PermanentFailure, InvalidMessage, psycopg.DataError)

_WANTED = "SELECT name FROM projection WHERE wanted_at IS NOT NULL ORDER BY name"
_MINE = "SELECT pg_try_advisory_lock(hashtextextended('projection ' || %s::text, 0))"
_BEGIN = """
UPDATE projection SET building = generation + 1 WHERE name = %s AND wanted_at IS NOT NULL
RETURNING generation, building, wanted_at
"""
_LOCK = "SELECT generation FROM projection WHERE name = %s FOR UPDATE"
_SWITCH = """
UPDATE projection SET generation = building, building = NULL, built_at = clock_timestamp(), read = %s, carried = %s,
       last_error = NULL, wanted_at = CASE WHEN wanted_at > %s THEN wanted_at END
 WHERE name = %s
"""
_FAILED = "UPDATE projection SET building = NULL, last_error = left(%s, 500) WHERE name = %s"


class Rebuilder:
    """Builds every projection for which that is wanted, one after the other, in a thread of its own.

    Instances of a service agree by a lock in the database, which the end of an instance frees.
    """

    def __init__(self, database: Database, projector: Projector, bootstrap: str, group: str) -> None:
        self._database = database
        self._projector = projector
        self._replay: Callable[[Sequence[str]], Replay] = lambda topics: Replay(bootstrap, topics, group)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="projections", daemon=True)

    def start(self) -> None:
        """Begin to look for what is wanted."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def stop(self, timeout: float = 10.0) -> None:
        """End; a rebuild that is under way is given up and begun anew by whoever comes next."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            pause = LOOK_SECONDS if self.build_wanted() else RETRY_SECONDS
            self._wake.wait(pause)
            self._wake.clear()

    def build_wanted(self) -> bool:
        """Build what is wanted; `False` when some of it has to be tried again soon."""
        try:
            with self._database.connection() as connection:
                wanted = [name for (name,) in connection.execute(_WANTED).fetchall()]
        except psycopg.Error as reason:
            log.warning("cannot look for projections to build: %s", reason)
            return False
        done = [self._tried(self._projector.stores[name]) for name in wanted if name in self._projector.stores]
        return all(done)

    def _tried(self, store: ProjectionStore) -> bool:
        name = store.projection.name.text
        try:
            with self._database.dedicated("rebuild") as guard:
                (mine,) = guard.execute(_MINE, (name,)).fetchone() or (False,)
                return bool(mine) and self.build(store)
        except Exception as reason:
            log.warning("projection %s cannot be built: %s", name, reason)
            self._note_failure(name, f"{type(reason).__name__}: {reason}")
            return False

    def _note_failure(self, name: str, text: str) -> None:
        try:
            with self._database.connection() as connection:
                connection.execute(_FAILED, (text, name))
        except psycopg.Error:
            log.debug("the failure of projection %s cannot be kept", name)

    def build(self, store: ProjectionStore) -> bool:
        """Build one; whoever calls holds its lock. `False` when it was stopped on the way."""
        name = store.projection.name.text
        with self._database.connection() as connection:
            begun = connection.execute(_BEGIN, (name,)).fetchone()
        if begun is None:
            return True  # somebody was faster
        generation, building, wanted_at = begun
        self._forget(store, generation)
        reading = _Reading(self._projector.changes(store), store, building)
        with self._replay(store.projection.topics) as replay:
            self._catch_up(replay, reading)
            if self._stop.is_set():
                return False
            faults.point("projection.before_switch", name)
            with self._database.connection() as connection:
                connection.execute(_LOCK, (name,))
                for batch in replay.rest():
                    reading.apply(connection, batch)
                lacking = replay.truncated or reading.skipped
                carried = store.carry_over(connection, generation, building) if lacking else 0
                connection.execute(_SWITCH, (reading.read, carried, wanted_at, name))
        log.info("projection %s: built from %d events, %d rows carried over", name, reading.read, carried)
        self._forget(store, building)
        return True

    def _catch_up(self, replay: Replay, reading: _Reading) -> None:
        """Read until little comes any more."""
        for _ in range(ROUNDS_MOST):
            before = reading.seen
            for batch in replay.rest():
                if self._stop.is_set():
                    return
                with self._database.connection() as connection:
                    reading.apply(connection, batch)
            if reading.seen - before <= NEAR:
                return

    def _forget(self, store: ProjectionStore, current: int) -> None:
        gone = 1
        while gone and not self._stop.is_set():
            with self._database.connection() as connection:
                gone = store.forget(connection, current)


class _Reading:
    """One rebuild's way through the records."""

    def __init__(self, change: Callable[[Record], Change | None], store: ProjectionStore, building: int) -> None:
        self._change, self._store, self._building = change, store, building
        self.seen = self.read = self.skipped = 0

    def apply(self, connection: Connection, batch: Sequence[Record]) -> None:
        """Make the changes of a batch: all in one go, and one by one where that fails."""
        self.seen += len(batch)
        try:
            with connection.transaction(), connection.pipeline():
                made = sum(self._made(connection, record) for record in batch)
        except _UNFIT:
            made = sum(self._tried(connection, record) for record in batch)
        self.read += made

    def _made(self, connection: Connection, record: Record) -> int:
        change = self._change(record)
        if change is None:
            return 0
        self._store.apply(connection, change, self._building)
        return 1

    def _tried(self, connection: Connection, record: Record) -> int:
        try:
            with connection.transaction():
                return self._made(connection, record)
        except _UNFIT as fault:  # the inbox has parked it, or it was given up
            self.skipped += 1
            log.warning("a rebuild passes over %s %s: %s", record.ce_type, record.ce_id, fault)
            return 0


__all__ = ["Rebuilder"]
