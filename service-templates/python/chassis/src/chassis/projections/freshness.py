"""How far behind the projections are: the consumer's place in each partition against the ends of the partitions.

Asking a broker for the ends is one request; what was there when it was asked, and has been handled since, is known to
be in the projections. The database keeps the result, so that every instance and every query can tell.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from confluent_kafka import OFFSET_END, KafkaException, TopicPartition
from opentelemetry.metrics import CallbackOptions, Observation

from chassis.database import Database
from chassis.definition import Projection
from chassis.telemetry import meter

log = logging.getLogger(__name__)

EVERY_MOST, EVERY_LEAST = 5.0, 0.5
ASK_SECONDS = 3.0  # brokers answer in order: what is asked waits for the fetch before it, which takes a second at most
MARKS_MOST = 64  # ends of a partition that wait to be reached; the oldest say the most

_WRITE = """
INSERT INTO projection_progress AS p (topic, part, parts, as_of)
SELECT topic, part, parts, clock_timestamp() - make_interval(secs => age)
  FROM unnest(%s::text[], %s::int[], %s::int[], %s::float8[]) AS seen (topic, part, parts, age)
ON CONFLICT (topic, part) DO UPDATE SET parts = excluded.parts, as_of = greatest(p.as_of, excluded.as_of)
"""
_LAG = """
SELECT name, extract(epoch FROM clock_timestamp() - projection_as_of(topics))::float8
  FROM projection WHERE built_at IS NOT NULL
"""


@dataclass
class Marks:
    """Ends of one partition, and when they were asked for. Pure."""

    waiting: deque[tuple[float, int]] = field(default_factory=deque)
    as_of: float | None = None

    def note(self, at: float, end: int) -> None:
        """The partition ended at offset `end` when it was asked at that moment."""
        if len(self.waiting) < MARKS_MOST:
            self.waiting.append((at, end))

    def reached(self, position: int) -> float | None:
        """Everything before `position` was handled: the latest moment of which everything is known to be handled."""
        while self.waiting and self.waiting[0][1] <= position:
            self.as_of = self.waiting.popleft()[0]
        return self.as_of


class Progress:
    """Called by the consumer after each pass, with the client in hand; does something every now and then."""

    def __init__(
        self, database: Database, projections: Iterable[Projection], clock: Callable[[], float] = time.monotonic
    ) -> None:
        known = tuple(projections)
        self._database = database
        self._topics = frozenset(topic for projection in known for topic in projection.topics)
        promised = (projection.stale_at_most or 2 * EVERY_MOST for projection in known)
        self._every = max(EVERY_LEAST, min(promised, default=2 * EVERY_MOST) / 2)  # so that a promise can be seen kept
        self._clock = clock
        self._next = float("-inf")
        self._marks: dict[tuple[str, int], Marks] = {}
        self._parts: dict[str, int] = {}
        self._begun: dict[tuple[str, int], int] = {}  # where reading began, for partitions without a record since

    def __call__(self, client: Any) -> None:
        """Look where the client stands, if it is time to."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + self._every
        try:
            self._look(client)
        except (KafkaException, psycopg.Error) as reason:
            log.debug("progress of projections is not known: %s", reason)

    def _look(self, client: Any) -> None:
        mine = [place for place in client.assignment() if place.topic in self._topics]
        places = {(p.topic, p.partition) for p in mine}
        if places != self._marks.keys():
            self._marks, self._parts, self._begun = {place: Marks() for place in places}, {}, {}
        if not mine:
            return
        asked = self._clock()
        ends = client.offsets_for_times([TopicPartition(p.topic, p.partition, OFFSET_END) for p in mine], ASK_SECONDS)
        for end in ends:
            if end.error is None and end.offset >= 0:
                self._marks[end.topic, end.partition].note(asked, end.offset)
        self._write(client, self._positions(client, mine))

    def _positions(self, client: Any, mine: list[Any]) -> dict[tuple[str, int], int]:
        """Where the next record of each partition would be read."""
        known = {(p.topic, p.partition): p.offset for p in client.position(mine) if p.offset >= 0}
        unread = [p for p in mine if (p.topic, p.partition) not in known | self._begun]
        if unread:
            committed = client.committed([TopicPartition(p.topic, p.partition) for p in unread], ASK_SECONDS)
            self._begun |= {(p.topic, p.partition): max(0, p.offset) for p in committed if p.error is None}
        return self._begun | known

    def _write(self, client: Any, positions: Mapping[tuple[str, int], int]) -> None:
        rows = []
        for (topic, part), marks in self._marks.items():
            as_of = marks.reached(positions.get((topic, part), -1))
            if as_of is not None:
                rows.append((topic, part, self._partitions(client, topic), self._clock() - as_of))
        if not rows:
            return
        with self._database.connection() as connection:
            connection.execute("SET LOCAL synchronous_commit = off")
            connection.execute(_WRITE, [list(column) for column in zip(*rows, strict=True)])

    def _partitions(self, client: Any, topic: str) -> int:
        known = self._parts.get(topic)
        if known is None:
            known = self._parts[topic] = len(client.list_topics(topic, timeout=ASK_SECONDS).topics[topic].partitions)
        return known


def observe(database: Database) -> None:
    """Register the gauge of the lag of all projections, in seconds."""

    def look(_: CallbackOptions) -> Iterator[Observation]:
        try:
            with database.connection() as connection:
                rows = connection.execute(_LAG).fetchall()
        except psycopg.Error as reason:
            log.debug("the lag of projections cannot be observed: %s", reason)
            return
        for name, seconds in rows:
            if seconds is not None:
                yield Observation(seconds, {"projection": name})

    meter.create_observable_gauge("fleet.projection.lag", [look], "s")
