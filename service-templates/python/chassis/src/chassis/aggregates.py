"""Aggregates in a table: one row each, one column a field.

Columns are named like the attributes. Types: text, bigint, numeric, boolean, uuid, date, timestamptz and interval as
in Python; money, value objects and lists are `jsonb` in their wire form; a state is text. One more column,
`_version bigint NOT NULL`, counts the changes; no field can have that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from psycopg import sql

from chassis.columns import Column, columns_of
from chassis.domain import Conflict, NotFound
from chassis.message import FieldError, InvalidMessage
from chassis.paging import LIMIT_DEFAULT, Page
from chassis.work import UnitOfWork

T = TypeVar("T")


class AggregateTable(Generic[T]):
    """The aggregates of one kind. Methods take the unit of work first and see only what it sees.

    Args:
        cls: the aggregate's frozen dataclass.
        table: its table.
        key: the attribute that identifies it.
    """

    def __init__(self, cls: type[T], table: str, key: str) -> None:
        self._cls, self._table, self._key = cls, table, key
        self._columns = columns_of(cast(Any, cls))
        self._by_name = {column.name: column for column in self._columns}
        self._by_name |= {column.wire: column for column in self._columns}
        names = [sql.Identifier(column.name) for column in self._columns]
        parts = {
            "table": sql.Identifier(table),
            "key": sql.Identifier(key),
            "columns": sql.SQL(", ").join(names),
            "values": sql.SQL(", ").join(sql.Placeholder() * len(names)),
            "changes": sql.SQL(", ").join(sql.SQL("{} = %s").format(name) for name in names),
        }
        self._parts = parts
        self._insert = sql.SQL(
            "INSERT INTO {table} ({columns}, _version) VALUES ({values}, 1) ON CONFLICT ({key}) DO NOTHING"
        ).format(**parts)
        self._select = sql.SQL("SELECT {columns}, _version FROM {table} WHERE {key} = %s FOR UPDATE").format(**parts)
        self._read = sql.SQL("SELECT {columns}, _version FROM {table} WHERE {key} = %s").format(**parts)
        self._update = sql.SQL(
            "UPDATE {table} SET {changes}, _version = _version + 1"
            " WHERE {key} = %s AND _version = coalesce(%s::bigint, _version)"
        ).format(**parts)

    def add(self, work: UnitOfWork, state: T) -> None:
        """Store a new aggregate; `Conflict` when its key is taken."""
        key = getattr(state, self._key)
        if work.connection.execute(self._insert, self._row(state)).rowcount == 0:
            raise Conflict(f"there is a {self._cls.__name__} {key} already")
        work.versions[self._table, str(key)] = 1

    def get(self, work: UnitOfWork, key: Any) -> T:
        """The aggregate, locked until the transaction ends; `NotFound` when there is none."""
        row = work.connection.execute(self._select, (self._by_name[self._key].parse(key),)).fetchone()
        if row is None:
            raise NotFound(self._cls.__name__, key)
        work.versions[self._table, str(key)] = row[-1]
        return self._load(row)

    def read(self, work: UnitOfWork, key: Any) -> T:
        """The aggregate as it is, for a query: nothing is locked; `NotFound` when there is none."""
        row = work.connection.execute(self._read, (self._by_name[self._key].parse(key),)).fetchone()
        if row is None:
            raise NotFound(self._cls.__name__, key)
        return self._load(row)

    def save(self, work: UnitOfWork, state: T) -> None:
        """Store what became of an aggregate; `Conflict` when it changed since this unit of work read it."""
        key = getattr(state, self._key)
        mark = self._table, str(key)
        version = work.versions.get(mark)
        if work.connection.execute(self._update, (*self._row(state), key, version)).rowcount == 0:
            if version is None:
                raise NotFound(self._cls.__name__, key)
            raise Conflict(f"{self._cls.__name__} {key} has been changed by somebody else")
        if version is not None:
            work.versions[mark] = version + 1

    def find(self, work: UnitOfWork, field: str, value: Any) -> tuple[Any, ...]:
        """Keys, in order, of those whose field equals the value. `field` is an attribute or its name on the wire."""
        column = self._by_name[field]
        query = sql.SQL("SELECT {key} FROM {table} WHERE {field} = %s ORDER BY {key}").format(
            **self._parts, field=sql.Identifier(column.name)
        )
        rows = work.connection.execute(query, (column.store(column.parse(value)),)).fetchall()
        return tuple(self._by_name[self._key].load(row[0]) for row in rows)

    def page(
        self, work: UnitOfWork, filters: Mapping[str, Any], after: str | None = None, limit: int = LIMIT_DEFAULT
    ) -> Page[T]:
        """Those that match all filters that are not `None`, in key order, behind the key `after`. Nothing is locked."""
        conditions: list[sql.Composable] = []
        values: list[Any] = []
        for name, value in filters.items():
            if value is not None:
                column = self._by_name[name]
                conditions.append(sql.SQL("{} = %s").format(sql.Identifier(column.name)))
                values.append(column.store(column.parse(value)))
        if after is not None:
            conditions.append(sql.SQL("{key} > %s").format(**self._parts))
            values.append(self._after(after))
        where = sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")
        query = sql.SQL("SELECT {columns}, _version FROM {table} WHERE {where} ORDER BY {key} LIMIT %s").format(
            **self._parts, where=where
        )
        rows = work.connection.execute(query, (*values, limit + 1)).fetchall()
        items = tuple(self._load(row) for row in rows[:limit])
        more = len(rows) > limit and items
        return Page(items, str(getattr(items[-1], self._key)) if more else None)

    def _after(self, text: str) -> Any:
        try:
            return self._by_name[self._key].parse(text)
        except InvalidMessage:
            raise InvalidMessage((FieldError("/after", "is not the end of a page"),)) from None

    def _row(self, state: T) -> list[Any]:
        return [column.store(getattr(state, column.name)) for column in self._columns]

    def _load(self, row: tuple[Any, ...]) -> T:
        pairs: zip[tuple[Column, Any]] = zip(self._columns, row[:-1], strict=True)
        return self._cls(**{column.name: column.load(value) for column, value in pairs})
