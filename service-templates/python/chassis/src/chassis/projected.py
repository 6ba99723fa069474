"""Rows of a projection, to be read: the port to a copy of another context's data, and the pages of a read model.

Every statement reads the generation that is current when it begins, so that a rebuild changes all rows at one moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast, get_type_hints

from psycopg import sql

from chassis.columns import Column, columns_of
from chassis.message import FieldError, InvalidMessage
from chassis.paging import LIMIT_DEFAULT, Page
from chassis.work import Connection, UnitOfWork

T = TypeVar("T")
_BETWEEN = "~"  # subject and kind of the last row of a page; no kind has it in its name


@dataclass(frozen=True, slots=True)
class Freshness:
    """Everything before `as_of` is in a projection, which was `seconds` ago; `None` while that is not known."""

    as_of: datetime | None
    seconds: float | None


class ProjectedRows(Generic[T]):
    """The rows of one projection.

    Args:
        cls: the class of a row.
        name: the projection.
        table: its table.
        key: the attribute by which it is read.
    """

    def __init__(self, cls: type[T], *, name: str, table: str, key: str) -> None:
        self._cls, self._name = cls, name
        self._columns = columns_of(cast(Any, cls))
        self._key = next(column for column in self._columns if column.name == key)
        needed = [sql.SQL("{} IS NOT NULL").format(sql.Identifier(name)) for name in needed_columns(cls)]
        self._select = sql.SQL(
            "SELECT {columns}, _subject, _source FROM {table}"
            " WHERE _generation = (SELECT generation FROM projection WHERE name = {name}) AND {key} = %s AND {needed}"
        ).format(
            columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in self._columns),
            table=sql.Identifier(table),
            name=sql.Literal(name),
            key=sql.Identifier(key),
            needed=sql.SQL(" AND ").join(needed),
        )

    def get(self, work: UnitOfWork, key: Any, /) -> T | None:
        """What is known of the key, `None` when nothing is. Several aggregates may speak of it: the latest counts."""
        query = sql.SQL("{} ORDER BY changed_at, _subject, _source").format(self._select)
        rows = work.connection.execute(query, (self._parsed(key),)).fetchall()
        latest: list[Any] = [None] * len(self._columns)
        for row in rows:
            latest = [now if now is not None else before for before, now in zip(latest, row[:-2], strict=True)]
        return self._load(latest) if rows else None

    def page(self, work: UnitOfWork, key: Any, after: str | None = None, limit: int = LIMIT_DEFAULT) -> Page[T]:
        """The rows of a key, in the order of their aggregates' ids, behind the end of the page before."""
        subject, source = _place(after)
        query = sql.SQL("{} AND (_subject, _source) > (%s, %s) ORDER BY _subject, _source LIMIT %s")
        values = (self._parsed(key), subject, source, limit + 1)
        rows = work.connection.execute(query.format(self._select), values).fetchall()
        items = tuple(self._load(list(row[:-2])) for row in rows[:limit])
        return Page(items, _BETWEEN.join(rows[limit - 1][-2:]) if len(rows) > limit else None)

    def freshness(self, work: UnitOfWork) -> Freshness:
        """How old what is read may be."""
        return freshness(work.connection, self._name)

    def _parsed(self, key: Any) -> Any:
        return self._key.store(self._key.parse(key))

    def _load(self, values: list[Any]) -> T:
        pairs: zip[tuple[Column, Any]] = zip(self._columns, values, strict=True)
        return self._cls(**{column.name: column.load(value) for column, value in pairs})


def freshness(connection: Connection, name: str) -> Freshness:
    """Of a projection; unknown until it was built once."""
    row = connection.execute(_FRESHNESS, (name,)).fetchone()
    if row is None or row[0] is None:
        return Freshness(None, None)
    return Freshness(row[0].astimezone(UTC), max(0.0, float(row[1])))


_FRESHNESS = """
SELECT as_of, extract(epoch FROM clock_timestamp() - as_of)
  FROM (SELECT projection_as_of(topics) AS as_of FROM projection WHERE name = %s AND built_at IS NOT NULL) AS known
"""


def needed_columns(cls: type[Any]) -> list[str]:
    """Columns without which a row is not complete: those whose attribute is not optional."""
    hints = get_type_hints(cls)
    return [name for name, hint in hints.items() if type(None) not in getattr(hint, "__args__", ())]


def _place(after: str | None) -> tuple[str, str]:
    if after is None:
        return "", ""
    subject, between, source = after.rpartition(_BETWEEN)
    if not between or "\x00" in after:
        raise InvalidMessage((FieldError("/after", "is not the end of a page"),))
    return subject, source
