import os
import sys
import threading
from pathlib import Path

import pytest

from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.lab import lab, once, run_tool


def test_a_thing_is_made_once_even_when_two_want_it() -> None:
    made: list[Path] = []
    both = threading.Barrier(2)

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "thing").write_text("whole")

    def want() -> None:
        both.wait()
        assert (once("thing", make) / "thing").read_text() == "whole"

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_failure_leaves_nothing_that_looks_whole() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeProblem("no")

    with pytest.raises(RuntimeProblem):
        once("thing", fail)
    assert [path.name for path in lab().iterdir()] == ["thing.lock"]


def test_a_tool_that_fails_is_quoted(tmp_path: Path) -> None:
    script = "import sys; print('first'); sys.exit('last word')"
    with pytest.raises(RuntimeProblem, match="building failed with code 1: last word"):
        run_tool("building", (sys.executable, "-c", script), tmp_path, os.environ, 20)


def test_a_tool_that_is_not_there_or_hangs_is_a_problem_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeProblem, match="cannot run"):
        run_tool("building", ("/no/such/tool",), tmp_path, os.environ, 20)
    with pytest.raises(RuntimeProblem, match="longer than"):
        run_tool("building", ("sleep", "20"), tmp_path, os.environ, 0.05)
