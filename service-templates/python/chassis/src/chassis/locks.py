"""Locks for a service's own code: at most one owner at a time, across all instances, for a limited time.

```python
from chassis import locks

lock = locks.take(work, "nightly-report", owner=worker_id, seconds=30)   # None: somebody else has it
...
with database.work() as work:
    locks.guard(work, lock)      # in the transaction that writes: raises LockLost when the lock is not ours any more
    work.connection.execute(...)
```

Time is the database's. Whoever slept through the end of its lock (a long pause, a stopped process) finds that out in
`guard`, and its write does not happen. A resource outside of the database must be given `lock.token`, and must refuse a
token that is smaller than one it has seen; `fence` does the same in this database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol

import psycopg

from chassis.work import Connection

_PREFIX = "lock:"  # the relay's leases are in the same table
_TAKE = "SELECT lease_take(%s, %s, make_interval(secs => %s))"
_GUARD = """
SELECT FROM lease WHERE name = %s AND owner = %s AND token = %s AND expires_at > clock_timestamp() FOR SHARE
"""
_RENEW = """
UPDATE lease SET expires_at = clock_timestamp() + make_interval(secs => %s)
 WHERE name = %s AND owner = %s AND token = %s AND expires_at > clock_timestamp()
"""
_RELEASE = "UPDATE lease SET owner = NULL, expires_at = '-infinity' WHERE name = %s AND owner = %s AND token = %s"
_FENCE = """
INSERT INTO lock_fence AS f (resource, token) VALUES (%s, %s)
ON CONFLICT (resource) DO UPDATE SET token = excluded.token WHERE f.token <= excluded.token
"""


class LockLost(Exception):
    """The lock has ended, and somebody else may have it: nothing may be done under it any more."""


class Work(Protocol):
    """A unit of work, or anything else with a connection in a transaction."""

    @property
    def connection(self) -> Connection:
        """Inside a transaction."""


class Source(Protocol):
    """`chassis.database.Database`."""

    def connection(self) -> _Transaction:
        """A connection in a transaction of its own."""


class _Transaction(Protocol):
    def __enter__(self) -> Connection: ...

    def __exit__(self, *_: object) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that was taken. `token` grows with every new owner of the name."""

    name: str
    owner: str
    token: int
    seconds: float


def take(work: Work, name: str, *, owner: str, seconds: float) -> Lock | None:
    """Take the lock, or prolong it if this owner has it; `None` while another owner has it.

    It counts from the commit on. `owner` must differ between instances and between the threads of one.
    """
    row = work.connection.execute(_TAKE, (_PREFIX + name, owner, seconds)).fetchone()
    return None if row is None or row[0] is None else Lock(name, owner, row[0], seconds)


def guard(work: Work, lock: Lock) -> None:
    """Let the transaction write only while the lock is ours: nobody else gets it before the transaction has ended.

    Raises:
        LockLost: it is not ours any more.
    """
    if work.connection.execute(_GUARD, _place(lock)).fetchone() is None:
        raise LockLost(lock.name)


def fence(work: Work, resource: str, token: int) -> None:
    """Refuse a write to the resource under a token that is smaller than one seen before.

    Raises:
        LockLost: a later owner has written already.
    """
    if work.connection.execute(_FENCE, (resource, token)).rowcount == 0:
        raise LockLost(resource)


def renew(work: Work, lock: Lock) -> None:
    """Prolong the lock by its time from now on. Raises `LockLost` when it has ended before."""
    if work.connection.execute(_RENEW, (lock.seconds, *_place(lock))).rowcount == 0:
        raise LockLost(lock.name)


def release(work: Work, lock: Lock) -> None:
    """Give it up, so that others need not wait for its end. Nothing happens when it is not ours any more."""
    work.connection.execute(_RELEASE, _place(lock))


@contextmanager
def holding(database: Source, name: str, *, owner: str, seconds: float = 30.0) -> Iterator[Lock | None]:
    """The lock for the time of the block, prolonged by a thread; `None` when another owner has it.

    Every write inside must be guarded: a process that was stopped for long does not know that its lock has ended.
    """
    with database.connection() as connection:
        lock = take(_On(connection), name, owner=owner, seconds=seconds)
    if lock is None:
        yield None
        return
    ended = Event()
    keeper = Thread(target=_keep, args=(database, lock, ended), name=f"lock {name}", daemon=True)
    keeper.start()
    try:
        yield lock
    finally:
        ended.set()
        keeper.join(seconds)
        with database.connection() as connection:
            release(_On(connection), lock)


@dataclass(frozen=True, slots=True)
class _On:
    connection: Connection


def _keep(database: Source, lock: Lock, ended: Event) -> None:
    while not ended.wait(lock.seconds / 3):
        try:
            with database.connection() as connection:
                renew(_On(connection), lock)
        except LockLost:
            return
        except psycopg.Error:
            continue  # tried again in time, or found out by the next guard


def _place(lock: Lock) -> tuple[str, str, int]:
    return _PREFIX + lock.name, lock.owner, lock.token
