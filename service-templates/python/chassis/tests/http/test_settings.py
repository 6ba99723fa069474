from __future__ import annotations

from typing import Any

import pytest

from chassis import version
from chassis.definition import Definition
from chassis.settings import Settings, SettingsError, read
from tiny_service import GOOD, PEER, facts, name


def settings(environ: dict[str, str] | None = None, **more: Any) -> Settings:
    return read({**GOOD, **(environ or {})}, Definition.model_validate(facts(**more)))


def problems(environ: dict[str, str], **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(environ, Definition.model_validate(facts(**more)))
    return caught.value.problems


def test_defaults() -> None:
    found = settings()
    assert (found.environment, found.http_host, found.log_level) == ("development", "127.0.0.1", "INFO")
    assert (found.auth.audience, found.registry_url, found.otlp_endpoint) == ("tiny", "http://127.0.0.1:8081", "")
    assert found.sampling == 1.0
    assert settings({"FLEET_SAMPLING": "0.25"}).sampling == 0.25
    assert found.instance != settings().instance


def test_all_that_is_missing_is_said_at_once() -> None:
    found = problems({})
    assert [line.split()[0] for line in found] == list(GOOD)
    assert all(line.endswith("is not set") for line in found)


def test_peers_need_an_identity() -> None:
    peers = [{"name": name("card-office"), "commands": ["X"]}]
    assert {line.split()[0] for line in problems(GOOD, peers=peers)} == set(PEER)
    assert settings(PEER, peers=peers).peers == {"card-office": "http://127.0.0.1:8081"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTP_PORT", "0"),
        ("HTTP_PORT", "eighty"),
        ("ADMIN_PORT", "65536"),
        ("ADMIN_PORT", "8080"),
        ("DATABASE_URL", "mysql://user:hunter2@h/db"),
        ("AUTH_JWKS_URL", "file:///etc/passwd"),
        ("FLEET_ENV", "staging"),
        ("FLEET_SAMPLING", "2"),
        ("FLEET_SAMPLING", "often"),
        ("LOG_LEVEL", "loud"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318"),
    ],
)
def test_wrong_value_is_named_but_no_password(variable: str, value: str) -> None:
    (line,) = problems({**GOOD, variable: value})
    assert line.startswith(variable)
    assert "hunter2" not in line


def test_development_issuer_is_refused_in_production() -> None:
    found = problems({**GOOD, "FLEET_ENV": "production"})
    assert [line.split()[0] for line in found] == ["AUTH_ISSUER", "AUTH_JWKS_URL"]
    secure = {"AUTH_ISSUER": "https://id.example.com/", "AUTH_JWKS_URL": "https://id.example.com/jwks"}
    found_settings = settings({"FLEET_ENV": "production", **secure})
    assert found_settings.auth.production
    assert found_settings.auth.issuer == "https://id.example.com/", "compared letter by letter with the token's"


@pytest.mark.parametrize(
    ("least", "command"),
    [
        ("1.0.0", ""),
        ("0.9.0", "cd services/order && copier update -A -l"),
        ("1.0.1", "cd libs/chassis-python && copier update -A -l"),
        ("1.10.0", "cd libs/chassis-python && copier update -A -l"),
        ("2.0.0", "cd libs/chassis-python && copier update -A -l"),
    ],
)
def test_chassis_version(least: str, command: str) -> None:
    definition = Definition.model_validate(facts(chassis={"language": "python", "least": least}))
    assert command in version.unsatisfied(definition)
    assert bool(version.unsatisfied(definition)) == bool(command)


def test_version_is_that_of_the_project() -> None:
    from pathlib import Path
    from tomllib import loads

    project = Path(__file__).parents[2] / "pyproject.toml"
    assert loads(project.read_text())["project"]["version"] == version.VERSION
