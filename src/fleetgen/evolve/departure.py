"""A service or an aggregate that leaves the fleet: what stays behind, and what a person may do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Departure:
    """`files` are those that a person edited or wrote, by path; nothing of them is deleted, nor topics or data."""

    kind: str  # "service" or "aggregate"
    name: str
    service: str
    topics: tuple[str, ...]
    database: str
    tables: tuple[str, ...]
    readers: tuple[str, ...]  # services that still read one of the topics
    files: tuple[str, ...] = ()
    elsewhere: bool = False  # it goes on without this fleet: `managed: false`

    def lines(self) -> list[str]:
        """For a person."""
        if self.elsewhere:
            return [f"`{self.name}` goes on elsewhere (`managed: false`): its contracts stay here.", *self._files()]
        gone = [f"The {self.kind} `{self.name}` leaves. Nothing of this is deleted for you:"]
        for topic in self.topics:
            gone.append(f"  topic {topic}: delete it when nobody reads it any more{self._still_read()}")
        return [*gone, *self._data(), *self._files()]

    def _still_read(self) -> str:
        return f" (now: {', '.join(self.readers)})" if self.readers else ""

    def _data(self) -> list[str]:
        tables = ", ".join(self.tables)
        if self.kind == "service":
            held = f" with {tables}" if tables else ""
            return [f"  database {self.database}{held}: keep a dump, then drop it by hand"] if self.database else []
        said = f"`dropped: [{self.name}]` in `{self.service}` lets a contraction delete it"
        return [f"  table {tables} in database {self.database}: it keeps its rows; {said}"] if self.database else []

    def _files(self) -> list[str]:
        return [f"  {path}: yours, stays; move or delete it yourself" for path in self.files]

    def data(self) -> dict[str, Any]:
        """For a script."""
        return {
            "kind": self.kind,
            "name": self.name,
            "service": self.service,
            "topics": list(self.topics),
            "database": self.database,
            "tables": list(self.tables),
            "readers": list(self.readers),
            "files": list(self.files),
            "elsewhere": self.elsewhere,
        }
