"""A service that copies another's products: its facts, its rows, and ways to write what the owner would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from chassis.definition import Definition
from chassis.dispatch import Record
from chassis.message import message, to_wire
from chassis.projected import ProjectedRows
from chassis.projections.handling import Projector
from chassis.service import Service
from chassis.work import UnitOfWork
from lab import Bus, Store
from tiny_service import event, facts, name
from tiny_service import field as fact

TABLE = """
CREATE TABLE products_copy (
  _generation int NOT NULL, _source text COLLATE "C" NOT NULL, _subject text COLLATE "C" NOT NULL,
  _stream text NOT NULL, _sequence bigint NOT NULL, _whole boolean NOT NULL,
  sku text, product_id uuid, price bigint, label text, state text, changed_at timestamptz,
  PRIMARY KEY (_generation, _source, _subject));
"""
MADE = {"productId": "uuid", "customerId": "uuid", "sku": "string", "price": "int", "label": "string"}
PRICED = {"productId": "uuid", "customerId": "uuid", "sku": "string", "price": "int"}
ENDED = {"productId": "uuid", "customerId": "uuid", "sku": "string"}
KINDS = {"ProductMade": MADE, "ProductPriced": PRICED, "ProductEnded": ENDED}
TYPES = {kind: f"catalog.{kind}.v1" for kind in KINDS}
OWNER = "0197a0c0-0000-7000-8000-00000000000a"


@message
class ProductsRow:
    sku: str
    product_id: UUID
    price: int | None = None
    label: str | None = None
    state: str | None = None
    changed_at: datetime


@message
class ProductMade:
    product_id: UUID
    customer_id: UUID
    sku: str
    price: int
    label: str


@message
class ProductPriced:
    product_id: UUID
    customer_id: UUID
    sku: str
    price: int


@message
class ProductEnded:
    product_id: UUID
    customer_id: UUID
    sku: str


def projection(topic: str) -> dict[str, Any]:
    states = {"ProductMade": "made", "ProductPriced": "", "ProductEnded": "ended"}
    return {
        "name": name("products"),
        "kind": "copy",
        "row": name("ProductsRow"),
        "table": "products_copy",
        "key": fact("sku", "string"),
        "fields": [
            fact("sku", "string"),
            fact("productId", "uuid"),
            fact("price", "optional int"),
            fact("label", "optional string"),
            fact("state", "optional string"),
            fact("changedAt", "datetime"),
        ],
        "sources": [
            {
                "event": name(kind),
                "aggregate": "Product",
                "subject": "productId",
                "state": states[kind],
                "creates": kind == "ProductMade",
            }
            for kind in KINDS
        ],
        "topics": [topic],
    }


def copying(topic: str, **more: Any) -> Service:
    """The service, over one topic."""
    owned = [event(kind, kinds, "catalog", "product") | {"topic": topic} for kind, kinds in KINDS.items()]
    nothing: dict[str, Any] = {"commands": [], "queries": [], "events": [], "aggregates": []}
    heard = [{"topic": topic, "ordered": True, "events": list(KINDS)}]
    told = {
        "foreign_events": owned,
        "copies": [projection(topic)],
        "subscriptions": heard,
        "fleet": f"f{uuid4().hex[:8]}",
    }
    return Service(
        definition=Definition.model_validate(facts(**nothing, **told)),
        messages={cls.__name__: cls for cls in (ProductsRow, ProductMade, ProductPriced, ProductEnded)},
        handlers={},
        tables=Path("tables.sql"),
        **more,
    )


class Plain:
    """Reads payloads that are plain JSON."""

    def decode(self, record: Record) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(record.payload or b"{}")
        return content


@dataclass
class Owner:
    """The owner of the products: what it says, and what is true of them."""

    truth: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: list[tuple[str, int, str, dict[str, Any]]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def say(self, number: int, kind: str, **more: Any) -> tuple[str, int, str, dict[str, Any]]:
        """A next event of a product; the first must be `ProductMade`."""
        product = str(UUID(int=number))
        content = {"productId": product, "customerId": OWNER, "sku": f"sku-{number % 7}", **more}
        self.counts[product] = self.counts.get(product, 0) + 1
        row = {name: value for name, value in content.items() if name != "customerId"}
        states = {"ProductMade": {"state": "made"}, "ProductEnded": {"state": "ended"}}
        self.truth[product] = self.truth.get(product, {"price": None, "label": None}) | row | states.get(kind, {})
        self.said.append((product, self.counts[product], kind, content))
        return self.said[-1]


def write(bus: Bus, topic: str, said: tuple[str, int, str, dict[str, Any]], ce_id: str = "") -> str:
    """Put what the owner said into the topic; the id it got."""
    product, sequence, kind, content = said
    more = {"ce_id": ce_id} if ce_id else {}
    return bus.write(topic, product, sequence, ce_type=TYPES[kind], payload=json.dumps(content).encode(), **more)


def record_of_said(said: tuple[str, int, str, dict[str, Any]], topic: str = "t") -> Record:
    """As it would be read."""
    product, sequence, kind, content = said
    headers = {
        "ce_type": TYPES[kind],
        "ce_source": "/fleet/lab/writer",
        "ce_sequence": f"{sequence:020d}",
        "ce_time": "2026-01-31T12:00:00.000Z",
    }
    return Record(topic, 0, sequence, product, headers, json.dumps(content).encode())


def prepared(store: Store, service: Service) -> Projector:
    """A projector whose projections are declared, over an empty table."""
    store.execute(TABLE)
    projector = Projector(service, Plain())
    with store.database.connection() as connection:
        projector.declare(connection)
    return projector


def kept(store: Store) -> dict[str, dict[str, Any]]:
    """The rows that are read, by product."""
    rows = ProjectedRows(ProductsRow, name="products", table="products_copy", key="sku")
    found: dict[str, dict[str, Any]] = {}
    with store.database.work() as work:
        for number in range(7):
            found |= {str(row.product_id): plain(to_wire(row)) for row in all_pages(rows, work, f"sku-{number}")}
    return found


def all_pages(rows: ProjectedRows[ProductsRow], work: UnitOfWork, key: str) -> list[ProductsRow]:
    """Every row of a key, page after page."""
    found: list[ProductsRow] = []
    after: str | None = None
    while True:
        page = rows.page(work, key, after, 3)
        found += page.items
        if page.next is None:
            return found
        after = page.next


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without the moment of its last change."""
    return {name: value for name, value in row.items() if name != "changedAt"}
