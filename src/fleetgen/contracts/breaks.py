"""What can keep a reader from records that another version of a schema wrote."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Path = tuple[str, ...]  # names of fields, the outermost first


class Why(StrEnum):
    """The kinds of break; the words are stable, tests and data name them."""

    NO_DEFAULT = "no-default"  # the reader wants a field that was not written
    TYPE = "type"  # it was written as something else
    MEANING = "meaning"  # the same bytes, said to mean something else
    NAME = "name"  # a named type, or a field of that number, is called otherwise
    SYMBOL = "symbol"  # an enum's symbol that the reader does not know
    NUMBER = "number"  # a field moved to another number
    REUSED = "reused"  # a name or number that belonged to a field that is gone
    UNRESERVED = "unreserved"  # a field is gone, and nothing keeps its number from being given again


@dataclass(frozen=True, order=True)
class Break:
    """One reason, at one field; `said` completes "`field` …"."""

    path: Path
    why: Why
    said: str
