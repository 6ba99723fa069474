"""The inbox's decisions, against a model: records arrive in any order, repeated, and are applied once, in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.inbox_rules import (
    Arrival,
    Verdict,
    decide,
    in_place_delay,
    is_exhausted,
    parked_delay,
)


@dataclass
class Key:
    """One key as the tables hold it."""

    last: int | None = None
    seen: set[int] = field(default_factory=set)
    parked: list[int] = field(default_factory=list)
    applied: list[int] = field(default_factory=list)

    def arrive(self, sequence: int, works: bool = True) -> Verdict:
        least = min(self.parked, default=None)
        verdict = decide(Arrival(sequence, sequence not in self.seen, self.last, least))
        if verdict is Verdict.HANDLE and works:
            self._apply(sequence)
        elif verdict in (Verdict.GAP, Verdict.BEHIND_PARKED, Verdict.HANDLE) and sequence not in self.parked:
            self.parked.append(sequence)
        return verdict

    def drain(self) -> None:
        while self.parked:
            head = min(self.parked)
            verdict = decide(Arrival(head, head not in self.seen, self.last))
            if verdict is Verdict.GAP:
                return
            self.parked.remove(head)
            if verdict is Verdict.HANDLE:
                self._apply(head)

    def _apply(self, sequence: int) -> None:
        self.applied.append(sequence)
        self.seen.add(sequence)
        self.last = sequence


arrivals = st.integers(1, 9).flatmap(
    lambda size: st.tuples(
        st.permutations(range(1, size + 1)),
        st.lists(st.tuples(st.integers(1, size), st.booleans(), st.booleans()), max_size=20),
    )
)


@given(arrivals)
def test_each_once_and_in_order(given_: tuple[list[int], list[tuple[int, bool, bool]]]) -> None:
    order, noise = given_
    key = Key()
    for sequence, works, drain in noise:
        key.arrive(sequence, works)
        if drain:
            key.drain()
    for sequence in order:
        key.arrive(sequence)
    key.drain()
    assert key.applied == sorted(order)
    assert not key.parked


@pytest.mark.parametrize(
    ("arrival", "verdict"),
    [
        (Arrival(1), Verdict.HANDLE),
        (Arrival(2), Verdict.GAP),
        (Arrival(2, last=1), Verdict.HANDLE),
        (Arrival(2, last=2), Verdict.STALE),
        (Arrival(4, last=2), Verdict.GAP),
        (Arrival(2, is_new=False, last=1), Verdict.DUPLICATE),
        (Arrival(3, last=2, least_waiting=5), Verdict.HANDLE),
        (Arrival(4, last=2, least_waiting=3), Verdict.BEHIND_PARKED),
        (Arrival(3, last=2, least_waiting=3), Verdict.BEHIND_PARKED),
        (Arrival(3, last=2, least_waiting=0), Verdict.BEHIND_PARKED),
        (Arrival(7, beginning_removed=True), Verdict.HANDLE),
        (Arrival(9, last=7, beginning_removed=True), Verdict.GAP),
        (Arrival(2, last=7, least_waiting=1, reopened=True), Verdict.HANDLE),
        (Arrival(None), Verdict.HANDLE),
        (Arrival(None, least_waiting=3), Verdict.BEHIND_PARKED),
    ],
)
def test_verdicts(arrival: Arrival, verdict: Verdict) -> None:
    assert decide(arrival) is verdict


def highest(low: int, high: int) -> int:
    return high


def test_delays() -> None:
    assert [in_place_delay(n, highest) for n in (1, 2, 3)] == [50, 100, 200]
    assert [parked_delay(n, choose=highest) for n in (1, 2, 8, 30)] == [1_000, 2_000, 128_000, 300_000]


def test_exhaustion() -> None:
    assert [is_exhausted(n) for n in (7, 8)] == [False, True]
    assert [is_exhausted(n, 5) for n in (4, 5)] == [False, True]
