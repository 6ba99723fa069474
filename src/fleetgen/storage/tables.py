"""The tables of one service as its migrations leave them: `gen/migrations/tables.json`.

It is the base that a new specification is compared with, and it holds what a contraction has still to do. The file
comes with a clone, from anybody, and SQL is written from it: everything in it is checked when it is read.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Identifier = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
State = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,62}$")]
Kind = Literal[
    "string", "text", "int", "decimal", "money", "bool", "uuid", "date", "datetime", "duration", "url", "json",
    "value", "list", "state", "version",
]  # fmt: skip


class Part(BaseModel):
    """Frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Part):
    """A column. `optional` is what the specification wants, `nullable` and `default` are how it is now.

    `default` is `older` (what rows older than the column get) or a state. `role`: `renamed` columns are kept in step
    with the one that names them as its `source`; `removed` ones keep their data and are no longer written. `fills`:
    an empty value is replaced by the default, for writers that still leave it empty. `shape` tells one form of a
    value or list from another.
    """

    name: Identifier
    kind: Kind
    optional: bool = False
    nullable: bool = False
    default: Literal["", "older"] | State = ""
    role: Literal["", "renamed", "removed"] = ""
    source: Identifier | Literal[""] = ""
    fills: bool = False
    shape: Annotated[str, Field(pattern=r"^[0-9a-f]{0,16}$")] = ""


class Index(Part):
    """An index; one that is no longer wanted is `removed`."""

    name: Identifier
    columns: tuple[Identifier, ...]
    removed: bool = False


class Table(Part):
    """A table. `views` are names it had before, which older releases still read and write.

    `moves`: states that are no more, and what their rows are in instead.
    """

    name: Identifier
    aggregate: State
    key: Identifier
    columns: tuple[Column, ...]
    states: tuple[State, ...] = ()
    indexes: tuple[Index, ...] = ()
    views: tuple[Identifier, ...] = ()
    moves: dict[State, State] = {}
    removed: bool = False

    def column(self, name: str) -> Column | None:
        """The column of that name, whatever its role."""
        return next((column for column in self.columns if column.name == name), None)


class Tables(Part):
    """All tables of a service."""

    about: str = "Written by fleetgen, do not edit. The tables as the numbered files beside this one leave them."
    format: Literal[1] = 1
    tables: tuple[Table, ...] = ()

    def table(self, name: str) -> Table | None:
        """The table of that name."""
        return next((table for table in self.tables if table.name == name), None)

    def write(self) -> bytes:
        """As a file; what is as usual is left out."""
        tables = [table.model_dump(mode="json", exclude_defaults=True) for table in self.tables]
        document = {"about": self.about, "format": self.format, "tables": tables}
        return (json.dumps(document, indent=2) + "\n").encode()


def read(content: bytes) -> Tables:
    """Read the file.

    Raises:
        ValueError: When it is not one: edited, or in the middle of a merge.
    """
    try:
        return Tables.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg'].lower()}") from error
