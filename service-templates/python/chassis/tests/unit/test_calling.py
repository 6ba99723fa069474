"""The key under which another service is told to do something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from chassis.calling import Peer, PeerAnswer
from chassis.work import MessageContext, UnitOfWork


@dataclass
class Peers:
    """Remembers the keys it was told with."""

    keys: list[str] = field(default_factory=list)

    def tell(self, peer: str, path: str, inputs: Mapping[str, Any], key: str, work: UnitOfWork) -> PeerAnswer:
        self.keys.append(key)
        return PeerAnswer(200, "Charged", {}, rejected=False)


@dataclass
class Charge:
    amount: int = 7


@dataclass
class Charged:
    pass


@dataclass
class Work:
    peers: Peers
    context: MessageContext


def told(context: MessageContext, amount: int = 7, path: str = "/charge") -> str:
    peers = Peers()
    Peer("card").command(path, Charge(amount), {"Charged": Charged}, cast("UnitOfWork", Work(peers, context)))
    return peers.keys[0]


def test_a_cause_that_comes_again_tells_under_the_same_key() -> None:
    for cause in ({"causation_id": "m1"}, {"request": "r1"}):
        assert told(MessageContext(**cause)) == told(MessageContext(**cause))


def test_another_cause_or_another_command_is_another_key() -> None:
    keys = [
        told(MessageContext(request="r1")),
        told(MessageContext(request="r2")),
        told(MessageContext(causation_id="m1")),
        told(MessageContext(causation_id="m2", request="r1")),
        told(MessageContext(request="r1"), amount=8),
        told(MessageContext(request="r1"), path="/refund"),
    ]
    assert len(set(keys)) == len(keys)
