from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.logs import LogLine, last_lines, logs


@pytest.fixture
def folder(tmp_path: Path) -> FleetFolder:
    made = FleetFolder(tmp_path)
    made.create()
    made.log("order").write_text("one\ntwo\nthree\n")
    made.log("payment").write_text("four\n")
    return made


def test_the_last_lines_of_all_with_their_names(folder: FleetFolder) -> None:
    found = list(logs(folder.root, lines=2))
    assert found == [LogLine("order", "two"), LogLine("order", "three"), LogLine("payment", "four")]


def test_an_unknown_name_says_which_there_are(folder: FleetFolder) -> None:
    with pytest.raises(RuntimeProblem) as raised:
        list(logs(folder.root, ("ordr",)))
    assert raised.value.hint == "there are `order`, `payment`"


def test_following_gives_whole_lines_new_files_and_goes_on_after_a_turn(folder: FleetFolder) -> None:
    def write() -> Iterator[None]:
        with folder.log("order").open("a") as stream:
            stream.write("fo")
        yield
        with folder.log("order").open("a") as stream:
            stream.write("ur\n")
        folder.log("user").write_text("hello\n")
        yield
        folder.log("order").replace(folder.logs / "order.old.log")
        folder.log("order").write_text("five\n")
        yield

    steps = write()
    found = list(logs(folder.root, follow=True, lines=0, going_on=lambda: next(steps, "end") != "end"))
    lines = [(line.name, line.text) for line in found]
    assert lines == [("order", "four"), ("user", "hello")]  # the turn is seen by the next look
    assert last_lines(folder.log("order"), 5) == ("five",)


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "no.log", 5) == ()
