"""What must hold of every fleet at rest, counted in its databases and topics from outside.

The numbers are those of the conformance suite: I1 nothing lost between outbox and bus and nothing invented, I2 dense
order of every key, I3 every record handled once by whoever handles its type, I5 every saga ended and for good, I8
nothing left open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from e2e.bus import Record
from e2e.live_fleet import LiveFleet, until
from fleetgen.facts.schema import ServiceFacts
from fleetgen.runtime.monorepo import LocalService

TERMINAL = {"completed", "compensated", "aborted"}
BUCKETS = 64
NOTICES = {
    "fleet.fulfilment.overdue.v1",
    "fleet.saga.undone.v1",
    "fleet.saga.skipped.v1",
    "fleet.saga.retry.v1",
    "fleet.saga.stuck.v1",
    "fleet.saga.aborted.v1",
}


def await_rest(live: LiveFleet) -> None:
    """Wait until nothing is on its way: every outbox is empty, every reader has committed that it read everything.

    A record that comes again after a kill is waited for too: its offset was not committed.
    """

    def at_rest() -> bool:
        before = _written(live)
        return not any(_on_the_way(live).values()) and _written(live) == before

    until(at_rest, lambda: f"still on the way: {_on_the_way(live)}")


def _written(live: LiveFleet) -> int:
    """How many messages there have ever been."""
    return sum(live.sql(service.name, "SELECT count(*) FROM conformance_shadow")[0][0] for service in live.services)


def _on_the_way(live: LiveFleet) -> dict[str, object]:
    """By service: rows in its outbox, or else the partitions that it has yet to read."""
    found: dict[str, object] = {}
    for service in live.services:
        topics = _topics(service)
        left = unsent(live, service.name)
        found[service.name] = left or (live.bus.behind(group(service), topics) if topics else {})
    return found


def check_all(live: LiveFleet) -> None:
    """All invariants, of a fleet at rest."""
    nothing_lost_or_invented(live)
    keys_are_dense(live)
    each_handled_once(live)
    sagas_have_ended(live)
    nothing_is_left_open(live)


def nothing_lost_or_invented(live: LiveFleet) -> None:
    """I1: what was committed to an outbox is on the bus, and nothing else is."""
    written = {str(ce_id) for service in live.services for (ce_id,) in live.sql(service.name, _SHADOW)}
    seen = {record.ce_id for record in live.bus.read()}
    assert written - seen == set(), f"committed, and not on the bus: {written - seen}"
    assert seen - written == set(), f"on the bus, and in no outbox: {seen - written}"


def keys_are_dense(live: LiveFleet) -> None:
    """I2: the first occurrences of a key's records have the sequence 1 to n, in the order in which they lie.

    Every writer counts for itself: only a saga's fulfilment topic has more than one.
    """
    found: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for record in firsts(live.bus.read()):
        found[record.topic, record.key, record.headers["ce_source"]].append(int(record.headers["ce_sequence"]))
    assert found, "there is nothing on the bus"
    broken = {key: numbers for key, numbers in found.items() if numbers != list(range(1, len(numbers) + 1))}
    assert broken == {}, f"not 1 to n: {broken}"


def each_handled_once(live: LiveFleet) -> None:
    """I3: one row in the inbox for each record and group that handles its type, none for others, nothing parked."""
    live.bus.read()
    for service in live.services:
        wanted = Counter(handled(live, service))
        rows = Counter(ce_id for (ce_id,) in live.sql(service.name, _INBOX, group(service)))
        assert rows - wanted == Counter(), f"{service.name} has rows in its inbox for no record: {rows - wanted}"
        assert wanted - rows == Counter(), f"{service.name} lacks rows in its inbox: {wanted - rows}"
        assert live.sql(service.name, _PARKED) == [], f"{service.name} has parked records"
        assert live.sql(service.name, "SELECT ce_id FROM outbox_dead") == [], f"{service.name} has dead messages"
    assert [record for record in live.bus.records if record.topic.endswith(".dlq")] == [], "there are dead letters"


def sagas_have_ended(live: LiveFleet) -> None:
    """I5: every saga has ended, and none that had has changed since it was looked at before."""
    ends = {
        str(saga): (status, version)
        for service in live.services
        for saga, status, version in live.sql(service.name, "SELECT saga_id, status, version FROM saga_instance")
    }
    assert all(status in TERMINAL for status, _ in ends.values()), f"not all have ended: {ends}"
    assert live.ended.items() <= ends.items(), "a saga changed after its end"
    live.ended = ends


def nothing_is_left_open(live: LiveFleet) -> None:
    """I8: empty outboxes, no transaction that idles, and all buckets leased by the one relay that lives."""
    for service in live.services:
        name = service.name
        assert unsent(live, name) == 0, f"{name} has not sent everything"
        until(lambda name=name: not live.sql(name, _IDLE), f"{name} leaves no transaction open", 5)
        until(lambda name=name: live.sql(name, _LEASES) == [(1, BUCKETS)], f"{name}: one relay for all buckets", 20)


def firsts(records: list[Record]) -> Iterator[Record]:
    """Records without those that repeat an earlier one of the same topic."""
    seen: set[tuple[str, str]] = set()
    for record in records:
        if (record.topic, record.ce_id) not in seen:
            seen.add((record.topic, record.ce_id))
            yield record


def unsent(live: LiveFleet, service: str) -> int:
    """Rows in an outbox."""
    count: int = live.sql(service, "SELECT count(*) FROM outbox")[0][0]
    return count


def handled(live: LiveFleet, service: LocalService) -> Iterator[str]:
    """The ids of the records on the bus that the service has code for, by its facts alone."""
    read = _topics(service)
    types = set(_event_types(service.facts))
    commands = {kind for saga in _own(service, "orchestration") for kind in _commands_for(service, saga)}
    replies = any(saga.owner == service.facts.name.kebab for saga in _own(service, "orchestration"))
    for record in firsts(live.bus.records):
        if record.topic not in read:
            continue
        if record.is_reply:
            wanted = replies
        elif record.topic == service.facts.command_topic:
            wanted = record.ce_type in commands
        else:
            wanted = record.ce_type in types
        if wanted:
            yield record.ce_id


def group(service: LocalService) -> str:
    """The consumer group, under whose name the inbox keeps its rows."""
    return f"{service.facts.fleet}.{service.facts.name.kebab}"


def _topics(service: LocalService) -> set[str]:
    return {subscription.topic for subscription in service.facts.subscriptions}


def _own(service: LocalService, mode: str) -> list:
    return [saga for saga in service.facts.sagas if saga.mode == mode]


def _commands_for(service: LocalService, saga) -> Iterator[str]:
    for step in saga.steps:
        if step.service == service.facts.name.kebab:
            yield from (step.command_type, step.undo_type)


def _event_types(facts: ServiceFacts) -> Iterator[str]:
    """Events of its policies, observers, copies and read models, and those of the choreographies it is part of."""
    known = {event.name.text: event.type for event in (*facts.events, *facts.foreign_events)}
    yield from (known[policy.event.text] for policy in facts.policies)
    yield from (known[event.text] for event in facts.observes)
    for projection in (*facts.copies, *facts.read_models):
        yield from (known[source.event.text] for source in projection.sources)
    for saga in facts.sagas:
        if saga.mode == "choreography":
            yield from NOTICES
            names = {name for step in saga.steps for name in (step.succeeds_with, step.refuses_with, step.undone_with)}
            yield from (known[name] for name in names & known.keys())


_SHADOW = "SELECT ce_id FROM conformance_shadow"
_INBOX = "SELECT ce_id FROM inbox WHERE handler = %s"
_PARKED = "SELECT handler, topic, msg_key, reason, last_error FROM inbox_parked"
_IDLE = """
SELECT pid, query FROM pg_stat_activity
 WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND xact_start < now() - interval '1 second'
"""
_LEASES = """
SELECT count(DISTINCT owner), count(*) FROM lease
 WHERE name ~ '^relay:' AND owner IS NOT NULL AND expires_at > clock_timestamp()
"""
