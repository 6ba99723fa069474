"""Pages of a search: what a query asks for and what it gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)

LIMIT_DEFAULT = 50
LIMIT_MOST = 200


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `limit` items behind the key `after` (the `next` of the page before)."""

    after: str | None = None
    limit: int = LIMIT_DEFAULT


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """Items in key order; `next` is to be passed as `after`, `None` on the last page."""

    items: tuple[T_co, ...]
    next: str | None = None
