"""PostgreSQL: a pool of connections, and units of work on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from chassis import faults
from chassis.work import Connection, MessageContext, Outbox, UnitOfWork

log = logging.getLogger(__name__)

POOL_LEAST, POOL_MOST = 2, 12
WAIT_SECONDS = 5.0
# A transaction that hangs holds row locks of the outbox; the server ends it.
_OPTIONS = "-c idle_in_transaction_session_timeout=60000 -c lock_timeout=10000"


class Database:
    """The service's own database. `open` before use; every method may be called from any thread."""

    def __init__(self, url: str, outbox: Outbox, *, pool_most: int = POOL_MOST, application: str = "chassis") -> None:
        self.peers: Any = None  # what units of work call other services with
        self._url, self._application = url, application
        self._outbox = outbox
        self._wake: list[Callable[[], None]] = []
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=min(POOL_LEAST, pool_most),
            max_size=pool_most,
            timeout=WAIT_SECONDS,
            max_idle=60.0,
            reconnect_timeout=30.0,
            kwargs={
                "autocommit": True,  # transactions are begun explicitly
                "application_name": application,
                "options": _OPTIONS,
                "connect_timeout": 5,
            },
            open=False,
            name=application,
        )

    def open(self, wait: float = 30.0) -> None:
        """Connect; raises `psycopg_pool.PoolTimeout` when the server does not answer in time."""
        self._pool.open(wait=True, timeout=wait)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def after_append(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit that put messages into the outbox, so that the relay looks at once."""
        self._wake.append(wake)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in a transaction of its own, for what publishes nothing."""
        with self._begun() as connection:
            yield connection

    @contextmanager
    def work(self, context: MessageContext | None = None) -> Iterator[UnitOfWork]:
        """A unit of work: commits when the block ends well, rolls back when it raises."""
        with self._begun() as connection:
            work = UnitOfWork(connection, context or MessageContext(), self._outbox, self.peers)
            yield work
            sent = work.flush()
            faults.point("tx.before_commit")
        faults.point("tx.after_commit")
        if sent:
            for wake in self._wake:
                wake()
        work.committed()

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        """A pooled connection inside a transaction."""
        connection, transaction = self._begin()
        try:
            with transaction:
                yield connection
        finally:
            self._pool.putconn(connection)

    def _begin(self) -> tuple[Connection, ExitStack]:
        """Begin on a connection that lives: those that died in the pool show it here, before any work was done."""
        for spare in range(self._pool.max_size, -1, -1):
            connection, transaction = self._pool.getconn(), ExitStack()
            try:
                transaction.enter_context(connection.transaction())
                return connection, transaction
            except BaseException as reason:
                self._pool.putconn(connection)
                if not isinstance(reason, psycopg.OperationalError) or not spare:
                    raise
        raise AssertionError("unreachable")

    @contextmanager
    def dedicated(self, purpose: str) -> Iterator[Connection]:
        """A connection of its own in autocommit, for a thread that must not wait for the pool."""
        name = f"{self._application}-{purpose}"
        with psycopg.Connection.connect(
            self._url, autocommit=True, application_name=name, options=_OPTIONS, connect_timeout=5
        ) as connection:
            yield connection

    def ready(self) -> bool:
        """Whether the database answers."""
        try:
            with self._pool.connection(timeout=1.0) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as reason:
            log.warning("database does not answer: %s", reason)
            return False
        return True


def server_time(connection: Connection) -> datetime:
    """The only clock by which times of messages and sagas are judged: those of the instances may differ."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # a SELECT without FROM gives one row
    moment: datetime = row[0]
    return moment.astimezone(UTC)
