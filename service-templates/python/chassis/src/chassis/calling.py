"""Asking another service and waiting for its answer, from within a unit of work.

The call carries the business transaction and what is left of the deadline; a command carries a key that is the same
when the same message is handled again, so that it is carried out once. The unit of work stays open meanwhile: ask
before anything is locked, and ask for little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import NAMESPACE_URL, uuid5

from chassis.message import from_wire, to_wire
from chassis.paging import Page, PageRequest
from chassis.work import UnitOfWork

T = TypeVar("T")
NOT_FOUND = 404


class PeerUnavailable(Exception):
    """No answer: the peer is away, too slow, or was failing so often that it is left alone. Trying later may help."""


class PeerRefused(Exception):
    """The peer answered that this cannot be asked: asking again in the same way cannot help."""


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """What the peer said. `event` and `data` are the outcome; `rejected` says that it is the command's rejection."""

    status: int
    event: str
    data: dict[str, Any]
    rejected: bool
    detail: str = ""

    @property
    def carried_out(self) -> bool:
        """Whether there is a committed outcome, good or bad; if not, asking again in the same way cannot help."""
        return bool(self.event)


class Peers(Protocol):
    """Speaks to other services; `chassis.http.client.PeerClient` does. Both raise `PeerUnavailable`."""

    def ask(self, peer: str, path: str, inputs: Mapping[str, Any], work: UnitOfWork) -> tuple[int, dict[str, Any]]:
        """Status and content of what a query answers."""

    def tell(self, peer: str, path: str, inputs: Mapping[str, Any], key: str, work: UnitOfWork) -> PeerAnswer:
        """The outcome of a command."""


@dataclass(frozen=True)
class Peer:
    """Another service, by its name. Generated clients are made of its methods; paths hold `{wireName}`."""

    name: str

    def one(self, path: str, query: Any, gives: type[T], work: UnitOfWork) -> T | None:
        """What a query by key gives, `None` when there is none."""
        status, content = self._peers(work).ask(self.name, path, to_wire(query), work)
        if status == NOT_FOUND:
            return None
        return from_wire(gives, self._given(status, content))

    def page(self, path: str, query: Any, page: PageRequest, gives: type[T], work: UnitOfWork) -> Page[T]:
        """A page of what a search gives."""
        asked = {name: value for name, value in to_wire(query).items() if value is not None}
        paging = {"limit": page.limit} | ({"after": page.after} if page.after is not None else {})
        status, content = self._peers(work).ask(self.name, path, asked | paging, work)
        found = self._given(status, content)
        return Page(tuple(from_wire(gives, item) for item in found["items"]), found["next"])

    def command(self, path: str, command: Any, answers: Mapping[str, type[Any]], work: UnitOfWork) -> Any:
        """The event that the command led to: one of `answers`."""
        inputs = to_wire(command)
        answer = self._peers(work).tell(self.name, path, inputs, _key(self.name, path, inputs, work), work)
        if answer.event not in answers:
            raise PeerRefused(f"{self.name} answered {answer.status} to {path}: {answer.detail or answer.event}")
        return from_wire(answers[answer.event], answer.data)

    def _peers(self, work: UnitOfWork) -> Peers:
        if work.peers is None:
            raise RuntimeError(f"this unit of work cannot call {self.name}")
        peers: Peers = work.peers
        return peers

    def _given(self, status: int, content: dict[str, Any]) -> dict[str, Any]:
        if not 200 <= status < 300:
            raise PeerRefused(f"{self.name} answered {status}: {content.get('detail') or content.get('title') or ''}")
        return content


def _key(peer: str, path: str, inputs: Mapping[str, Any], work: UnitOfWork) -> str:
    """The same for the same command for the same cause: a message, or a request however often it is sent."""
    cause = work.context.causation_id or work.context.request or work.context.correlation_id
    return str(uuid5(NAMESPACE_URL, f"{cause} {peer} {path} {sorted(inputs.items())}"))
