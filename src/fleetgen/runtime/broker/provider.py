"""What every provider of a broker is, and how one is chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, get_args

from fleetgen.runtime.broker.compose import ComposeBroker
from fleetgen.runtime.broker.kafka import KafkaBroker
from fleetgen.runtime.broker.kfake import KfakeBroker
from fleetgen.runtime.broker.mock import MockBroker
from fleetgen.runtime.events import Listener, Note, RuntimeProblem
from fleetgen.runtime.process import Launch

BrokerKind = Literal["kafka", "kfake", "mock", "docker"]
BROKER_KINDS: tuple[BrokerKind, ...] = get_args(BrokerKind)


class Broker(Protocol):
    """A broker on this machine."""

    @property
    def kind(self) -> BrokerKind:
        """Which one it is."""

    @property
    def promise(self) -> str:
        """What it keeps, in a sentence."""

    @property
    def admin(self) -> bool:
        """Whether topics can be created before they are used."""

    def prepare(self, listen: Listener) -> None:
        """Fetch, build, format: whatever is slow and happens once."""

    def launch(self) -> Launch:
        """How to start it."""

    def bootstrap(self) -> str:
        """`host:port`, empty while a provider that chooses its own port has not started."""


Make = Callable[[Path, Path, int, int], Broker]
_PROVIDERS: dict[BrokerKind, Make] = {
    "kafka": KafkaBroker,
    "kfake": KfakeBroker,
    "mock": MockBroker,
    "docker": ComposeBroker,
}


def broker_of(kind: BrokerKind, data: Path, log: Path, port: int, partitions: int) -> Broker:
    """The provider of that kind, on `port` and the next one; `partitions` are for a topic that says nothing."""
    return _PROVIDERS[kind](data, log, port, partitions)


def missing(kind: BrokerKind) -> str:
    """Why a provider cannot be used here; empty when it can."""
    return {
        "kafka": KafkaBroker.missing,
        "kfake": KfakeBroker.missing,
        "mock": MockBroker.missing,
        "docker": ComposeBroker.missing,
    }[kind]()


def choose(wish: BrokerKind | None) -> tuple[BrokerKind, ...]:
    """The providers to try, best first: the wish alone, else all that can be used here, small and quick ones first."""
    if wish is not None:
        reason = missing(wish)
        if reason:
            raise RuntimeProblem(f"broker `{wish}` cannot be used here: {reason}", "see `fleetgen doctor`")
        return (wish,)
    by_speed: tuple[BrokerKind, ...] = ("kfake", "kafka", "mock")
    usable = tuple(kind for kind in by_speed if not missing(kind))
    if not usable:
        raise RuntimeProblem("no broker can be used here", "install Go, Java and Maven, or the extra `fleetgen[run]`")
    return usable


def prepared(kinds: tuple[BrokerKind, ...], make: Callable[[BrokerKind], Broker], listen: Listener) -> Broker:
    """The first of `kinds` that can be prepared; each that cannot is said."""
    for kind in kinds[:-1]:
        broker = make(kind)
        try:
            broker.prepare(listen)
            return broker
        except RuntimeProblem as problem:
            listen(Note(f"broker `{kind}` cannot be used: {problem.message}"))
    broker = make(kinds[-1])
    broker.prepare(listen)
    return broker
