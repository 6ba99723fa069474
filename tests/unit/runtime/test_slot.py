import os
from pathlib import Path

import pytest

from fleetgen.runtime.process import Child, Launch
from fleetgen.runtime.slot import GOOD_LIFE, LONGEST_PAUSE, Slot


@pytest.fixture
def slot(tmp_path: Path) -> Slot:
    launch = Launch("order", ("true",), tmp_path, tmp_path / "log", dict(os.environ))
    made = Slot("order", "service", lambda: launch, {"http": 1})
    made.child = Child(launch, "run", lambda *_: None)
    made.child.exited.wait(10)
    return made


def test_pauses_double_up_to_a_limit(slot: Slot) -> None:
    pauses = [slot.crashed() for _ in range(12)]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == LONGEST_PAUSE
    assert slot.restarts == 12


def test_a_good_life_forgives_earlier_crashes(slot: Slot) -> None:
    for _ in range(5):
        slot.crashed()
    assert slot.child is not None
    slot.child.begun -= GOOD_LIFE + 1
    assert slot.crashed() == 0.1


def test_what_has_ended_is_not_ready_whatever_was_said_before(slot: Slot) -> None:
    slot.ready = True
    state = slot.state()
    assert state is not None and not state.ready
