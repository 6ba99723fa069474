"""What happens while a fleet starts, runs and stops: frozen data for a listener. The command line prints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know, in one sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Preparing:
    """A slow step that happens once: a build, a download, an environment."""

    what: str


@dataclass(frozen=True, slots=True)
class Started:
    """A process runs; it need not answer yet."""

    name: str
    pid: int
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """These processes do not answer yet; said about once a second."""

    names: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Ready:
    """A process answers; `seconds` since it was started."""

    name: str
    seconds: float
    address: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """A process ended by itself; it is started again after `again_in` seconds. A negative `code` is a signal."""

    name: str
    code: int
    again_in: float
    last_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reloading:
    """A service is started again because of saved files."""

    name: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A process ended because it was told to."""

    name: str


@dataclass(frozen=True, slots=True)
class FleetReady:
    """All answer. `servers` and `services` are seconds: servers since `up` began, services since their servers."""

    servers: float
    services: float
    addresses: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The fleet cannot start; everything that was started is stopped."""

    message: str
    hint: str = ""


Event = Note | Preparing | Started | Waiting | Ready | Crashed | Reloading | Stopped | FleetReady | Failed
Listener = Callable[[Event], None]


def silent(_event: Event) -> None:
    """A listener that does not care."""


class RuntimeProblem(Exception):
    """A fleet that cannot be started, asked or stopped as wished: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        """`message` is one sentence in lower case; `hint` says what to type or mend."""
        super().__init__(message)
        self.message = message
        self.hint = hint
