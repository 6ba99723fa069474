"""Orders at the e-commerce example, many and at a steady rate, and the account of what became of each of them.

The account is drawn up from the services' own tables at rest: orders, payments, shipments and stock must tell the same
story as the sagas, whatever was killed meanwhile.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from e2e.invariants import TERMINAL
from e2e.live_fleet import LiveFleet, until
from fleetgen.runtime.http import Reply, fetch

Kind = Literal["plain", "dear", "scarce"]
"""Goes through; is too dear for the card; asks for what only the first few can have."""

PLENTY, FEW, MOST_MINOR = 100_000, 12, 1_000_000
TRY, ANSWER = 10.0, 150.0  # seconds a client waits for one answer, and for any at all


@dataclass
class Order:
    """What a client sends again and again with the same key until it is told what became of it."""

    kind: Kind
    given: dict[str, Any]
    key: str
    id: str = ""
    saga: str = ""
    tries: int = 0
    seconds: float = 0.0

    @property
    def quantities(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for line in self.given["lines"]:
            found[line["sku"]] += line["quantity"]
        return found


@dataclass
class Load:
    """Several clients that place orders, `rate` of them a second. The seed says what is ordered, in which order."""

    live: LiveFleet
    seed: int
    rate: float = 20.0
    clients: int = 8
    orders: list[Order] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        mark = f"{self.seed:x}-{uuid.uuid4().hex[:6]}"
        self._chance = random.Random(self.seed)
        self._customers = [str(uuid.uuid4()) for _ in range(16)]
        self._tokens = {customer: self.live.token_of(customer, "order", "PlaceOrder") for customer in self._customers}
        self._turn, self._over = threading.Lock(), threading.Event()
        self._next = 0.0
        self.stock = {f"{name}-{mark}": PLENTY for name in ("apple", "pear", "plum", "fig")}
        self.stock |= {f"{name}-{mark}": FEW for name in ("quince", "medlar")}
        for sku, on_hand in self.stock.items():
            self.live.post("inventory", "OpenStock", {"sku": sku, "onHand": on_hand, "reserved": 0})

    @contextmanager
    def flowing(self) -> Iterator[Load]:
        """Orders are placed for as long as this lasts; on leaving, all that were placed have been answered."""
        self._over.clear()
        self._next = time.monotonic()
        threads = [threading.Thread(target=self._place, name=f"client-{n}") for n in range(self.clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
        assert self.problems == [], self.problems[:5]

    def place(self, count: int) -> None:
        """So many orders, and no more."""
        until_there = len(self.orders) + count
        with self.flowing():
            until(lambda: len(self.orders) >= until_there, f"{count} orders placed", ANSWER + count / self.rate)

    def _place(self) -> None:
        while not self._over.is_set():
            with self._turn:
                wait, self._next = self._next - time.monotonic(), self._next + 1 / self.rate
                order = self._draw()
            if self._over.wait(max(0.0, wait)):
                return
            with self._turn:
                self.orders.append(order)
                self._next = max(self._next, time.monotonic())  # what nobody could ask for is not made up for
            try:
                self._ask(order)
            except Exception as reason:  # told to the test by `flowing`; a thread's own end would be silent
                self.problems.append(f"{order.kind} order: {reason!r}")

    def _draw(self) -> Order:
        chance = self._chance
        kind: Kind = chance.choices(("plain", "dear", "scarce"), (7, 1.5, 1.5))[0]
        plenty = [sku for sku, on_hand in self.stock.items() if on_hand == PLENTY]
        lines = [(sku, chance.randint(1, 3), 500) for sku in chance.sample(plenty, chance.randint(1, 3))]
        if kind == "scarce":
            few = [sku for sku, on_hand in self.stock.items() if on_hand == FEW]
            lines.append((chance.choice(few), chance.randint(1, 2), 500))
        if kind == "dear":
            lines[0] = (lines[0][0], 1, MOST_MINOR + 1)
        given = {
            "customerId": chance.choice(self._customers),
            "lines": [{"sku": sku, "quantity": count, "price": _euro(price)} for sku, count, price in lines],
            "total": _euro(sum(count * price for _, count, price in lines)),
            "paymentToken": "token",
        }
        return Order(kind, given, str(uuid.uuid4()))

    def _ask(self, order: Order) -> None:
        begun = time.monotonic()
        while not (reply := self._try(order)):
            assert time.monotonic() < begun + ANSWER, f"no answer in {order.tries} tries"
            time.sleep(0.1)
        order.seconds = time.monotonic() - begun
        assert reply.status == 201, f"{reply.status} {reply.body!r}"
        order.id, order.saga = reply.json()["data"]["orderId"], reply.headers["x-saga-id"]

    def _try(self, order: Order) -> Reply | None:
        """An answer that says what became of the order; None when it has to be sent again."""
        order.tries += 1
        headers = {"Authorization": f"Bearer {self._tokens[order.given['customerId']]}", "Idempotency-Key": order.key}
        url = f"{self.live.addresses['order']}{self.live.fleet.command('order', 'PlaceOrder').route.path}"
        reply = fetch("POST", url, order.given, headers, TRY)
        if reply is None or reply.status >= 500 or reply.status == 429:
            return None
        return None if reply.status == 409 and b"in-flight" in reply.body else reply


@dataclass
class Account:
    """What the services' tables say about the orders of a load."""

    live: LiveFleet
    load: Load

    def await_ends(self, limit: float) -> Counter[str]:
        """Wait until every saga has ended or waits for an operator; how many ended how."""
        wanted = {order.saga for order in self.load.orders}

        def open_sagas() -> set[str]:
            return {saga for saga in wanted if self._statuses().get(saga, "missing") not in (*TERMINAL, "stuck")}

        until(lambda: not open_sagas(), lambda: f"sagas that go on: {self._described(open_sagas())}", limit)
        return Counter(self._statuses()[saga] for saga in wanted)

    def check(self, *, late: bool = False) -> None:
        """Orders, payments, shipments and stock agree with how the sagas ended.

        `late`: some may have been called off by their timeouts, so a plain order need not be completed.
        """
        ids = [order.id for order in self.load.orders]
        assert len(set(ids)) == len(ids), "two orders have the same id"
        customers = sorted({order.given["customerId"] for order in self.load.orders})
        placed = self.live.sql("order", "SELECT id::text FROM orders WHERE customer_id::text = ANY(%s)", customers)
        assert {id_ for (id_,) in placed} == set(ids), "orders in the table that no client was told of, or the reverse"
        statuses, taken = self._statuses(), Counter[str]()
        rows = self._rows()
        wrong = []
        for order in self.load.orders:
            status = statuses[order.saga]
            if status == "completed":
                taken += order.quantities
            if fault := _fault(order, status, rows, late):
                wrong.append(f"{order.kind} order {order.id}, saga {order.saga} {status}: {fault}")
        assert wrong == [], "\n".join(wrong[:10])
        left = {sku: (on_hand - taken[sku], 0) for sku, on_hand in self.load.stock.items()}
        query = "SELECT sku, on_hand, reserved FROM stocks WHERE sku = ANY(%s)"
        found = {sku: numbers for sku, *numbers in self.live.sql("inventory", query, list(self.load.stock))}
        assert {sku: tuple(numbers) for sku, numbers in found.items()} == left, "stock does not agree with the orders"

    def latencies(self) -> list[float]:
        """Seconds from the start of each saga to its end, shortest first."""
        query = "SELECT extract(epoch FROM finished_at - started_at)::float8 FROM saga_instance WHERE saga_id = ANY(%s)"
        found = self.live.sql("order", query, [uuid.UUID(order.saga) for order in self.load.orders])
        return sorted(seconds for (seconds,) in found if seconds is not None)

    def _statuses(self) -> dict[str, str]:
        return dict(self.live.sql("order", "SELECT saga_id::text, status FROM saga_instance"))

    def _described(self, sagas: set[str]) -> list[tuple[Any, ...]]:
        query = """
            SELECT i.saga_id::text, i.status, i.next_timer_at::text, array_agg(s.name || ' ' || s.status ORDER BY s.seq)
              FROM saga_instance i JOIN saga_step s USING (saga_id) WHERE saga_id::text = ANY(%s) GROUP BY 1, 2, 3
        """
        return self.live.sql("order", query, sorted(sagas))[:8]

    def _rows(self) -> dict[str, tuple[list[Any], list[Any], list[Any]]]:
        """By order: its own rows, its payments, its shipments."""
        found: dict[str, tuple[list[Any], list[Any], list[Any]]] = {}
        queries = (
            ("order", "SELECT id::text, state FROM orders"),
            ("payment", "SELECT order_id::text, state FROM payments"),
            ("shipping", "SELECT order_id::text, state FROM shipments"),
        )
        for place, (service, query) in enumerate(queries):
            for key, state in self.live.sql(service, query):
                found.setdefault(key, ([], [], []))[place].append(state)
        return found


def _fault(order: Order, status: str, rows: dict[str, tuple[list[Any], list[Any], list[Any]]], late: bool) -> str:
    """What is wrong with an order, if anything."""
    states, payments, shipments = rows.get(order.id, ([], [], []))
    story = f"order {states}, payments {payments}, shipments {shipments}"
    if status == "completed":
        if order.kind == "dear":
            return "it was too dear to be completed"
        return "" if (states, payments, shipments) == (["shipped"], ["captured"], ["dispatched"]) else story
    if status != "compensated":
        return f"not ended: {story}"
    if order.kind == "plain" and not late:
        return f"nothing speaks against it: {story}"
    undone = payments in ([], ["declined"], ["voided"]) and shipments in ([], ["cancelled"])
    return "" if states == ["cancelled"] and undone else story


def _euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}
