"""What must hold when a run has come to rest. Each gives sentences about what does not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from simulation.fleet import EVENTS, KEYS, Fleet


def broken(fleet: Fleet) -> list[str]:
    """All that is wrong after a run."""
    return [
        f"{check.__name__}: {sentence}"
        for check in (nothing_lost, order_kept, effects_once, at_rest, sagas_end, sagas_have_their_effect)
        for sentence in check(fleet)
    ]


def nothing_lost(fleet: Fleet) -> Iterator[str]:
    """What was committed is in its topic, and nothing else is."""
    committed = {row.id for database in fleet.databases.values() for row in database.committed}
    there = {row.id for topic in fleet.broker.topics.values() for row in topic}
    yield from (f"{each} was never published" for each in sorted(committed - there))
    yield from (f"{each} was published and never committed" for each in sorted(there - committed))


def order_kept(fleet: Fleet) -> Iterator[str]:
    """First occurrences of a key are 1, 2, 3 … unless one was refused for its own sake."""
    for topic, rows in sorted(fleet.broker.topics.items()):
        seen: dict[str, int] = defaultdict(int)
        for row in rows:
            if row.sequence > seen[row.key] + 1 and (topic, row.key) not in fleet.broker.refused:
                yield f"{topic}: {row.sequence} of {row.key} came after {seen[row.key]}"
            seen[row.key] = max(seen[row.key], row.sequence)


def effects_once(fleet: Fleet) -> Iterator[str]:
    """Each event had its effect once, in the order of its key."""
    effects = fleet.databases["reader"].effects
    published = fleet.databases["order"].sequences
    for key in KEYS:
        applied = [sequence for of, sequence in effects if of == key]
        if applied != list(range(1, published.get((EVENTS, key), 0) + 1)):
            yield f"key {key} had the effects {applied}"


def at_rest(fleet: Fleet) -> Iterator[str]:
    """Nothing waits any more."""
    for database in fleet.databases.values():
        if database.outbox:
            yield f"{database.name}: {len(database.outbox)} messages in the outbox"
        if any(database.parked.values()):
            yield f"{database.name}: records are parked"
        if database.locks:
            yield f"{database.name}: rows are locked"


def sagas_end(fleet: Fleet) -> Iterator[str]:
    """Each saga is over or stuck, in its time."""
    order = fleet.databases["order"]
    for saga_id in fleet.flows:
        saga = order.sagas.get(saga_id)
        if saga is None or saga.status in ("running", "compensating"):
            yield f"{saga_id} is {saga.status if saga else 'not there'}"


def sagas_have_their_effect(fleet: Fleet) -> Iterator[str]:
    """Completed: each part once. Compensated: nothing is left, undone in reverse order. Nothing ever twice."""
    done: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for database in fleet.databases.values():
        for effect in database.effects:
            if len(effect) == 4:
                done[effect[0]].append(effect[1:])
    for saga_id, flow in fleet.flows.items():
        saga = fleet.databases["order"].sagas.get(saga_id)
        left: Counter[tuple[str, int]] = Counter()
        for step, part, sign in done[saga_id]:
            left[step, part] += sign
        undoable = {step["name"] for step in flow["steps"] if step["undo"]}
        for (step, part), count in sorted(left.items()):
            wanted = {"completed": (1,), "compensated": (0,)}.get(saga.status if saga else "", (0, 1))
            if count not in wanted and (step in undoable or count not in (0, 1)):
                status = saga.status if saga else "gone"
                yield f"{saga_id}: {step} {part} has the effect {count} and the saga is {status}"
        yield from _reverse(fleet, saga_id)


def _reverse(fleet: Fleet, saga_id: str) -> Iterator[str]:
    numbers = {step["name"]: seq for seq, step in enumerate(fleet.flows[saga_id]["steps"], 1)}
    undone = [
        (row.position, row.body["command"]["step"])
        for row in fleet.databases["order"].committed
        if row.key == saga_id and "command" in row.body and row.body["command"]["direction"] == "compensate"
    ]
    steps = [step for _, step in sorted(undone)]
    if steps != sorted(steps, reverse=True):
        yield f"{saga_id}: undone in the order {steps} of {len(numbers)}"
