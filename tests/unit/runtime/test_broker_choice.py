from pathlib import Path

import pytest

from fleetgen.runtime.broker import provider
from fleetgen.runtime.broker.compose import ComposeBroker, stop_containers
from fleetgen.runtime.broker.kafka import KafkaBroker
from fleetgen.runtime.broker.kfake import KfakeBroker
from fleetgen.runtime.broker.mock import MockBroker
from fleetgen.runtime.broker.provider import BROKER_KINDS, Broker, BrokerKind, broker_of, choose, prepared
from fleetgen.runtime.events import Event, Listener, Note, RuntimeProblem


def lacking(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    monkeypatch.setattr(provider, "missing", lambda kind: "not there" if kind in kinds else "")


def test_the_small_broker_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch)
    assert choose(None) == ("kfake", "kafka", "mock")


def test_what_is_not_there_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch, "kfake")
    assert choose(None) == ("kafka", "mock")


def test_a_wish_is_obeyed_or_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch, "kafka")
    assert choose("mock") == ("mock",)
    with pytest.raises(RuntimeProblem, match="`kafka` cannot be used here: not there"):
        choose("kafka")


def test_nothing_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch, *BROKER_KINDS)
    with pytest.raises(RuntimeProblem) as raised:
        choose(None)
    assert "Go" in raised.value.hint


class Unbuildable(KfakeBroker):
    def prepare(self, listen: Listener) -> None:
        raise RuntimeProblem("no network")


def test_a_broker_that_cannot_be_prepared_is_told_and_the_next_is_taken(tmp_path: Path) -> None:
    def make(kind: BrokerKind) -> Broker:
        return (Unbuildable if kind == "kfake" else MockBroker)(tmp_path, tmp_path / "log", 1, 3)

    told: list[Event] = []
    assert prepared(("kfake", "mock"), make, told.append).kind == "mock"
    assert told == [Note("broker `kfake` cannot be used: no network")]
    with pytest.raises(RuntimeProblem, match="no network"):
        prepared(("kfake",), make, told.append)


@pytest.mark.parametrize("kind", BROKER_KINDS)
def test_every_provider_says_what_it_keeps(kind: BrokerKind, tmp_path: Path) -> None:
    broker = broker_of(kind, tmp_path, tmp_path / "log", 1, 3)
    assert broker.kind == kind
    assert ("forgets" in broker.promise) is (kind == "mock")
    assert broker.admin is (kind != "mock")


def test_kafka_needs_maven_only_while_its_jars_are_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetgen.runtime.broker.kafka.java", lambda: Path("/usr/bin/java"))
    monkeypatch.setattr("fleetgen.runtime.broker.kafka.maven", lambda: None)
    assert "Maven" in KafkaBroker.missing()
    from fleetgen.runtime.broker.kafka import _jars_place

    _jars_place().mkdir(parents=True)
    assert KafkaBroker.missing() == ""


def test_kfake_needs_a_go_that_is_new_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetgen.runtime.broker.kfake.go", lambda: Path("/usr/bin/go"))
    monkeypatch.setattr("fleetgen.runtime.broker.kfake.go_version", lambda _: (1, 19))
    assert "1.26" in KfakeBroker.missing()


def test_the_container_listens_on_loopback_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container engine is not there to try it with: this holds what we would ask it for."""
    broker = ComposeBroker(tmp_path, tmp_path / "log", 20001, 3)
    broker.prepare(lambda _: None)
    text = (tmp_path / "compose.yaml").read_text()
    assert '"127.0.0.1:20001:20001"' in text
    assert "PLAINTEXT://127.0.0.1:20001" in text
    assert broker.launch().arguments[-2:] == ("up", "--abort-on-container-exit")


def test_a_container_whose_client_was_killed_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = tmp_path / "bin" / "docker"
    client.parent.mkdir()
    client.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(client.parent), prepend=":")
    broker = ComposeBroker(tmp_path / "data", tmp_path / "log", 20001, 3)
    broker.prepare(lambda _: None)
    stop_containers(tmp_path / "data")
    *_, project, _, _ = broker.launch().arguments
    assert (tmp_path / "asked").read_text().split() == ["compose", "-p", project, "stop"]
