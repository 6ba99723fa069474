"""C20: participants refuse, are busy, answer late, twice or never, also when they are to undo: as the table says."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from rig.fleet import Fleet
from rig.players import Players, Script
from rig.reference import Story, story
from rig.sagas import Saga, rush
from rig.waiting import until

STEPS, PIVOT = ["AuthorizePayment", "ReserveStock", "SendParcel"], "SendParcel"
FORWARD = (["refuse"], ["busy"], ["busy"] * 3, ["silent"], ["silent"] * 3, ["late"], ["twice"], ["busy", "refuse"])
UNDO: tuple[list[str], ...] = ([], ["busy"], ["busy", "busy"], ["refuse"], ["silent"], ["twice"], ["late"])


@pytest.fixture
def players(fleet: Fleet) -> Iterator[Players]:
    fleet.only("order")
    fleet.ensure("order")
    players = Players(fleet)
    yield players
    players.stop()


def matrix() -> list[Script]:
    """Every way to answer each step, and where that turns the saga round, every way to answer each undo."""
    scripts: list[Script] = [{(step, False): answers} for step in STEPS for answers in FORWARD]
    for undone in STEPS[:2]:
        scripts += [{("SendParcel", False): ["refuse"], (undone, True): answers} for answers in UNDO[1:]]
        scripts += [{("ReserveStock", False): ["silent"] * 3, (undone, True): answers} for answers in UNDO[1:3]]
    return scripts


def run_all(fleet: Fleet, players: Players, scripts: list[Script]) -> None:
    begun: list[tuple[Saga, Script]] = []
    for script in scripts:
        saga = rush(fleet)
        players.follow(saga.id, script)
        begun.append((saga, script))
    wrong = []
    for saga, script in begun:
        wanted = story(STEPS, PIVOT, script)
        until(lambda saga=saga: saga.status in ENDS, lambda saga=saga, script=script: f"{script}: {saga.steps()}", 60)
        if fault := difference(saga, wanted):
            wrong.append(f"{dict(script)}: {fault}")
        saga.undone_in_reverse()
        if saga.status == "stuck":  # seen, and nothing for the scenarios behind this one
            reply = fleet.operate("order", f"sagas/{saga.id}:abort", {"reason": "C20"}, version=saga.version)
            assert reply.status == 200, reply.body
    assert wrong == [], "\n".join(wrong)


ENDS = ("completed", "compensated", "aborted", "stuck")


def difference(saga: Saga, wanted: Story) -> str:
    """What is other than the model says, if anything."""
    if saga.status != wanted.ends:
        return f"ended {saga.status}, not {wanted.ends}: {saga.steps()}"
    steps = saga.steps()
    for mark, status in wanted.statuses.items():
        found, tries = steps.get(mark, ("never sent", 0))
        if found != status:
            return f"{mark} is {found}, not {status}"
        if wanted.attempts[mark] and tries != wanted.attempts[mark]:
            return f"{mark} was tried {tries} times, not {wanted.attempts[mark]}"
    names = {name for name, _ in wanted.statuses}
    more = {mark for mark in steps if mark[0] in names or mark[0] in STEPS} - wanted.statuses.keys()
    return f"never asked for: {more}" if more else ""


def test_the_matrix(fleet: Fleet, players: Players) -> None:
    begun = time.monotonic()
    run_all(fleet, players, matrix())
    print(f"{len(matrix())} sagas in {time.monotonic() - begun:.0f} s")


def waits(script: Script) -> int:
    """How often the saga waits for a deadline: it has time for so many."""
    return sum(answer in ("silent", "late") for answers in script.values() for answer in answers)


ANSWERS = st.sampled_from(["ok", "busy", "refuse", "silent", "late", "twice"])
SCRIPTS = st.fixed_dictionaries(
    {(step, undo): st.lists(ANSWERS, max_size=2) for step in STEPS for undo in (False, True)}
).filter(lambda script: waits(script) <= 4)


@pytest.mark.full
def test_any_answers(fleet: Fleet, players: Players) -> None:
    """Scripts drawn by Hypothesis, many sagas at once."""

    @seed(20)
    @settings(
        max_examples=6, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(SCRIPTS, min_size=30, max_size=30))
    def drawn(scripts: list[Script]) -> None:
        run_all(fleet, players, scripts)

    drawn()
