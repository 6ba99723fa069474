"""Sagas as the suite sees them: begun over HTTP, watched in the owner's tables and on the bus."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rig.fleet import Fleet
from rig.invariants import TERMINAL
from rig.waiting import until

OWNER = "order"
SAGA_SERVICES = ("order", "payment", "inventory", "shipping")
CHEAP, DEAR = 1200, 100_001  # minor units: what a payment takes, and what it declines


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


@dataclass(frozen=True)
class Saga:
    """One that was begun. `key` is that of its first aggregate."""

    fleet: Fleet
    id: str
    key: str

    @property
    def status(self) -> str:
        rows = self.fleet.sql(OWNER, "SELECT status FROM saga_instance WHERE saga_id = %s", self.id)
        return str(rows[0][0]) if rows else ""

    @property
    def version(self) -> int:
        return int(self.fleet.sql(OWNER, "SELECT version FROM saga_instance WHERE saga_id = %s", self.id)[0][0])

    def steps(self) -> dict[tuple[str, str], tuple[str, int]]:
        """Status and attempt of each step, by the name of what it does (also where it is undone) and its direction."""
        query = """
            SELECT f.name, s.direction, s.status, s.attempt FROM saga_step s
              JOIN saga_step f ON f.saga_id = s.saga_id AND f.seq = s.seq AND f.direction = 'forward'
             WHERE s.saga_id = %s ORDER BY s.seq
        """
        return {(name, way): (status, tries) for name, way, status, tries in self.fleet.sql(OWNER, query, self.id)}

    def await_end(self, status: str, limit: float = 90) -> Saga:
        """Wait until it has ended, or waits for an operator; it must be so."""
        ends = {*TERMINAL, "stuck"}
        until(lambda: self.status in ends, lambda: f"an end of {self.id}, not {self.status}: {self.steps()}", limit)
        assert self.status == status, f"{self.status}, not {status}: {self.steps()}"
        return self

    def undone_in_reverse(self) -> None:
        """Each compensation began when the one of the step behind it had ended."""
        query = """
            SELECT name, sent_at, ended_at FROM saga_step
             WHERE saga_id = %s AND direction = 'compensate' AND sent_at IS NOT NULL ORDER BY seq DESC
        """
        rows = self.fleet.sql(OWNER, query, self.id)
        for (behind, _, ended), (name, sent, _) in itertools.pairwise(rows):
            assert ended is not None and sent >= ended, f"C21: {name} was undone before {behind}"


def begin(fleet: Fleet, command: str, given: Mapping[str, Any], **options: Any) -> Saga:
    """The saga that the command begins."""
    reply = fleet.do(command, given, **options)
    data = reply.json()["data"]
    return Saga(fleet, reply.headers["x-saga-id"], next(value for name, value in data.items() if name.endswith("Id")))


def order(fleet: Fleet, sku: str, *, quantity: int = 1, amount: int = CHEAP, **options: Any) -> Saga:
    """Saga `fulfil`."""
    given = {"customerId": str(uuid.uuid4()), "sku": sku, "quantity": quantity, "amount": euro(amount)}
    return begin(fleet, "PlaceOrder", given, **options)


def errand(fleet: Fleet, sku: str, *, quantity: int = 1, amount: int = CHEAP) -> Saga:
    """Saga `errand`, the choreographed twin."""
    return begin(fleet, "BeginErrand", {"sku": sku, "quantity": quantity, "amount": euro(amount)})


def rush(fleet: Fleet) -> Saga:
    """Saga `rush`, whose participants the suite plays."""
    return begin(fleet, "StartRush", {"sku": "rush", "quantity": 1, "amount": euro(CHEAP)})


def stock(fleet: Fleet, on_hand: int) -> str:
    """A new item with so many units."""
    sku = f"item-{uuid.uuid4().hex[:8]}"
    fleet.do("OpenStock", {"sku": sku, "onHand": on_hand, "reserved": 0})
    return sku


def rack(fleet: Fleet, free: int) -> str:
    """The same for the twin."""
    sku = f"rack-{uuid.uuid4().hex[:8]}"
    fleet.do("OpenRack", {"sku": sku, "free": free})
    return sku
