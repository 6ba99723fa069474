import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleetgen.runtime.process import (
    Child,
    Identity,
    Launch,
    alive,
    await_end,
    end_all,
    identify,
    kill_group,
    myself,
    survivors,
)  # fmt: skip

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
PARENT = """
import sys
from pathlib import Path
from fleetgen.runtime.process import Child, Launch
import os, time
launch = Launch("child", ("sleep", "60"), Path("."), Path(sys.argv[1]), dict(os.environ))
child = Child(launch, "run-of-parent", lambda *_: None)
print(child.identity.pid, flush=True)
time.sleep(60)
"""


def until(condition: Callable[[], object], limit: float = 10) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        threading.Event().wait(0.01)


def launch(folder: Path, *arguments: str, grace: float = 10) -> Launch:
    return Launch("child", arguments, folder, folder / "child.log", dict(os.environ), grace=grace)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_process_is_known_by_its_start_too(sleeper: subprocess.Popen[bytes]) -> None:
    identity = identify(sleeper.pid)
    assert identity is not None and alive(identity)
    assert not alive(Identity(sleeper.pid, "another start"))
    sleeper.kill()
    until(lambda: not alive(identity))  # not waited for yet: a zombie is not alive
    assert sleeper.poll() is not None


def test_a_foreign_process_with_a_reused_pid_is_not_touched(sleeper: subprocess.Popen[bytes]) -> None:
    stale = Identity(sleeper.pid, "before it")
    kill_group(stale)
    end_all([(stale, signal.SIGTERM)], patience=0.1)
    assert sleeper.poll() is None


def test_a_child_that_ends_politely_is_not_killed(tmp_path: Path) -> None:
    codes: list[int] = []
    child = Child(launch(tmp_path, "sleep", "60"), "run", lambda _, code: codes.append(code))
    child.end()
    until(lambda: codes)
    assert codes == [-signal.SIGTERM]


def test_a_child_that_does_not_listen_is_killed_after_its_grace_with_its_group(tmp_path: Path) -> None:
    script = f"import subprocess, sys\nsubprocess.Popen(['sleep', '60'])\n{DEAF}"
    child = Child(launch(tmp_path, sys.executable, "-c", script, grace=0.2), "run-of-deaf", lambda *_: None)
    until(lambda: "deaf" in (tmp_path / "child.log").read_text())
    grandchildren = survivors("run-of-deaf")
    assert len(grandchildren) == 2
    child.end()
    assert child.code == -signal.SIGKILL
    assert await_end(grandchildren, 5)


def test_output_is_kept_in_the_log(tmp_path: Path) -> None:
    child = Child(launch(tmp_path, "sh", "-c", "echo out; echo err >&2"), "run", lambda *_: None)
    child.exited.wait(10)
    assert (tmp_path / "child.log").read_text().split() == ["out", "err"]


def test_children_have_groups_of_their_own(tmp_path: Path) -> None:
    """So that Ctrl-C in a terminal reaches only the supervisor, which ends them in order."""
    child = Child(launch(tmp_path, "sleep", "60"), "run", lambda *_: None)
    assert os.getpgid(child.identity.pid) == child.identity.pid != os.getpgid(0)
    child.end()


def test_survivors_are_found_by_their_mark_wherever_they_are(tmp_path: Path) -> None:
    child = Child(launch(tmp_path, "setsid", "sleep", "60"), "run-lost", lambda *_: None)
    until(lambda: survivors("run-lost"))
    assert survivors("run-other") == ()
    end_all([(identity, signal.SIGTERM) for identity in survivors("run-lost")], 5)
    assert survivors("run-lost") == ()
    child.exited.wait(5)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's promise is Linux's")
def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = identify(int(parent.stdout.readline()))
        assert child is not None
        parent.kill()
    assert await_end([child], 5)


def test_we_know_ourselves() -> None:
    assert myself().pid == os.getpid() and alive(myself())
