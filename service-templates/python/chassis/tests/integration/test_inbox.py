"""The inbox on a real database: effects once, keys in order, the poisoned and the missing parked."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from chassis import faults
from chassis.dead_letters import DeadLetterRefused, DeadLetters, Reason
from chassis.dispatch import GAP_TYPE, Dispatch, PermanentFailure, Record
from chassis.domain import IllegalState
from chassis.failures import InboxUnavailable
from chassis.inbox import Inbox
from chassis.inbox_rules import Verdict
from chassis.inbox_store import sweep
from chassis.redelivery import Redelivery
from chassis.work import UnitOfWork
from lab import SOURCE, TYPE, Store, record

TOPIC = "lab.events"


class Killed(BaseException):
    """The process died here: nothing catches this."""


class MemoryDeadLetters(DeadLetters):
    """Keeps dead letters, or refuses them."""

    def __init__(self) -> None:
        self.sent: list[tuple[Record, Reason]] = []
        self.broken = False

    def send(self, record: Record, reason: Reason) -> None:
        if self.broken:
            raise DeadLetterRefused("broker down")
        self.sent.append((record, reason))


@dataclass
class Desk:
    """An inbox whose handler notes what it sees in a table, and breaks on demand."""

    store: Store
    broken: dict[str, Exception] = field(default_factory=dict)  # by ce_id
    calls: int = 0
    topic_records: list[Record] = field(default_factory=list)
    asked: list[tuple[Record, int]] = field(default_factory=list)
    dead: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)

    def __post_init__(self) -> None:
        self.store.execute("CREATE TABLE effect (n serial, ce_id text, msg_key text, seq int)")
        self.dispatch = Dispatch()
        self.dispatch.on(TYPE, self.handle)
        self.inbox = Inbox(self.store.database, self.dispatch, "lab.group", sleep=lambda seconds: None)
        self.redelivery = Redelivery(self.inbox, self.dead, self.find)

    def handle(self, record: Record, work: UnitOfWork) -> None:
        self.calls += 1
        work.connection.execute(
            "INSERT INTO effect (ce_id, msg_key, seq) VALUES (%s, %s, %s)", (record.ce_id, record.key, record.sequence)
        )
        if record.ce_id in self.broken:
            raise self.broken[record.ce_id]

    def find(self, record: Record, after: int) -> Sequence[Record]:
        self.asked.append((record, after))
        return [each for each in self.topic_records if after < (each.sequence or 0) < (record.sequence or 0)]

    def receive(self, *records: Record) -> list[Verdict]:
        return [self.inbox.receive(each) for each in records]

    def retry(self, turns: int = 20) -> None:
        """Let time pass: everything that waits for a time is due, until nothing is left to do."""
        for _ in range(turns):
            self.store.execute("UPDATE inbox_parked SET next_at = clock_timestamp() WHERE next_at < 'infinity'")
            if not self.redelivery.run_once():
                return

    def applied(self, key: str = "k") -> list[int]:
        return [seq for (seq,) in self.store.rows("SELECT seq FROM effect WHERE msg_key = %s ORDER BY n", key)]

    def parked(self) -> list[tuple[str, int, str]]:
        return self.store.rows("SELECT msg_key, key_seq, reason FROM inbox_parked ORDER BY msg_key, key_seq")


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    yield Desk(store)


def of(key: str, *sequences: int) -> list[Record]:
    """Records as they would lie in one partition, each at an offset of its own."""
    return [record(TOPIC, key, sequence, 1000 * ord(key[0]) + sequence) for sequence in sequences]


def test_duplicate_has_no_second_effect(desk: Desk) -> None:
    (one, two) = of("k", 1, 2)
    again = record(TOPIC, "k", 1, 99)
    assert desk.receive(one, one, two, again) == ["handle", "duplicate", "handle", "duplicate"]
    assert desk.applied() == [1, 2]


def test_other_message_behind_the_cursor_is_stale(desk: Desk) -> None:
    desk.receive(*of("k", 1, 2))
    late = record(TOPIC, "k", 1, 9, ce_id="never seen")
    assert desk.receive(late) == ["stale"]
    assert desk.applied() == [1, 2]


def test_gap_is_parked_and_mended_by_what_arrives(desk: Desk) -> None:
    assert desk.receive(*of("k", 1, 3, 4)) == ["handle", "gap", "behind_parked"]
    assert desk.receive(*of("other", 1)) == ["handle"]
    desk.retry(turns=2)
    assert desk.applied() == [1]
    assert desk.receive(*of("k", 2, 5)) == ["handle", "behind_parked"]
    desk.retry()
    assert desk.applied() == [1, 2, 3, 4, 5]
    assert desk.parked() == []


def test_reordered_records_are_applied_in_order(desk: Desk) -> None:
    desk.receive(*of("k", 3, 1, 2, 5, 4))
    desk.retry()
    assert desk.applied() == [1, 2, 3, 4, 5]
    assert desk.parked() == []


@pytest.mark.parametrize("seed", range(6))
def test_any_order_with_repetitions_and_failures_is_applied_in_order(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    records = [each for key in "abc" for each in of(key, *range(1, 8))]
    arrivals = records + chance.sample(records, 9)
    chance.shuffle(arrivals)
    for each in chance.sample(records, 4):
        desk.broken[each.ce_id] = RuntimeError("for now")
    for n, each in enumerate(arrivals):
        desk.receive(each)
        if n == 20:
            desk.broken.clear()
        if chance.random() < 0.3:
            desk.retry(turns=1)
    desk.retry(60)
    assert {key: desk.applied(key) for key in "abc"} == {key: list(range(1, 8)) for key in "abc"}
    assert desk.parked() == []


def test_gap_that_lasts_is_looked_up_in_the_topic(desk: Desk) -> None:
    desk.receive(*of("k", 1, 4))
    desk.topic_records = of("k", 2, 3)
    desk.retry(turns=1)
    assert desk.asked == [], "not before it has lasted"
    desk.store.execute("UPDATE inbox_parked SET parked_at = now() - interval '61 seconds'")
    desk.retry()
    assert [(each.sequence, after) for each, after in desk.asked] == [(4, 1)]
    assert desk.applied() == [1, 2, 3, 4]


def test_gap_that_nobody_can_fill_becomes_a_dead_letter_and_holds_its_key(desk: Desk) -> None:
    desk.receive(*of("k", 1, 3, 4))
    desk.store.execute("UPDATE inbox_parked SET parked_at = now() - interval '61 seconds'")
    desk.retry()
    assert [(each.sequence, reason.kind, reason.attempts) for each, reason in desk.dead.sent] == [(3, "gap", 8)]
    assert desk.applied() == [1]
    assert [seq for _, seq, _ in desk.parked()] == [3, 4]
    assert desk.receive(*of("k", 2)) == ["handle"], "it came after all"
    desk.retry()
    assert desk.applied() == [1, 2, 3, 4]


def test_gap_marker_moves_the_cursor(desk: Desk) -> None:
    marker = record(TOPIC, "k", 2, 2, headers={"ce_type": GAP_TYPE})
    assert desk.receive(*of("k", 1), marker, *of("k", 3)) == ["handle", "handle", "handle"]
    assert desk.applied() == [1, 3]


def test_type_without_handler_moves_the_cursor(desk: Desk) -> None:
    other = record(TOPIC, "k", 2, 2, headers={"ce_type": "lab.Other.v1"})
    desk.receive(*of("k", 1))
    desk.inbox.skim([other])
    desk.receive(*of("k", 3))
    assert desk.applied() == [1, 3]


def test_poison_is_parked_while_other_keys_flow(desk: Desk) -> None:
    desk.broken["bad-2"] = RuntimeError("poison")
    assert desk.receive(*of("bad", 1, 2, 3), *of("good", 1, 2)) == [
        "handle", "failed", "behind_parked", "handle", "handle",
    ]  # fmt: skip
    assert desk.calls == 1 + 3 + 2, "three tries in place"
    assert (desk.applied("bad"), desk.applied("good")) == ([1], [1, 2])
    assert desk.parked() == [("bad", 2, "error"), ("bad", 3, "behind_parked")]
    desk.retry(turns=2)
    assert desk.parked()[0][1] == 2
    desk.broken.clear()
    desk.retry()
    assert desk.applied("bad") == [1, 2, 3]
    assert desk.parked() == []


def test_poison_becomes_a_dead_letter_after_eight_failures(desk: Desk) -> None:
    desk.broken["k-1"] = RuntimeError("for ever")
    desk.receive(*of("k", 1, 2))
    desk.retry()
    ((letter, reason),) = desk.dead.sent
    assert (letter.sequence, reason.kind, reason.error_class, reason.text) == (1, "handler", "RuntimeError", "for ever")
    assert reason.attempts == 8
    assert desk.calls == 3 + 7
    assert desk.receive(*of("k", 3)) == ["behind_parked"], "the key stays held"
    desk.retry()
    assert len(desk.dead.sent) == 1, "given up once"
    desk.broken.clear()
    with desk.store.database.connection() as connection:
        assert desk.inbox.parked.retry(connection, "k") == 1  # as operators do
    desk.retry()
    assert desk.applied() == [1, 2, 3]


def test_dead_letter_waits_for_the_broker(desk: Desk) -> None:
    desk.broken["k-1"] = PermanentFailure("never", "deserialize")
    desk.dead.broken = True
    desk.receive(*of("k", 1))
    desk.retry(turns=3)
    assert desk.dead.sent == []
    desk.dead.broken = False
    desk.retry()
    assert [(reason.kind, reason.text) for _, reason in desk.dead.sent] == [("deserialize", "never")]
    assert desk.calls == 1, "what cannot work is not tried again"


def test_domain_error_is_not_repeated_in_place_but_later(desk: Desk) -> None:
    desk.broken["k-1"] = IllegalState("ConfirmOrder", "new", ["placed"])
    assert desk.receive(*of("k", 1)) == ["failed"]
    assert desk.calls == 1
    desk.broken.clear()
    desk.retry()
    assert desk.applied() == [1]


@pytest.mark.parametrize("label", ["inbox.after_insert", "inbox.after_effect", "tx.before_commit"])
def test_crash_before_the_commit_leaves_nothing(desk: Desk, label: str) -> None:
    def hook(passed: str, _: str) -> None:
        if passed == label:
            raise Killed(label)

    faults.install(hook)
    (one,) = of("k", 1)
    with pytest.raises(Killed):
        desk.receive(one)
    faults.install(None)
    assert desk.applied() == []
    assert desk.receive(one) == ["handle"]


def test_crash_after_the_commit_repeats_nothing(desk: Desk) -> None:
    def hook(passed: str, _: str) -> None:
        if passed == "inbox.after_commit":
            raise Killed

    faults.install(hook)
    (one,) = of("k", 1)
    with pytest.raises(Killed):
        desk.receive(one)
    faults.install(None)
    assert desk.receive(one) == ["duplicate"]
    assert desk.applied() == [1]


def test_parked_record_that_is_read_again_is_parked_once(desk: Desk) -> None:
    desk.broken["k-1"] = RuntimeError("poison")
    (one, two) = of("k", 1, 2)
    desk.receive(one, two, one, two)
    assert len(desk.parked()) == 2
    desk.broken.clear()
    desk.retry()
    assert desk.applied() == [1, 2]


def test_all_handlers_of_a_record_or_none(desk: Desk) -> None:
    seen: list[str] = []
    desk.dispatch.on(TYPE, lambda record, work: seen.append(record.ce_id))
    desk.broken["k-1"] = RuntimeError("poison")
    desk.receive(*of("k", 1))
    assert seen == []
    desk.broken.clear()
    desk.retry()
    assert (seen, desk.applied()) == (["k-1"], [1])


def test_sources_of_one_key_are_counted_apart(desk: Desk) -> None:
    theirs = record(TOPIC, "k", 1, 50, ce_id="theirs", headers={"ce_source": "/fleet/lab/other"})
    assert desk.receive(*of("k", 1, 2), theirs) == ["handle", "handle", "handle"]


def test_key_may_begin_anywhere_when_retention_took_its_beginning(desk: Desk) -> None:
    desk.inbox.beginning_removed = lambda topic, partition: True
    assert desk.receive(*of("k", 5, 6, 8)) == ["handle", "handle", "gap"]


def test_records_without_sequence_are_handled_once(desk: Desk) -> None:
    one = record(TOPIC, "k", None, 1, ce_id="x")
    assert desk.receive(one, one) == ["handle", "duplicate"]


def test_unordered_topic_forwards_the_record_and_goes_on(desk: Desk) -> None:
    forwarded: list[tuple[str, str]] = []
    desk.inbox.unordered = frozenset({TOPIC})
    desk.inbox.forward = lambda record, failure: forwarded.append((record.ce_id, failure.text))
    desk.broken["k-1"] = RuntimeError("poison")
    assert desk.receive(*of("k", 1, 2)) == ["failed", "handle"]
    assert forwarded == [("k-1", "handler: RuntimeError: poison")]
    assert desk.parked() == []


def test_record_that_cannot_be_forwarded_waits(desk: Desk) -> None:
    desk.inbox.unordered = frozenset({TOPIC})
    desk.broken["k-1"] = RuntimeError("poison")
    with pytest.raises(InboxUnavailable):
        desk.receive(*of("k", 1))


def redriven(original: Record, count: int = 1) -> Record:
    headers = original.headers | {"dlq_redrive_count": str(count)}
    raw = tuple((name, value.encode()) for name, value in headers.items())
    return replace(original, headers=headers, raw_headers=raw, level=0)


def test_redriven_record_takes_its_place_in_a_held_key(desk: Desk) -> None:
    (one, two) = of("k", 1, 2)
    desk.broken["k-1"] = RuntimeError("for now")
    desk.receive(one, two)
    desk.retry()
    assert len(desk.dead.sent) == 1
    assert desk.receive(redriven(one)) == ["rearmed"]
    desk.retry()
    assert [letter.redrives for letter, _ in desk.dead.sent] == [0, 1], "given up again, one redrive later"
    desk.broken.clear()
    assert desk.receive(redriven(one, 2), redriven(one, 2)) == ["rearmed", "rearmed"]
    desk.retry()
    assert desk.applied() == [1, 2]
    assert desk.receive(redriven(one, 3)) == ["duplicate"]


def test_key_goes_on_where_that_is_the_policy_and_a_redrive_comes_later(desk: Desk) -> None:
    desk.redelivery = Redelivery(desk.inbox, desk.dead, desk.find, advance=True)
    (one, two) = of("k", 1, 2)
    desk.broken["k-1"] = RuntimeError("for now")
    desk.receive(one, two)
    desk.retry()
    assert (desk.applied(), len(desk.dead.sent)) == ([2], 1)
    assert desk.receive(one) == ["duplicate"], "only a redrive brings it back"
    again: list[Record] = []
    desk.inbox.forward = lambda record, failure: again.append(record)
    assert desk.receive(redriven(one)) == ["failed"]
    assert (len(again), desk.parked()) == (1, []), "its key has gone on: it must not hold it"
    desk.broken.clear()
    assert desk.receive(redriven(one), redriven(one)) == ["handle", "duplicate"]
    assert desk.applied() == [2, 1]
    assert desk.receive(*of("k", 3)) == ["handle"], "the cursor has not gone back"


def test_context_is_that_of_the_record(desk: Desk) -> None:
    contexts = []
    desk.dispatch.on(TYPE, lambda record, work: contexts.append(work.context))
    saga = {"ce_sagaid": "0197a0c0-0000-7000-8000-00000000000a", "ce_sagatype": "Checkout", "ce_sagastep": "Pay"}
    desk.receive(record(TOPIC, "k", 1, 1, headers={"ce_correlationid": "c-7", **saga}))
    (context,) = contexts
    assert (context.correlation_id, context.causation_id, context.caller) == ("c-7", "k-1", SOURCE)
    assert (context.saga.type, context.saga.step) == ("Checkout", "Pay")


def test_messages_of_a_handler_are_sent_with_its_effect(desk: Desk) -> None:
    def answer(record: Record, work: UnitOfWork) -> None:
        work.append(desk.store.message("answers", record.key))

    desk.dispatch.on(TYPE, answer)
    desk.broken["bad-1"] = RuntimeError("poison")
    desk.receive(*of("k", 1), *of("bad", 1))
    assert desk.store.rows("SELECT topic, msg_key FROM outbox") == [("answers", "k")]


def test_database_away_is_said_and_parks_nothing(desk: Desk) -> None:
    desk.store.database.close()
    with pytest.raises(InboxUnavailable):
        desk.receive(*of("k", 1))


def test_several_in_one_transaction_or_none(desk: Desk) -> None:
    records = [*of("k", 1, 2, 4), *of("other", 1)]
    assert desk.inbox.receive_together(records)
    assert (desk.applied(), desk.applied("other")) == ([1, 2], [1])
    assert desk.parked() == [("k", 4, "gap")]
    desk.broken["bad-1"] = RuntimeError("poison")
    assert not desk.inbox.receive_together(of("other", 2) + of("bad", 1) + of("k", 3, 5))
    assert desk.applied("other") == [1], "rolled back with the one that failed"
    assert desk.inbox.receive_together([*records, *of("k", 3), *of("other", 2)])
    desk.retry()
    assert (desk.applied(), desk.applied("other")) == ([1, 2, 3, 4], [1, 2])


def test_each_of_several_runs_in_its_own_context(desk: Desk) -> None:
    causes: list[str | None] = []
    desk.dispatch.on(TYPE, lambda record, work: causes.append(work.context.causation_id))
    assert desk.inbox.receive_together(of("k", 1, 2))
    assert causes == ["k-1", "k-2"]


def test_hostile_sizes_hold_up_nobody(desk: Desk) -> None:
    """What would not fit an index or a counter is handled like anything else."""
    huge = record(TOPIC, "k", None, 1, ce_id="x", headers={"ce_sequence": "9" * 30, "note": "n" * 100_000})
    assert desk.receive(huge) == ["handle"]


def test_poison_is_tried_less_and_less_often(desk: Desk) -> None:
    """Half of a doubling second at least, all of it at most: a poisoned key costs next to nothing."""
    desk.broken["k-1"] = RuntimeError("poison")
    desk.receive(*of("k", 1))
    for failures in range(1, 8):
        wait = desk.store.value("SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM inbox_parked")
        assert 2 ** (failures - 1) * 0.5 - 0.4 < wait <= 2 ** (failures - 1)
        assert desk.redelivery.run_once() == 0, "not before it is due"
        desk.retry(turns=1)


def test_sweeping_forgets_what_cannot_come_back(desk: Desk) -> None:
    desk.receive(*of("k", 1, 2))
    desk.store.execute("UPDATE inbox SET processed_at = now() - interval '39 days' WHERE ce_id = 'k-1'")
    with desk.store.database.connection() as connection:
        assert sweep(connection) == 1
        assert sweep(connection) == 0
    assert desk.receive(*of("k", 1, 2)) == ["stale", "duplicate"], "the cursor remembers longer than the inbox"
