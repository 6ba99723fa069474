"""A broker of one partition a topic: it keeps what it took, and loses acknowledgements, not records.

Its producers are idempotent: behind a record that it cannot take now, it takes none of the same batch. One that it
refuses for its own sake lets those behind it pass, so only such a key may lose its order on the topic.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from simulation.database import Row
from simulation.world import World

REFUSED, ACK_LOST, AGAIN = 0.02, 0.02, 0.03


class Broker:
    """Topics and what groups have committed of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.topics: dict[str, list[Row]] = defaultdict(list)
        self.refused: set[tuple[str, str]] = set()  # keys of which a record was refused for its own sake
        self.offsets: dict[tuple[str, str], int] = defaultdict(int)

    def produce(self, row: Row, away: set[str]) -> str | None:
        """Take a record; gives why it is not acknowledged. `away` are the topics that failed in this batch."""
        if row.topic in away:
            return "broker"
        if self._world.breaks(REFUSED):
            if self._world.rng.random() < 0.5:
                self.refused.add((row.topic, row.key))
                return "message"
            away.add(row.topic)
            return "broker"
        self.topics[row.topic].append(replace(row))
        self._world.happened(row.topic)
        return "broker" if self._world.breaks(ACK_LOST) else None

    def fetch(self, topic: str, offset: int) -> list[tuple[int, Row]]:
        """Some records from there on; old ones may come again, and some may come in another order or not at all.

        What is left out has a later one of its key behind it: the end of a topic is never lost.
        """
        found = list(enumerate(self.topics[topic][offset : offset + 5], start=offset))
        if found and self._world.breaks(AGAIN):
            found.insert(0, (found[0][0], self._world.rng.choice(self.topics[topic])))
        if len(found) > 1 and self._world.breaks(AGAIN):
            self._world.rng.shuffle(found)
        if found and self._world.breaks(AGAIN) and self._is_followed(*found[0]):
            del found[0]
        return found

    def _is_followed(self, offset: int, row: Row) -> bool:
        return any(later.key == row.key and later.sequence > row.sequence for later in self.topics[row.topic][offset:])

    def between(self, topic: str, key: str, after: int, before: int) -> list[Row]:
        """The records of a key with sequences between two, as somebody who looks for them finds them."""
        first = {row.sequence: row for row in reversed(self.topics[topic]) if row.key == key}
        return [first[sequence] for sequence in range(after + 1, before) if sequence in first]
