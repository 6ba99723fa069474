"""The tiny service on a real database, without a process around it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from chassis.aggregates import AggregateTable
from chassis.codec import Codec
from chassis.composition import SqlTransactions
from chassis.database import Database
from chassis.http.auth import Caller
from chassis.http.calls import Ports, serve_command, serve_query
from chassis.http.errors import problem_of
from chassis.http.idempotency import SqlIdempotencyStore
from chassis.http.incoming import Incoming
from chassis.http.limits import RateLimiter
from chassis.http.problem import Answer
from chassis.migrations import migrate
from chassis.outbox import EventOutbox
from chassis.service import Service
from tiny_service import TABLES, Order, tiny_service

CUSTOMER = "0197a0c0-0000-7000-8000-00000000000a"


class MemoryRegistry:
    """Gives every schema a number."""

    url = "http://registry.test"

    def __init__(self) -> None:
        self._schemas: list[dict[str, Any]] = []

    def register(self, subject: str, schema: dict[str, Any], compatibility: str) -> int:
        if schema not in self._schemas:
            self._schemas.append(schema)
        return self._schemas.index(schema) + 1

    def schema(self, schema_id: int) -> dict[str, Any]:
        return self._schemas[schema_id - 1]


@dataclass
class Parts:
    """A service, its database, and what a request needs."""

    service: Service
    database: Database
    ports: Ports
    codec: Codec

    def command(
        self, name: str, body: dict[str, Any], *, key: str = "", path: dict[str, str] | None = None, **headers: str
    ) -> Answer:
        """Serve a command as the HTTP interface does; callable from any thread."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"idempotency-key": key or str(uuid4()), "content-type": "application/json"}
        incoming = Incoming(sent, path or {}, (), json.dumps(body).encode(), "c-1", time.monotonic() + 10)
        return self._answer(lambda: serve_command(self.service, self.ports, self.service.commands[name], incoming))

    def query(self, name: str, path: dict[str, str] | None = None, **parameters: str) -> Answer:
        incoming = Incoming({}, path or {}, tuple(parameters.items()), b"", "c-1", time.monotonic() + 10)
        return self._answer(lambda: serve_query(self.service, self.ports, self.service.queries[name], incoming))

    def _answer(self, serve: Callable[[], Answer]) -> Answer:
        try:
            return serve()
        except Exception as error:
            return problem_of(error).answer()

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.database.connection() as connection:
            return connection.execute(query.encode(), parameters).fetchall()


def placing(**more: Any) -> dict[str, Any]:
    price = {"amount": 1200, "currency": "EUR"}
    return {"customerId": CUSTOMER, "quantity": 2, "price": price, "email": "a@example.com"} | more


def orders() -> AggregateTable[Order]:
    return AggregateTable(Order, "order", "order_id")


@contextmanager
def parts_on(url: str, folder: Path, repository: Any = None, **more: Any) -> Iterator[Parts]:
    """The parts over an empty database."""
    tables = folder / "tables.sql"
    tables.write_text(TABLES)
    service = tiny_service(repository or orders(), tables, **more)
    codec = Codec(service.definition, MemoryRegistry())
    database = Database(url, EventOutbox(service.definition, codec, service.names))
    database.open()
    try:
        migrate(database, tables)
        ports = Ports(
            transactions=SqlTransactions(database),
            authenticate=lambda _: Caller("ada", frozenset({"order.write", "order.confirm", "order.read"}), "service"),
            idempotency=SqlIdempotencyStore(),
            limiter=RateLimiter(0),
        )
        yield Parts(service, database, ports, codec)
    finally:
        database.close()
