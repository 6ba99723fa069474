import socket
from pathlib import Path

from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.ports import keep_ports

NAMES = ("postgres", "broker", "order", "order/admin")


def folder(path: Path) -> FleetFolder:
    path.mkdir(exist_ok=True)
    made = FleetFolder(path)
    made.create()
    return made


def test_ports_are_kept_over_restarts_and_when_services_come(tmp_path: Path) -> None:
    first = keep_ports(folder(tmp_path), NAMES)
    assert len(set(first.values())) == len(NAMES)
    assert keep_ports(folder(tmp_path), NAMES) == first
    more = keep_ports(folder(tmp_path), (*NAMES, "payment"))
    assert {name: more[name] for name in NAMES} == first


def test_a_port_that_somebody_took_is_left_to_them(tmp_path: Path) -> None:
    first = keep_ports(folder(tmp_path), NAMES)
    with socket.create_server(("127.0.0.1", first["order"])):
        second = keep_ports(folder(tmp_path), NAMES)
    assert second["order"] != first["order"]
    assert second["postgres"] == first["postgres"]


def test_two_fleets_never_choose_the_same_even_before_they_listen(tmp_path: Path) -> None:
    chosen = [keep_ports(folder(tmp_path / f"fleet{number}"), NAMES) for number in range(30)]
    ports = [port for each in chosen for port in each.values()]
    assert len(set(ports)) == len(ports)


def test_ports_of_a_fleet_that_was_deleted_can_be_used_again(tmp_path: Path) -> None:
    gone = folder(tmp_path / "gone")
    taken = keep_ports(gone, NAMES)
    (gone.path / ".gitignore").unlink()
    (gone.path / "ports.json").unlink()
    gone.logs.rmdir()
    gone.path.rmdir()
    other = folder(tmp_path / "other")
    other.write(other.path / "ports.json", taken)
    assert keep_ports(other, NAMES) == taken
