"""The relay's promise, against a broker that acknowledges, refuses and forgets as it likes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.buckets import BUCKETS, bucket
from chassis.relay_rules import (
    MOST_ATTEMPTS,
    Failure,
    Row,
    backoff,
    fair_share,
    next_pause,
    rebalance,
    settle,
)

BROKER, MESSAGE, FATAL = Failure("broker", "down"), Failure("message", "denied"), Failure("fatal", "too large")


def row(position: int, key: str, seq: int, attempts: int = 0) -> Row:
    return Row(position, 0, "t", key, seq, UUID(int=position), {}, b"", "", 0.0, attempts)


def test_what_is_acknowledged_behind_a_failure_of_its_key_does_not_count() -> None:
    rows = [row(1, "a", 1), row(2, "b", 1), row(3, "a", 2), row(4, "b", 2)]
    settlement = settle(rows, [MESSAGE, None, None, None], lambda low, high: high)
    assert settlement.acked == [2, 4]
    assert settlement.held == [(1, 200, "denied")]


def test_broker_failures_mark_no_message() -> None:
    settlement = settle([row(1, "a", 1), row(2, "b", 1)], [BROKER, BROKER])
    assert (settlement.acked, settlement.held, settlement.dead) == ([], [], [])
    assert settlement.broker_failed == "down"


@pytest.mark.parametrize(("attempts", "failure"), [(0, FATAL), (MOST_ATTEMPTS - 1, MESSAGE)])
def test_death(attempts: int, failure: Failure) -> None:
    assert settle([row(1, "a", 1, attempts)], [failure]).dead == [(1, failure.text)]


outcomes = st.sampled_from([None, None, None, BROKER, MESSAGE])


@given(st.lists(st.sampled_from("abc"), max_size=25), st.data())
def test_first_occurrences_of_each_key_are_dense_and_in_order(keys: list[str], data: st.DataObject) -> None:
    """Whatever fails: what leaves the outbox does so in order, and nothing leaves unacknowledged."""
    counts = dict.fromkeys("abc", 0)
    outbox: dict[int, Row] = {}
    for position, key in enumerate(keys, 1):
        counts[key] += 1
        outbox[position] = row(position, key, counts[key])
    held: set[str] = set()
    acknowledged: set[int] = set()
    gone: dict[str, list[int]] = {key: [] for key in "abc"}
    for turn in range(60):
        batch = [each for _, each in sorted(outbox.items()) if each.key not in held][:7]
        held.clear()  # time passes
        calm = turn > 20
        results = [None if calm else data.draw(outcomes) for _ in batch]
        acknowledged |= {each.position for each, result in zip(batch, results, strict=True) if result is None}
        settlement = settle(batch, results)
        for position in settlement.acked:
            sent = outbox.pop(position)
            assert position in acknowledged
            gone[sent.key].append(sent.seq)
        for position, _, _ in settlement.held:
            outbox[position] = replace(outbox[position], attempts=0)
            held.add(outbox[position].key)
    assert not outbox
    assert gone == {key: list(range(1, count + 1)) for key, count in counts.items()}


@given(st.integers(1, 200))
def test_shares_cover_all_buckets(instances: int) -> None:
    assert fair_share(instances) * instances >= BUCKETS


@given(st.lists(st.sampled_from(range(4)), max_size=60))
def test_instances_end_with_fair_shares_and_never_overlap(turns: list[int]) -> None:
    held: list[set[int]] = [set() for _ in range(4)]
    for instance in [*turns, *(list(range(4)) * 3)]:
        free = set(range(BUCKETS)) - set().union(*held)
        change = rebalance(held[instance], free, 4, start=instance * 17)
        assert set(change.take) <= free
        held[instance] = (held[instance] | set(change.take)) - set(change.give)
    assert [len(each) for each in held] == [16] * 4
    assert set().union(*held) == set(range(BUCKETS))


@given(st.integers(1, 100))
def test_backoff_grows_to_its_cap(attempt: int) -> None:
    least, most = backoff(attempt, lambda low, high: low), backoff(attempt, lambda low, high: high)
    assert 100 <= least <= most <= 30_000
    assert most == min(30_000, 200 * 2 ** (attempt - 1))


def test_pauses_double_up_to_a_second() -> None:
    pauses = [0.0]
    while pauses[-1] < 1.0:
        pauses.append(next_pause(pauses[-1]))
    assert pauses[1] == 0.005
    assert all(later <= 2 * earlier for earlier, later in pairwise(pauses[1:]))
    assert next_pause(1.0) == 1.0


@pytest.mark.parametrize(("key", "wanted"), [("", 5), ("a", 44), ("foobar", 40)])
def test_buckets_agree_with_other_languages(key: str, wanted: int) -> None:
    """FNV-1a of 32 bits: 0x811c9dc5, 0xe40c292c and 0xbf9cf968 are its published values."""
    assert bucket(key) == wanted
