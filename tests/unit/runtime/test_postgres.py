import os
import pwd
from pathlib import Path

import pytest

from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.postgres import Postgres, forget_deleted, reachable

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def folder(tmp_path: Path) -> FleetFolder:
    made = FleetFolder(tmp_path)
    made.create()
    return made


def test_a_way_that_is_closed_to_others_is_not_reachable(tmp_path: Path) -> None:
    inner = tmp_path / "open"
    inner.mkdir(mode=0o755)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not reachable(closed / "below", NOBODY)
    tmp_path.chmod(0o700)
    assert not reachable(inner, NOBODY)
    assert reachable(Path("/usr/bin"), NOBODY)


def test_the_server_listens_on_loopback_and_keeps_what_it_acknowledges(folder: FleetFolder) -> None:
    launch = Postgres(folder, 20001, services=9).launch()
    settings = {word for word in launch.arguments if "=" in word}
    assert {"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "synchronous_commit=on"} <= settings
    assert "port=20001" in settings
    connections = next(word for word in settings if word.startswith("max_connections="))
    assert int(connections.partition("=")[2]) >= 9 * 20


def test_every_role_has_its_own_password(folder: FleetFolder) -> None:
    server = Postgres(folder, 20001, services=2)
    assert server.url("a", "a").rpartition("@")[0] != server.url("b", "b").rpartition("@")[0].replace("//b:", "//a:")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the folder over")
def test_a_folder_of_somebody_else_is_not_used(folder: FleetFolder) -> None:
    home = Postgres(folder, 20001, services=1)._home
    os.chown(home, 0, 0)
    with pytest.raises(RuntimeProblem, match="belongs to somebody else"):
        Postgres(folder, 20001, services=1)


def test_data_of_a_monorepo_that_is_gone_is_removed(tmp_path: Path) -> None:
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    for data, monorepo in ((kept, tmp_path / "here"), (gone, tmp_path / "nowhere")):
        data.mkdir()
        (data / "PG_VERSION").touch()
        data.with_suffix(".monorepo").write_text(f"{monorepo}\n")
    (tmp_path / "here" / ".fleet").mkdir(parents=True)
    forget_deleted(tmp_path)
    assert kept.exists() and kept.with_suffix(".monorepo").exists()
    assert not gone.exists() and not gone.with_suffix(".monorepo").exists()
