"""Breaker, budget, bulkhead, shedding and pauses as functions: what must hold whatever happens."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.backoff import full_jitter
from chassis.http.breaker import OPEN_MOST, Rules, State
from chassis.http.bulkhead import Load
from chassis.http.retries import BASE_MS, CAP_MS, SAVED_MOST, TENTHS, Budget, wait_before
from chassis.http.shedding import INTERVAL, TARGET, URGENT, Queue, Shedder, urgency_of

RULES = Rules(5, 30.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 400))))
def test_a_breaker_never_lets_more_than_one_probe_out(steps: list[tuple[bool, float]]) -> None:
    """Calls one after the other, each with a pause before it; an oracle counts failures in a row."""
    state, now, failures, openings, closing = State(), 0.0, 0, 0, 0
    opened_until = 0.0
    for succeeded, pause in steps:
        now += pause
        state, admitted = RULES.admit(state, now)
        is_open = openings > 0
        assert admitted == (not is_open or now >= opened_until)
        if not admitted:
            continue
        if is_open:
            assert RULES.admit(state, now)[1] is False, "a second probe"
        state = RULES.after(state, succeeded, now)
        if succeeded:
            failures = 0
            closing = closing + 1 if is_open else 0
            if closing == 2:
                openings, closing = 0, 0
        else:
            closing, failures = 0, failures + 1
            if is_open or failures == 5:
                openings, failures = openings + 1, 0
                opened_until = now + min(OPEN_MOST, 30.0 * 2 ** (openings - 1))


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_what_comes_back_late_does_not_move_an_open_breaker(late: list[bool]) -> None:
    state = State("open", openings=2, until=100.0)
    for succeeded in late:
        assert RULES.after(state, succeeded, 1.0) == state


@given(st.lists(st.booleans(), max_size=2000))
def test_tries_beyond_the_first_are_a_tenth_of_all_calls(failing: list[bool]) -> None:
    budget, again = Budget(), 0
    for failed in failing:
        budget = budget.after_call()
        left = budget.spend() if failed else None
        if left is not None:
            budget, again = left, again + 1
        assert 0 <= budget.tenths <= SAVED_MOST
    assert again <= (SAVED_MOST + len(failing)) / TENTHS


def test_a_quiet_callee_may_be_asked_again_at_once() -> None:
    assert Budget().spend() is not None
    assert Budget(TENTHS - 1).spend() is None


@given(st.integers(1, 60), st.integers(1, 5), st.floats(-10, 10_000), st.integers(0, CAP_MS))
def test_no_pause_ends_behind_the_deadline(tried: int, attempts: int, remaining: float, chance: int) -> None:
    wait = wait_before(tried, attempts, remaining, lambda low, high: min(high, low + chance))
    assert wait is None or (tried < attempts and 0 <= wait < remaining and wait <= CAP_MS)
    if tried < attempts and remaining > CAP_MS:
        assert wait is not None


@given(st.integers(1, 100))
def test_pauses_grow_to_their_cap_and_are_all_chance(attempt: int) -> None:
    assert full_jitter(attempt, BASE_MS, CAP_MS, lambda low, _: low) == 0
    most = full_jitter(attempt, BASE_MS, CAP_MS, lambda _, high: high)
    assert most == min(CAP_MS, BASE_MS * 2 ** (min(attempt, 30) - 1))


@given(st.integers(1, 5), st.integers(0, 5), st.lists(st.booleans(), max_size=60))
def test_a_bulkhead_holds_and_queues_no_more_than_it_may(concurrent: int, queued: int, steps: list[bool]) -> None:
    load = Load()
    for enters in steps:
        if enters:
            load, verdict = load.enter(concurrent, queued)
            full = load.running == concurrent and load.waiting == queued
            assert verdict != "refuse" or full
        elif load.running:  # one leaves, and one that waited goes in
            load = Load(load.running - 1 + (1 if load.waiting else 0), max(0, load.waiting - 1))
        assert 0 <= load.running <= concurrent
        assert 0 <= load.waiting <= queued


@given(st.lists(st.floats(0, TARGET * 0.99), max_size=200))
def test_short_waits_are_never_shed(delays: list[float]) -> None:
    queue, now = Queue(), 0.0
    for delay in delays:
        now += 0.01
        queue, refused = queue.after(delay, now)
        assert not refused


@given(st.lists(st.tuples(st.floats(0, 0.2), st.floats(0.0001, 0.05)), max_size=300))
def test_nothing_is_shed_before_a_whole_interval_of_waiting(steps: list[tuple[float, float]]) -> None:
    queue, now, since = Queue(), 0.0, math.inf
    for delay, gap in steps:
        now += gap
        since = math.inf if delay < TARGET else min(since, now)
        queue, refused = queue.after(delay, now)
        if refused:
            assert now - since >= INTERVAL - 1e-9


def test_a_standing_queue_is_shed_faster_and_faster_until_it_is_short() -> None:
    queue, now, moments = Queue(), 0.0, []
    for _ in range(2000):
        now += 0.001
        queue, refused = queue.after(0.5, now)
        if refused:
            moments.append(now)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert moments[0] == pytest.approx(INTERVAL, abs=0.002)
    assert gaps[0] == pytest.approx(INTERVAL, abs=0.002)
    assert gaps[-1] < gaps[0] / 3
    queue, refused = queue.after(0.0, now)
    assert not refused
    assert not queue.dropping


def test_what_is_urgent_is_not_shed() -> None:
    now = 10.0
    shedder = Shedder(lambda: now)
    for _ in range(3):
        assert not shedder.sheds(now - 1, URGENT)
        now += INTERVAL * 4
    assert shedder.sheds(now - 1, URGENT + 1)


@pytest.mark.parametrize(
    ("header", "trusted", "urgency"),
    [("u=0", True, 0), ("u=0", False, 3), ("u=7", False, 7), ("i, u=1", True, 1), ("", True, 3), ("u=9", True, 3),
     ("u=", True, 3), ("priority", True, 3)],
)  # fmt: skip
def test_only_services_may_say_that_they_are_urgent(header: str, trusted: bool, urgency: int) -> None:
    assert urgency_of(header, trusted) == urgency
