import stat
import threading
from pathlib import Path

import pytest

from fleetgen.runtime.down import forget
from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder


def test_only_one_can_hold_the_lock(tmp_path: Path) -> None:
    first, second = FleetFolder(tmp_path), FleetFolder(tmp_path)
    assert first.take_lock()
    assert not second.take_lock()
    first.release_lock()
    assert second.take_lock()


def test_a_lock_that_was_removed_is_not_held(tmp_path: Path) -> None:
    folder = FleetFolder(tmp_path)
    assert not folder.holds_lock()
    folder.take_lock()
    assert folder.holds_lock()
    (folder.path / "lock").unlink()
    assert not folder.holds_lock()
    assert FleetFolder(tmp_path).take_lock()
    assert not folder.holds_lock()


def test_what_may_hold_a_password_is_for_the_owner_only(tmp_path: Path) -> None:
    folder = FleetFolder(tmp_path)
    folder.create()
    folder.secret("a")
    assert stat.S_IMODE((folder.path / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.logs.stat().st_mode) == 0o700


def test_git_does_not_see_the_folder(tmp_path: Path) -> None:
    FleetFolder(tmp_path).create()
    assert (tmp_path / ".fleet" / ".gitignore").read_text() == "*\n"


def test_secrets_stay_the_same_whoever_asks_first(tmp_path: Path) -> None:
    folder = FleetFolder(tmp_path)
    folder.create()
    threads = [threading.Thread(target=folder.secret, args=(f"name{number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {folder.secret(f"name{number}") for number in range(20)}
    assert len(found) == 20
    again = FleetFolder(tmp_path)
    assert {again.secret(f"name{number}") for number in range(20)} == found


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".fleet").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeProblem, match="symbolic link"):
        FleetFolder(tmp_path).create()


def test_a_torn_file_reads_as_nothing(tmp_path: Path) -> None:
    folder = FleetFolder(tmp_path)
    folder.create()
    folder.state_file.write_text('{"format": 1, "ru')
    assert folder.read(folder.state_file) is None


def test_what_is_kept_of_a_fleet_is_forgotten_as_a_whole(tmp_path: Path) -> None:
    assert not forget(tmp_path)
    folder = FleetFolder(tmp_path)
    folder.take_lock()
    folder.release_lock()
    (folder.path / "data").mkdir()
    (folder.path / "data/file").write_text("kept")
    assert forget(tmp_path)
    assert not folder.path.exists()
    assert not forget(tmp_path)


def test_nothing_is_forgotten_through_a_link(tmp_path: Path) -> None:
    folder = FleetFolder(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("kept")
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    folder.path.symlink_to(elsewhere)
    assert not forget(tmp_path)
    assert (elsewhere / "mine").exists()
