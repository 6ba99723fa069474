import signal
from pathlib import Path

import pytest

from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.process import Identity, myself
from fleetgen.runtime.state import FleetState, ProcessState, read_state, running_state, write_state


def state(supervisor: Identity) -> FleetState:
    process = ProcessState("order", "service", Identity(7, "x"), "SIGTERM", {"http": 1, "admin": 2}, 3, True)
    return FleetState("run", "toy", "kfake", "keeps", supervisor, {"kafka": "127.0.0.1:1"}, (process,))


@pytest.fixture
def folder(tmp_path: Path) -> FleetFolder:
    made = FleetFolder(tmp_path)
    made.create()
    return made


def test_state_is_read_as_it_was_written(folder: FleetFolder) -> None:
    write_state(folder, state(myself()))
    found = read_state(folder)
    assert found == state(myself())
    assert found is not None and found.processes[0].wish is signal.SIGTERM


def test_a_fleet_without_its_supervisor_does_not_run(folder: FleetFolder) -> None:
    write_state(folder, state(Identity(myself().pid, "an earlier process")))
    with pytest.raises(RuntimeProblem, match="does not run"):
        running_state(folder)


def test_a_state_of_another_format_is_no_state(folder: FleetFolder) -> None:
    folder.write(folder.state_file, {"format": 99})
    assert read_state(folder) is None
