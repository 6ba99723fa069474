"""Keeps events that a service only watches: one row an event in a table of their own."""

from __future__ import annotations

from psycopg import sql
from psycopg.types.json import Jsonb

from chassis.message import to_wire
from chassis.work import UnitOfWork


class EventLog:
    """Appends to a table with the columns `id`, `received_at` (both filled by the database) and `payload`."""

    def __init__(self, table: str) -> None:
        self._insert = sql.SQL("INSERT INTO {} (payload) VALUES (%s)").format(sql.Identifier(table))

    def append(self, work: UnitOfWork, event: object) -> None:
        """Keep the event as it travels, in the transaction of `work`."""
        work.connection.execute(self._insert, (Jsonb(to_wire(event)),))
