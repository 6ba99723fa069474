"""The simulation finds what is wrong, and a seed is the same run every time."""

from __future__ import annotations

import pytest
from simulation.__main__ import failures
from simulation.fleet import Fleet, Parts
from simulation.wrong import VARIANTS

SEEDS = range(1, 61)
SHOWN_BY = {
    "cursor-relay": "nothing_lost",
    "bare-skip-locked": "order_kept",
    "delete-before-ack": "nothing_lost",
    "early-commit": "effects_once",
    "no-inbox": "effects_once",
    "no-order": "effects_once",
    "no-barrier": "sagas_have_their_effect",
    "forward-compensation": "sagas_have_their_effect",
    "timers-in-memory": "sagas_end",
}


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_some_seed_shows_what_is_wrong(name: str) -> None:
    """By the promise that it breaks, on a seed that breaks nothing when it is right."""
    for seed in SEEDS:
        if any(sentence.startswith(f"{SHOWN_BY[name]}: ") for sentence in failures(seed, VARIANTS[name])):
            assert failures(seed, Parts()) == []
            return
    pytest.fail(f"{len(SEEDS)} seeds have not shown {name}")


def _told(seed: int) -> list[object]:
    fleet = Fleet(seed, Parts())
    fleet.run()
    return [fleet.world.now, *((name, database.effects) for name, database in fleet.databases.items()),
            *((topic, [row.id for row in rows]) for topic, rows in fleet.broker.topics.items())]  # fmt: skip


def test_a_seed_is_the_same_run_every_time() -> None:
    assert _told(7) == _told(7)
    assert _told(7) != _told(8)


def test_what_can_go_wrong_does() -> None:
    """Kills, pauses, lost acknowledgements, doubled, lost and reordered records, gaps and compensations all occur."""
    statuses, lives, doubled, late = set[str](), 0, 0, 0
    for seed in range(1, 31):
        fleet = Fleet(seed, Parts())
        fleet.run()
        statuses |= {saga.status for saga in fleet.databases["order"].sagas.values()}
        lives += fleet.conductor.life - 1
        for rows in fleet.broker.topics.values():
            doubled += len(rows) - len({row.id for row in rows})
        positions = [row.position for row in fleet.databases["order"].committed]
        late += positions != sorted(positions)
    assert {"completed", "compensated"} <= statuses
    assert lives > 0
    assert doubled > 0
    assert late > 0
