"""C44: faults in random order while everything is used. Afterwards all invariants hold, and nothing has grown."""

from __future__ import annotations

import random
import threading
import time

import pytest

from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.load import Load
from rig.nemesis import Nemesis
from rig.sagas import DEAR, SAGA_SERVICES, Saga, errand, order, rack, stock
from rig.slopes import LIMITS, Slopes
from rig.waiting import until

ENDS = ("completed", "compensated")


def test_soak(pytestconfig: pytest.Config, fleet: Fleet) -> None:
    seed = pytestconfig.getoption("--seed") or random.SystemRandom().randrange(1, 10**9)
    minutes = pytestconfig.getoption("--soak") or 1.5
    print(f"\nsoak of {minutes} minutes with seed {seed}: the same faults with --seed {seed} --soak {minutes}")
    fleet.ensure("counter", "tally", *SAGA_SERVICES)
    load = Load(fleet, keys=20, clients=3, seed=seed, pace=0.15)
    nemesis, slopes, over = Nemesis(fleet, seed), Slopes(fleet), threading.Event()
    sagas: list[Saga] = []
    problems: list[str] = []

    def use_sagas() -> None:
        chance = random.Random(seed + 2)
        try:
            items = (stock(fleet, 10_000), stock(fleet, 3)), (rack(fleet, 10_000), rack(fleet, 3))
            while not over.wait(0.5):
                amount = DEAR if chance.random() < 0.15 else 1200
                scarce = int(chance.random() < 0.2)
                if chance.random() < 0.5:
                    sagas.append(order(fleet, items[0][scarce], amount=amount))
                else:
                    sagas.append(errand(fleet, items[1][scarce], amount=amount))
        except Exception as reason:  # told below: a thread's own end would be silent
            problems.append(repr(reason))

    def watch() -> None:
        while not over.wait(2):
            slopes.sample()

    threads = [threading.Thread(target=use_sagas, name="sagas"), threading.Thread(target=watch, name="slopes")]
    for thread in threads:
        thread.start()
    end = time.monotonic() + minutes * 60
    try:
        with load.flowing():
            while time.monotonic() < end:
                nemesis.strike(over)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert problems == [], problems
    load.check()
    until(lambda: all(saga.status in ENDS for saga in sagas), lambda: f"seed {seed}: {open_ones(sagas)}", 150)
    await_rest(fleet)
    found = slopes.found(minutes / 3)
    told = ", ".join(f"{kind} {slope:+.2f} of {LIMITS[kind]:.2f} a minute" for kind, slope in sorted(found.items()))
    print(f"seed {seed}: {len(load.seconds)} commands, {len(sagas)} sagas, {len(nemesis.done)} faults; slopes: {told}")
    steep = {kind: slope for kind, slope in found.items() if minutes >= 10 and slope > LIMITS[kind]}
    assert steep == {}, f"C44: seed {seed}: grows: {steep}"


def open_ones(sagas: list[Saga]) -> list[tuple[str, str]]:
    return [(saga.id, saga.status) for saga in sagas if saga.status not in ENDS][:5]
