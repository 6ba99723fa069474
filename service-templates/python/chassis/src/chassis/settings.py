"""Settings of the process, from its environment. All that is wrong is said at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from chassis.definition import Definition

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SettingsError(Exception):
    """Some settings are missing or wrong: one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Auth:
    """Whose tokens are accepted, and how this service gets its own (`token_url` is empty when it calls no peer)."""

    issuer: str
    jwks_url: str
    audience: str
    production: bool
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the process takes from outside.

    `instance` names this process, in leases for example. `member` is the name under which it comes back to its consumer
    group after a restart, at once and without a rebalance: each instance must have its own, or none.
    """

    environment: Literal["development", "production"]
    database_url: str
    kafka_bootstrap: str
    registry_url: str
    http_host: str
    http_port: int
    admin_port: int
    auth: Auth
    peers: Mapping[str, str]  # base URL by name of the service
    otlp_endpoint: str
    sampling: float
    log_level: str
    instance: str
    member: str

    @property
    def production(self) -> bool:
        """Whether this is no development environment."""
        return self.environment == "production"


def read(environ: Mapping[str, str], definition: Definition) -> Settings:
    """The settings, or `SettingsError` with everything that is missing or wrong."""
    reader = _Reader(environ)
    production = reader.choice("FLEET_ENV", ("development", "production"), "development") == "production"
    calls_peers = bool(definition.peers)
    peers = [peer.name.text for peer in definition.peers]
    settings = Settings(
        environment="production" if production else "development",
        database_url=reader.url("DATABASE_URL", ("postgresql", "postgres")),
        kafka_bootstrap=reader.text("KAFKA_BOOTSTRAP"),
        registry_url=reader.url("SCHEMA_REGISTRY_URL", ("http", "https")),
        http_host=environ.get("HTTP_HOST") or "127.0.0.1",
        http_port=reader.port("HTTP_PORT"),
        admin_port=reader.port("ADMIN_PORT"),
        auth=Auth(
            issuer=reader.url("AUTH_ISSUER", ("http", "https")),
            jwks_url=reader.url("AUTH_JWKS_URL", ("http", "https")),
            audience=environ.get("AUTH_AUDIENCE") or definition.fleet,
            production=production,
            token_url=reader.url("AUTH_TOKEN_URL", ("http", "https"), needed=calls_peers),
            client_id=reader.text("AUTH_CLIENT_ID", needed=calls_peers),
            client_secret=reader.text("AUTH_CLIENT_SECRET", needed=calls_peers),
        ),
        peers={name: reader.url(peer_variable(name), ("http", "https")) for name in peers},
        otlp_endpoint=reader.url("OTEL_EXPORTER_OTLP_ENDPOINT", ("http", "https"), needed=False),
        sampling=reader.share("FLEET_SAMPLING", definition.sampling),
        log_level=reader.choice("LOG_LEVEL", LOG_LEVELS, "INFO"),
        instance=f"{definition.name.kebab}-{uuid.uuid4().hex[:12]}",
        member=_member(environ.get("FLEET_INSTANCE", "" if production else "0"), definition),
    )
    reader.problems += _distinct_ports(settings) + (_development_leftovers(settings) if production else [])
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


def _member(instance: str, definition: Definition) -> str:
    return f"{definition.group}-{instance}" if instance else ""


def peer_variable(name: str) -> str:
    """`customer-profile` -> `PEER_CUSTOMER_PROFILE_URL`."""
    return f"PEER_{name.upper().replace('-', '_')}_URL"


def _distinct_ports(settings: Settings) -> list[str]:
    if settings.http_port and settings.http_port == settings.admin_port:
        return [f"ADMIN_PORT is {settings.admin_port}, the same as HTTP_PORT: they must differ"]
    return []


def _development_leftovers(settings: Settings) -> list[str]:
    """In production the issuer and its keys come over TLS and from another host."""
    wrong = []
    for variable, value in (("AUTH_ISSUER", settings.auth.issuer), ("AUTH_JWKS_URL", settings.auth.jwks_url)):
        url = urlsplit(value)
        if value and (url.scheme != "https" or url.hostname in LOOPBACK):
            wrong.append(f"{variable} is {value}: the development issuer is refused when FLEET_ENV=production")
    return wrong


class _Reader:
    """Reads variables, gathers what is wrong with them, and goes on with an empty value."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def text(self, variable: str, *, needed: bool = True) -> str:
        value = self.environ.get(variable, "").strip()
        if not value and needed:
            self.problems.append(f"{variable} is not set")
        return value

    def url(self, variable: str, schemes: tuple[str, ...], *, needed: bool = True) -> str:
        value = self.text(variable, needed=needed)
        if value and (urlsplit(value).scheme not in schemes):
            # the value is not repeated: it may hold a password
            self.problems.append(f"{variable} is not a URL that begins with {' or '.join(f'{s}://' for s in schemes)}")
        return value.rstrip("/") if "http" in schemes and not variable.startswith("AUTH_ISSUER") else value

    def port(self, variable: str) -> int:
        value = self.text(variable)
        if not value:
            return 0
        if not value.isdecimal() or not 0 < int(value) < 65536:
            self.problems.append(f"{variable} is {value!r}: not a port from 1 to 65535")
            return 0
        return int(value)

    def share(self, variable: str, default: float) -> float:
        value = self.environ.get(variable, "").strip()
        if not value:
            return default
        try:
            share = float(value)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.problems.append(f"{variable} is {value!r}: not a share from 0 to 1")
        return share

    def choice(self, variable: str, choices: tuple[str, ...], default: str) -> str:
        value = self.environ.get(variable, "").strip() or default
        if value not in choices:
            self.problems.append(f"{variable} is {value!r}: not one of {', '.join(choices)}")
        return value
