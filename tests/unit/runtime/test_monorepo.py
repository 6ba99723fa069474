from pathlib import Path

import pytest

import fake_fleet
from fleetgen.runtime.environment import launch_of, settings_of
from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.monorepo import LocalFleet, read_monorepo

PORTS = {"order": 1, "order/admin": 2, "payment": 3, "payment/admin": 4}
ADDRESSES = {
    "kafka": "127.0.0.1:5", "registry": "http://127.0.0.1:6", "otlp": "http://127.0.0.1:7", "issuer": "http://127.0.0.1:8",
    "database/order": "postgresql://o:p@127.0.0.1:9/o",
}  # fmt: skip


@pytest.fixture
def fleet(tmp_path: Path) -> LocalFleet:
    fake_fleet.write_fleet(tmp_path, fake_fleet.facts("order", peers=("payment",)), fake_fleet.facts("payment"))
    return read_monorepo(tmp_path)


def settings(fleet: LocalFleet) -> dict[str, str]:
    folder = FleetFolder(fleet.root)
    folder.create()
    return settings_of(fleet, fleet.service("order"), ADDRESSES, PORTS, folder)


def test_services_are_found_by_their_facts(fleet: LocalFleet) -> None:
    assert (fleet.name, [service.name for service in fleet.services]) == ("toy", ["order", "payment"])
    assert [topic.name for topic in fleet.topics] == ["toy.order.thing.events", "toy.payment.thing.events"]


def test_an_unknown_service_says_which_there_are(fleet: LocalFleet) -> None:
    with pytest.raises(RuntimeProblem) as raised:
        fleet.service("ordr")
    assert raised.value.hint == "there are `order`, `payment`"


def test_a_folder_without_services_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RuntimeProblem, match="no generated services"):
        read_monorepo(tmp_path)


def test_facts_of_another_release_say_what_to_do(fleet: LocalFleet) -> None:
    path = fleet.service("order").folder / "src" / "toy_order" / "gen" / "facts.json"
    path.write_text(path.read_text().replace('"title"', '"heading"'))
    with pytest.raises(RuntimeProblem) as raised:
        read_monorepo(fleet.root)
    assert "services/order" in raised.value.message
    assert "fleetgen apply" in raised.value.hint


def test_a_service_gets_the_settings_of_its_chassis(fleet: LocalFleet) -> None:
    found = settings(fleet)
    secret = found.pop("AUTH_CLIENT_SECRET")
    assert len(secret) >= 24
    assert found.items() >= {
        "DATABASE_URL": ADDRESSES["database/order"], "KAFKA_BOOTSTRAP": "127.0.0.1:5", "HTTP_HOST": "127.0.0.1",
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:6", "HTTP_PORT": "1", "ADMIN_PORT": "2", "FLEET_ENV": "development",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:7", "AUTH_ISSUER": "http://127.0.0.1:8",
        "AUTH_JWKS_URL": "http://127.0.0.1:8/jwks.json", "AUTH_TOKEN_URL": "http://127.0.0.1:8/token",
        "AUTH_AUDIENCE": "toy", "AUTH_CLIENT_ID": "order", "PEER_PAYMENT_URL": "http://127.0.0.1:3",
    }.items()  # fmt: skip


def test_a_service_is_started_from_its_own_sources(fleet: LocalFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    monkeypatch.setenv("VIRTUAL_ENV", "/another")
    monkeypatch.setenv("NO_PROXY", "example.org")
    launch = launch_of(fleet, fleet.service("order"), settings(fleet), {"EXTRA": "1"}, FleetFolder(fleet.root))
    assert launch.arguments == (str(fleet.root / ".venv" / "bin" / "python"), "-m", "toy_order.main")
    folders = launch.environment["PYTHONPATH"].split(":")
    assert folders == [str(fleet.root / "services/order/src"), str(fleet.root / "libs/chassis-python/src")]
    assert "VIRTUAL_ENV" not in launch.environment
    assert launch.environment["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert launch.environment["EXTRA"] == "1"


def test_a_service_in_another_language_says_that_it_cannot_be_started(tmp_path: Path) -> None:
    facts = fake_fleet.facts("order")
    facts = facts.model_copy(update={"chassis": facts.chassis.model_copy(update={"language": "go"})})
    fleet = read_monorepo(fake_fleet.write_fleet(tmp_path, facts))
    with pytest.raises(RuntimeProblem, match="is in go"):
        launch_of(fleet, fleet.service("order"), {}, {}, FleetFolder(tmp_path))
