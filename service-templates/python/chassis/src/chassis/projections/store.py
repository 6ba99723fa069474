"""Writes the rows of one projection. Which changes count is the rule of `chassis.projection_rules`, said in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast, get_type_hints

from psycopg import sql

from chassis.columns import columns_of
from chassis.definition import Projection
from chassis.message import InvalidMessage, read_value
from chassis.projection_rules import CHANGED_AT, Change
from chassis.work import Connection

FORGET_BATCH = 5_000
_OWN = ("_generation", "_source", "_subject", "_stream", "_sequence", "_whole")


class ProjectionStore:
    """The rows of a projection, of any generation. `row` is their class."""

    def __init__(self, projection: Projection, row: type[Any]) -> None:
        self.projection = projection
        self.row = row
        self._table = sql.Identifier(projection.table)
        self._columns = {column.wire: column for column in columns_of(cast(Any, row))}
        self._hints = get_type_hints(row)
        self._upserts: dict[tuple[str, ...], sql.Composed] = {}

    def apply(self, connection: Connection, change: Change, generation: int) -> bool:
        """Make a change to the rows of a generation; whether it counted.

        Raises:
            InvalidMessage: a value does not fit its column.
        """
        names = tuple(name for name in change.values if name in self._columns)
        values = [self._stored(name, change.values[name]) for name in names]
        place = change.position
        own = (generation, change.source, change.subject, place.stream, place.sequence, change.creates)
        return connection.execute(self._upsert(names), (*own, *values)).rowcount == 1

    def _stored(self, name: str, value: Any) -> Any:
        column = self._columns[name]
        return column.store(read_value(self._hints[column.name], value, f"/{name}"))

    def _upsert(self, names: tuple[str, ...]) -> sql.Composed:
        known = self._upserts.get(names)
        if known is None:
            columns = [sql.Identifier(self._columns[name].name) for name in names]
            changes = [sql.SQL("{0} = excluded.{0}").format(column) for column in columns]
            known = self._upserts[names] = sql.SQL(
                "INSERT INTO {table} AS t ({own}, {columns}) VALUES ({values})"
                " ON CONFLICT (_generation, _source, _subject) DO UPDATE SET {changes}, _stream = excluded._stream,"
                " _sequence = excluded._sequence, _whole = t._whole OR excluded._whole"
                " WHERE CASE WHEN t._stream = excluded._stream THEN t._sequence < excluded._sequence"
                " ELSE t.{at} <= excluded.{at} END"
            ).format(
                table=self._table,
                own=sql.SQL(", ").join(map(sql.Identifier, _OWN)),
                columns=sql.SQL(", ").join(columns),
                values=sql.SQL(", ").join(sql.Placeholder() * (len(_OWN) + len(columns))),
                changes=sql.SQL(", ").join(changes),
                at=sql.Identifier(self._columns[CHANGED_AT].name),
            )
        return known

    def carry_over(self, connection: Connection, old: int, new: int) -> int:
        """Take from the old generation what a topic that lost its beginning cannot give; how many rows that were."""
        completed = connection.execute(self._complete, {"old": old, "new": new}).rowcount
        return completed + connection.execute(self._keep, {"old": old, "new": new}).rowcount

    def forget(self, connection: Connection, current: int) -> int:
        """Delete one batch of rows of other generations; how many went."""
        query = sql.SQL(
            "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE _generation <> %s LIMIT %s))"
        )
        return connection.execute(query.format(table=self._table), (current, FORGET_BATCH)).rowcount

    @cached_property
    def _parts(self) -> Mapping[str, sql.Composable]:
        columns = [sql.Identifier(column.name) for column in self._columns.values()]
        return {
            "table": self._table,
            "columns": sql.SQL(", ").join(columns),
            "completed": sql.SQL(", ").join(sql.SQL("{0} = coalesce(n.{0}, o.{0})").format(each) for each in columns),
        }

    @cached_property
    def _complete(self) -> sql.Composed:
        return sql.SQL(
            "UPDATE {table} AS n SET {completed}, _whole = o._whole FROM {table} AS o"
            " WHERE n._generation = %(new)s AND NOT n._whole AND o._generation = %(old)s"
            " AND o._source = n._source AND o._subject = n._subject"
        ).format(**self._parts)

    @cached_property
    def _keep(self) -> sql.Composed:
        return sql.SQL(
            "INSERT INTO {table} (_generation, _source, _subject, _stream, _sequence, _whole, {columns})"
            " SELECT %(new)s, _source, _subject, _stream, _sequence, _whole, {columns} FROM {table}"
            " WHERE _generation = %(old)s ON CONFLICT (_generation, _source, _subject) DO NOTHING"
        ).format(**self._parts)


__all__ = ["InvalidMessage", "ProjectionStore"]
