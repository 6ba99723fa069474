"""What must hold of a fleet at rest, whatever was done to it: counted in databases and topics, from outside.

I1 nothing lost between outbox and bus, nothing invented; I2 dense order of every key; I3 every record takes effect
once; I4 money and stock add up; I5 every saga ended, for good, and left nothing if it was undone; I6 every cause is
there and none is its own; I8 nothing is left open; I10 what lies on the bus is what was committed. (I7 is about the
audit trail; I9, that acknowledged writes survive, is checked by whoever wrote: `rig.load`.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter

from fleetgen.facts.schema import SagaFact, ServiceFacts
from fleetgen.runtime.monorepo import LocalService

from rig.bus import firsts
from rig.fleet import Fleet
from rig.waiting import until

TERMINAL = {"completed", "compensated", "aborted"}
BUCKETS = 64
REST = 120.0  # a killed relay's leases last 10 s, a restart on a busy machine some more
NOTICES = {f"fleet.saga.{word}.v1" for word in ("undone", "skipped", "retry", "stuck", "aborted")} | {
    "fleet.fulfilment.overdue.v1"
}


def await_rest(fleet: Fleet, limit: float = REST) -> None:
    """Wait until nothing is on its way: outboxes empty, everything read and committed, nothing parked and due."""

    def at_rest() -> bool:
        before = _written(fleet)
        return not any(_on_the_way(fleet).values()) and _written(fleet) == before

    until(at_rest, lambda: f"still on the way: {_on_the_way(fleet)}", limit)


def check_all(fleet: Fleet, *, parked: bool = False, stuck: bool = False, relays: bool = True) -> None:
    """All invariants, of a fleet at rest; what a scenario leaves on purpose is said."""
    nothing_lost_or_invented(fleet)
    keys_are_dense(fleet)
    each_handled_once(fleet, parked=parked)
    money_and_stock_add_up(fleet)
    sagas_have_ended(fleet, stuck=stuck)
    causes_are_there(fleet)
    nothing_is_left_open(fleet, relays=relays)


def nothing_lost_or_invented(fleet: Fleet) -> None:
    """I1 and I10: what was committed to an outbox is on the bus with the same value, and nothing else is."""
    written: dict[str, str] = {}
    for service in fleet.services:
        written |= {str(ce_id): digest for ce_id, digest in fleet.sql(service.name, _SHADOW)}
    seen = {r.ce_id: r.digest for r in firsts(fleet.bus.read()) if not _apart(r.topic) and not r.by_suite}
    lost = written.keys() - seen.keys() - _given_up(fleet)
    assert lost == set(), f"I1: committed, and not on the bus: {lost}"
    gaps = {r.ce_id for r in fleet.bus.records if r.ce_type == "fleet.gap.v1"}
    assert seen.keys() - written.keys() - gaps == set(), (
        f"I1: on the bus, and in no outbox: {seen.keys() - written.keys()}"
    )
    changed = {ce_id for ce_id in seen.keys() & written.keys() if seen[ce_id] != written[ce_id]}
    assert changed == set(), f"I10: other values than were committed: {changed}"


def keys_are_dense(fleet: Fleet) -> None:
    """I2: the first occurrences of a key's records have the sequence 1 to n, in the order in which they lie.

    Every writer counts for itself: only a saga's fulfilment topic has more than one.
    """
    found: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for record in firsts(r for r in fleet.bus.read() if not r.by_suite and not _apart(r.topic)):
        found[record.topic, record.key, record.headers["ce_source"]].append(record.sequence)
    broken = {key: numbers for key, numbers in found.items() if numbers != list(range(1, len(numbers) + 1))}
    assert broken == {}, f"I2: not 1 to n: {dict(list(broken.items())[:5])}"


def each_handled_once(fleet: Fleet, *, parked: bool = False) -> None:
    """I3: of each record that a running service has code for, one row in its inbox or one that waits, never both."""
    fleet.bus.read()
    for service in fleet.services:
        if not fleet.running(service.name):
            continue
        name = service.name
        wanted = Counter(handled(fleet, service))
        rows = Counter(ce_id for (ce_id,) in fleet.sql(name, _INBOX, group(service)))
        waiting = Counter(ce_id for (ce_id,) in fleet.sql(name, _PARKED))
        assert parked or not waiting, f"I3: {name} has parked records: {fleet.sql(name, _WHY_PARKED)}"
        both = rows & waiting
        assert both == Counter(), f"I3: {name} has done and parked the same: {both}"
        assert rows - wanted == Counter(), f"I3: {name} has rows in its inbox for no record: {rows - wanted}"
        assert wanted - rows - waiting == Counter(), f"I3: {name} lacks rows in its inbox: {wanted - rows - waiting}"
        assert parked or fleet.sql(name, "SELECT ce_id FROM outbox_dead") == [], f"{name} has dead messages"


def money_and_stock_add_up(fleet: Fleet) -> None:
    """I4: what was withdrawn lies in the vaults; no stock is negative; what is reserved is what orders hold."""
    ran = {service.name for service in fleet.services}
    if {"counter", "tally"} <= ran:
        out = {key: total for key, total in fleet.sql("counter", "SELECT holder, balance FROM accounts")}
        put = {key: total for key, total in fleet.sql("tally", "SELECT holder, balance FROM vaults")}
        sums = {holder: out[holder] + put.get(holder, 0) for holder in out}
        wrong = {holder: total for holder, total in sums.items() if total != ACCOUNT}
        assert wrong == {}, f"I4: money is lost or made: {wrong}"
        totals = dict(fleet.sql("counter", "SELECT name, total FROM counters"))
        tallied = {
            key: (total, seen) for key, total, seen in fleet.sql("tally", "SELECT name, total, seen FROM tallies")
        }
        waiting = {key for (key,) in fleet.sql("tally", "SELECT msg_key FROM inbox_parked")}
        off = {
            key: (total, tallied.get(key)) for key, total in totals.items()
            if tallied.get(key) != (total, total) and key not in waiting and fleet.running("tally")
        }  # fmt: skip
        assert off == {}, f"I3: effects that are lost or doubled: {dict(list(off.items())[:5])}"
    if "inventory" in ran:
        assert fleet.sql("inventory", "SELECT sku FROM stocks WHERE reserved < 0 OR reserved > on_hand") == [], "I4"
        assert fleet.sql("inventory", "SELECT sku FROM racks WHERE free < 0") == [], "I4: a rack gave what it lacks"
    if {"inventory", "order", "payment"} <= ran and fleet.running("inventory"):
        held = Counter(dict(fleet.sql("order", _HELD_BY_ORDERS)))
        reserved = Counter(dict(fleet.sql("inventory", "SELECT sku, reserved FROM stocks WHERE reserved > 0")))
        assert reserved == held, f"I4: reserved {reserved}, but orders hold {held}"
        paid = {
            order for (order,) in fleet.sql("payment", "SELECT order_id::text FROM payments WHERE state = 'authorized'")
        }
        owed = {order for (order,) in fleet.sql("order", _PAID_BY_ORDERS)}
        assert paid == owed, f"I5: payments that no order stands for: {paid ^ owed}"


def sagas_have_ended(fleet: Fleet, *, stuck: bool = False) -> None:
    """I5: every saga has ended, and none that had has changed since it was looked at before."""
    ends = {
        str(saga): (status, version)
        for service in fleet.services
        for saga, status, version in fleet.sql(service.name, "SELECT saga_id, status, version FROM saga_instance")
    }
    allowed = TERMINAL | ({"stuck"} if stuck else set())
    going_on = {saga: end for saga, end in ends.items() if end[0] not in allowed}
    assert going_on == {}, f"I5: not all have ended: {going_on}"
    assert fleet.ended.items() <= ends.items(), "I5: a saga changed after its end"
    fleet.ended = {saga: end for saga, end in ends.items() if end[0] in TERMINAL}


def causes_are_there(fleet: Fleet) -> None:
    """I6: the cause of every record lies on the bus too, or was no message; no record is among its own causes."""
    records = {record.ce_id: record for record in fleet.bus.read()}
    graph = {ce_id: {cause} for ce_id, record in records.items() if (cause := record.headers.get("ce_causationid", ""))}
    missing = {ce_id: cause for ce_id, (cause,) in graph.items() if cause not in records}
    absent = {ce_id: cause for ce_id, cause in missing.items() if not records[ce_id].is_reply or ce_id == cause}
    assert absent == {}, f"I6: caused by what is not on the bus: {dict(list(absent.items())[:5])}"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as ring:
        raise AssertionError(f"I6: a ring of causes: {ring.args[1]}") from None


def nothing_is_left_open(fleet: Fleet, *, relays: bool = True) -> None:
    """I8: empty outboxes, no transaction that idles, and buckets leased by living relays alone."""
    for service in fleet.services:
        name = service.name
        if not fleet.running(name):
            continue
        assert fleet.sql(name, "SELECT count(*) FROM outbox")[0][0] == 0, f"I8: {name} has not sent everything"
        until(_none(fleet, name, _IDLE), f"I8: {name} leaves a transaction open", 5)
        if relays:
            living = len(fleet.running(name))
            until(
                lambda name=name, living=living: fleet.sql(name, _LEASES) == [(living, BUCKETS)],
                lambda name=name: f"I8: {name}: all buckets with the living: {fleet.sql(name, _LEASES)}",
                30,
            )


def _none(fleet: Fleet, service: str, query: str) -> Callable[[], bool]:
    return lambda: not fleet.sql(service, query)


def _written(fleet: Fleet) -> int:
    return sum(fleet.sql(s.name, "SELECT count(*) FROM conformance_shadow")[0][0] for s in fleet.services)


def _on_the_way(fleet: Fleet) -> dict[str, object]:
    """By service: rows in its outbox, or else partitions to be read, or else records that wait and are due."""
    found: dict[str, object] = {}
    for service in fleet.services:
        if not fleet.running(service.name):
            continue
        topics = _topics(service)
        unsent = fleet.sql(service.name, "SELECT count(*) FROM outbox WHERE not_before IS DISTINCT FROM 'infinity'")
        left = fleet.bus.behind(group(service), topics) if topics and not unsent[0][0] else {}
        found[service.name] = unsent[0][0] or left or _due(fleet, service.name)
    return found


def _due(fleet: Fleet, service: str) -> int:
    """Retries that have a time, and participations and sagas that have more to do at once."""
    return int(fleet.sql(service, _DUE)[0][0])


def _apart(topic: str) -> bool:
    return topic.endswith(".dlq") or ".retry." in topic


def _given_up(fleet: Fleet) -> set[str]:
    """Messages that lie dead in an outbox, or lay there until an operator gave them up."""
    return {str(ce_id) for s in fleet.services for (ce_id,) in fleet.sql(s.name, "SELECT ce_id FROM outbox_dead")}


def handled(fleet: Fleet, service: LocalService) -> Iterator[str]:
    """The ids of the records on the bus that the service has code for, by its facts alone."""
    read = _topics(service)
    types = set(_event_types(service.facts))
    commands = {kind for saga in _own(service, "orchestration") for kind in _commands_for(service, saga)}
    replies = any(saga.owner == service.facts.name.kebab for saga in _own(service, "orchestration"))
    for record in firsts(fleet.bus.records):
        began = fleet.since[service.name].get((record.topic, record.partition), 0)
        if record.topic not in read or record.offset < began:
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


def _own(service: LocalService, mode: str) -> list[SagaFact]:
    return [saga for saga in service.facts.sagas if saga.mode == mode]


def _commands_for(service: LocalService, saga: SagaFact) -> Iterator[str]:
    for step in saga.steps:
        if step.service == service.facts.name.kebab:
            yield from (step.command_type, step.undo_type)


def _event_types(facts: ServiceFacts) -> Iterator[str]:
    """Events of its policies and observers, and those of the choreographies it is part of."""
    known = {event.name.text: event.type for event in (*facts.events, *facts.foreign_events)}
    yield from (known[policy.event.text] for policy in facts.policies)
    yield from (known[event.text] for event in facts.observes)
    for saga in facts.sagas:
        if saga.mode == "choreography":
            yield from NOTICES
            names = {name for step in saga.steps for name in (step.succeeds_with, step.refuses_with, step.undone_with)}
            yield from (known[name] for name in names & known.keys())


ACCOUNT = 1_000_000
"""What every account is opened with."""
_SHADOW = "SELECT ce_id, digest FROM conformance_shadow"
_INBOX = "SELECT ce_id FROM inbox WHERE handler = %s"
_PARKED = "SELECT headers->>'ce_id' FROM inbox_parked"
_WHY_PARKED = "SELECT topic, msg_key, key_seq, reason, attempts, last_error FROM inbox_parked LIMIT 5"
_DUE = """
SELECT (SELECT count(*) FROM inbox_parked WHERE next_at < clock_timestamp() + interval '10 minutes' AND attempts < 8)
     + (SELECT count(*) FROM saga_participant WHERE due_at < clock_timestamp() + interval '10 minutes')
     + (SELECT count(*) FROM saga_instance WHERE status IN ('running', 'compensating'))
"""
_IDLE = """
SELECT pid, query FROM pg_stat_activity
 WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND xact_start < now() - interval '1 second'
   AND application_name <> 'conformance'
"""
_LEASES = """
SELECT count(DISTINCT owner), count(*) FROM lease
 WHERE name ~ '^relay:' AND owner IS NOT NULL AND expires_at > clock_timestamp()
"""
_HELD_BY_ORDERS = "SELECT sku, sum(quantity)::int FROM orders WHERE state <> 'cancelled' GROUP BY sku"
_PAID_BY_ORDERS = "SELECT id::text FROM orders WHERE state <> 'cancelled'"
