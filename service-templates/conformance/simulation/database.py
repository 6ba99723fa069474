"""One service's database: what is committed, and transactions that become visible all at once or never."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from model.leases import NEVER_TAKEN
from model.orchestration import Saga
from model.values import Json

BUCKETS = 4


@dataclass
class Row:
    """A message of the outbox."""

    position: int
    topic: str
    key: str
    sequence: int
    id: str
    body: Json
    attempts: int = 0
    not_before: int = 0

    @property
    def bucket(self) -> int:
        """Which bucket its key falls into."""
        return zlib.crc32(self.key.encode()) % BUCKETS


@dataclass
class Parked:
    """A record that waits in the inbox."""

    record: Row
    reason: str
    attempts: int
    next_at: int
    since: int


Cursor = tuple[str, str]


@dataclass
class Database:
    """Committed state. `locks` are rows of `outbox_key` that a transaction holds."""

    name: str
    changed: Callable[[], None] = lambda: None
    outbox: dict[int, Row] = field(default_factory=dict)
    sequences: dict[Cursor, int] = field(default_factory=dict)
    leases: dict[str, Json] = field(default_factory=dict)
    inbox: set[str] = field(default_factory=set)
    cursors: dict[Cursor, int] = field(default_factory=dict)
    parked: dict[Cursor, dict[int, Parked]] = field(default_factory=dict)
    effects: list[tuple[Any, ...]] = field(default_factory=list)
    sagas: dict[str, Saga] = field(default_factory=dict)
    barriers: dict[str, Json] = field(default_factory=dict)
    committed: list[Row] = field(default_factory=list)  # every message ever committed, for the invariants
    locks: dict[Cursor, Transaction] = field(default_factory=dict)
    position: int = 0

    def lease(self, name: str) -> Json:
        """A row of the table of leases."""
        return self.leases.get(name, NEVER_TAKEN)


class Transaction:
    """Writes that wait for the commit. Positions and locks are taken at once, as in a real database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._writes: list[Callable[[], None]] = []
        self._rows: list[Row] = []

    def write(self, act: Callable[[], None]) -> None:
        """Do this at the commit."""
        self._writes.append(act)

    def can_append(self, topic: str, key: str) -> bool:
        """Whether nobody else writes to this key just now."""
        return self.database.locks.get((topic, key), self) is self

    def append(self, topic: str, key: str, body: Json) -> Row:
        """Add a message; its key is locked until the end."""
        assert self.can_append(topic, key)
        self.database.locks[topic, key] = self
        own = sum(1 for row in self._rows if (row.topic, row.key) == (topic, key))
        sequence = self.database.sequences.get((topic, key), 0) + own + 1
        self.database.position += 1
        row = Row(self.database.position, topic, key, sequence, f"{topic}/{key}/{sequence}", body)
        self._rows.append(row)
        return row

    def commit(self) -> None:
        """All of it, at once."""
        for write in self._writes:
            write()
        for row in self._rows:
            self.database.outbox[row.position] = row
            self.database.sequences[row.topic, row.key] = row.sequence
            self.database.committed.append(row)
        self.database.changed()
        self.end()

    def end(self) -> None:
        """Give the locks back; what was not committed is gone, its positions too."""
        self._writes, self._rows = [], []
        self.database.locks = {key: tx for key, tx in self.database.locks.items() if tx is not self}
