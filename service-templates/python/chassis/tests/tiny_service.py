"""A service as small as can be, written as the generator would: facts, messages, handlers, wiring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from chassis.definition import Definition
from chassis.domain import IllegalState, InvariantViolated
from chassis.message import message
from chassis.paging import Page, PageRequest
from chassis.service import Service
from chassis.values import Money
from chassis.work import UnitOfWork

TABLES = """
CREATE TABLE IF NOT EXISTS "order" (
  order_id uuid PRIMARY KEY, customer_id uuid NOT NULL, quantity bigint NOT NULL, price jsonb NOT NULL,
  email text NOT NULL, state text NOT NULL, _version bigint NOT NULL);
CREATE INDEX IF NOT EXISTS order_customer_id ON "order" (customer_id);
"""


@message
class PlaceOrder:
    customer_id: UUID
    quantity: int
    price: Money
    email: str


@message
class OrderPlaced:
    order_id: UUID
    customer_id: UUID
    quantity: int
    price: Money
    email: str


@message
class OrderDeclined:
    order_id: UUID
    customer_id: UUID


@message
class ConfirmOrder:
    order_id: UUID


@message
class OrderConfirmed:
    order_id: UUID
    customer_id: UUID


@message
class ShipmentLost:
    """Of another service."""

    shipment_id: UUID
    order_id: UUID
    customer_id: UUID
    orders: tuple[UUID, ...] = ()


@message
class CountOrders:
    """Scheduled work."""


@message
class OrdersCounted:
    order_id: UUID
    customer_id: UUID


@message
class GetOrder:
    order_id: UUID


@message
class SearchOrders:
    customer_id: UUID | None = None
    quantity: int | None = None


@message
class OrderView:
    order_id: UUID
    customer_id: UUID
    quantity: int
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    order_id: UUID
    customer_id: UUID
    quantity: int
    price: Money
    email: str
    state: str = "placed"


class Orders(Protocol):
    def add(self, work: UnitOfWork, state: Order) -> None: ...
    def get(self, work: UnitOfWork, key: Any) -> Order: ...
    def save(self, work: UnitOfWork, state: Order) -> None: ...
    def find(self, work: UnitOfWork, field: str, value: Any) -> Any: ...
    def page(self, work: UnitOfWork, filters: Any, after: str | None, limit: int) -> Page[Order]: ...


DECLINED_FROM = 100
BROKEN_FROM = 1000


@dataclass(frozen=True)
class Handlers:
    orders: Orders
    before_place: Callable[[], None] = lambda: None

    def place_order(self, command: PlaceOrder, work: UnitOfWork) -> OrderPlaced | OrderDeclined:
        self.before_place()
        if command.quantity < 1:
            raise InvariantViolated("quantity > 0")
        if command.quantity >= BROKEN_FROM:
            raise RuntimeError(f"a bug, with {command.email} in its text")
        order = Order(
            order_id=work.new_id(),
            customer_id=command.customer_id,
            quantity=command.quantity,
            price=command.price,
            email=command.email,
        )
        if command.quantity >= DECLINED_FROM:
            self.orders.add(work, replace(order, state="declined"))
            return OrderDeclined(order_id=order.order_id, customer_id=order.customer_id)
        self.orders.add(work, order)
        return OrderPlaced(
            order_id=order.order_id,
            customer_id=order.customer_id,
            quantity=order.quantity,
            price=order.price,
            email=order.email,
        )

    def confirm_order(self, command: ConfirmOrder, work: UnitOfWork) -> OrderConfirmed:
        order = self.orders.get(work, command.order_id)
        if order.state != "placed":
            raise IllegalState("ConfirmOrder", order.state, ("placed",))
        self.orders.save(work, replace(order, state="confirmed"))
        return OrderConfirmed(order_id=order.order_id, customer_id=order.customer_id)

    def count_orders(self, command: CountOrders, work: UnitOfWork) -> OrdersCounted:
        return OrdersCounted(order_id=work.new_id(), customer_id=work.new_id())

    def get_order(self, query: GetOrder, work: UnitOfWork) -> OrderView:
        return _view(self.orders.get(work, query.order_id))

    def search_orders(self, query: SearchOrders, page: PageRequest, work: UnitOfWork) -> Page[OrderView]:
        filters = {"customer_id": query.customer_id, "quantity": query.quantity}
        found = self.orders.page(work, filters, page.after, page.limit)
        return Page(tuple(_view(order) for order in found.items), found.next)


def _view(order: Order) -> OrderView:
    return OrderView(order_id=order.order_id, customer_id=order.customer_id, quantity=order.quantity, state=order.state)


def name(text: str) -> dict[str, str]:
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in text).lstrip("-")
    return {"text": text, "snake": words.replace("-", "_"), "kebab": words, "pascal": text[0].upper() + text[1:]}


def field(text: str, kind: str, sensitive: str = "") -> dict[str, Any]:
    inner = kind.removeprefix("optional ").removeprefix("list ")
    type_ = {"kind": inner} if inner == kind else {"kind": kind.split(maxsplit=1)[0], "of": {"kind": inner}}
    return {"name": name(text), "type": type_, "sensitive": sensitive}


_AVRO = {
    "int": "long",
    "uuid": {"type": "string", "logicalType": "uuid"},
    "string": "string",
    "list uuid": {"type": "array", "items": {"type": "string", "logicalType": "uuid"}},
    "money": {
        "type": "record",
        "name": "Money",
        "namespace": "fleet",
        "fields": [{"name": "amount", "type": "long"}, {"name": "currency", "type": "string"}],
    },
}


def _message(text: str, topic: str, context: str, kinds: dict[str, str]) -> dict[str, Any]:
    avro = {
        "type": "record",
        "name": text,
        "namespace": f"tiny.{context}",
        "fields": [{"name": each, "type": _AVRO[kind]} for each, kind in kinds.items()],
    }
    fields = [field(each, kind, "pii" if each == "email" else "") for each, kind in kinds.items()]
    return {"name": name(text), "fields": fields, "type": f"{context}.{text}.v1", "topic": topic, "avro": avro}


def event(text: str, kinds: dict[str, str], context: str = "order", aggregate: str = "order") -> dict[str, Any]:
    topic = f"tiny.{context}.{aggregate}.events"
    more = {"owner": context, "aggregate": aggregate.title(), "key": "customerId", "subject": f"{aggregate}Id"}
    return _message(text, topic, context, kinds) | more


def command(text: str, kinds: dict[str, str], emits: str, path: str, **more: Any) -> dict[str, Any]:
    facts = {
        "aggregate": name("Order"),
        "target": "existing",
        "emits": name(emits),
        "exposure": "public",
        "scopes": ["order.write"],
        "route": {"method": "POST", "path": path},
        "starts": "",
    }
    return _message(text, "tiny.order.commands", "order", kinds) | facts | more


PLACE = {"customerId": "uuid", "quantity": "int", "price": "money", "email": "string"}
KEYS = {"orderId": "uuid", "customerId": "uuid"}


def facts(**more: Any) -> dict[str, Any]:
    """The facts of the service; arguments replace parts of it."""
    content: dict[str, Any] = {
        "facts": "1.0",
        "fleet": "tiny",
        "name": name("order"),
        "package": "tiny_order",
        "title": "Orders",
        "context": "order",
        "chassis": {"language": "python", "least": "1.0.0"},
        "source": "/fleet/tiny/order",
        "exposure": "public",
        "aggregates": [
            {
                "name": name("Order"),
                "table": "order",
                "key": field("orderId", "uuid"),
                "key_generated": True,
                "fields": [field("orderId", "uuid"), *(field(each, kind) for each, kind in PLACE.items())],
                "states": ["placed", "confirmed", "declined"],
                "topic": "tiny.order.order.events",
            }
        ],
        "commands": [
            command("PlaceOrder", PLACE, "OrderPlaced", "/orders", target="new", rejection=name("OrderDeclined")),
            command(
                "ConfirmOrder",
                {"orderId": "uuid"},
                "OrderConfirmed",
                "/orders/{orderId}/confirm",
                exposure="internal",
                scopes=["order.confirm"],
            ),
            command("CountOrders", {}, "OrdersCounted", "/orders/count", target="collection", exposure="internal"),
        ],
        "queries": [
            {
                "name": name("GetOrder"),
                "aggregate": name("Order"),
                "kind": "by-key",
                "takes": [field("orderId", "uuid")],
                "gives": [],
                "exposure": "public",
                "scopes": ["order.read"],
                "route": {"method": "GET", "path": "/orders/{orderId}"},
            },
            {
                "name": name("SearchOrders"),
                "aggregate": name("Order"),
                "kind": "search",
                "takes": [field("customerId", "optional uuid"), field("quantity", "optional int")],
                "gives": [],
                "exposure": "public",
                "scopes": ["order.read"],
                "route": {"method": "GET", "path": "/orders"},
            },
        ],
        "events": [
            event("OrderPlaced", {"orderId": "uuid", **PLACE}),
            event("OrderDeclined", KEYS),
            event("OrderConfirmed", KEYS),
            event("OrdersCounted", KEYS),
        ],
        "foreign_events": [
            event("ShipmentLost", {"shipmentId": "uuid", **KEYS, "orders": "list uuid"}, "shipping", "shipment")
        ],
        "foreign_commands": [],
        "policies": [],
        "schedules": [],
        "subscriptions": [
            {"topic": "tiny.shipping.shipment.events", "ordered": True, "events": ["ShipmentLost"]},
        ],
        "topics": [
            {"name": each, "partitions": 1, "replicas": 1, "retention": 3600.0}
            for each in ("tiny.order.order.events", "tiny.order.commands", "tiny.order.replies")
        ],
        "command_topic": "tiny.order.commands",
        "reply_topic": "tiny.order.replies",
        "sagas": [],
        "peers": [],
        "limits": {
            "breaker_failures": 5,
            "breaker_open": 30.0,
            "timeout_internal": 5.0,
            "timeout_external": 30.0,
            "retry_attempts": 3,
            "bulkhead_concurrent": 4,
            "bulkhead_queued": 64,
            "rate_limit_per_minute": 0,
            "dead_letter_attempts": 8,
        },
        "sampling": 1.0,
        "redact": ["pii"],
    }
    return content | more


MESSAGES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        PlaceOrder, OrderPlaced, OrderDeclined, ConfirmOrder, OrderConfirmed, ShipmentLost, CountOrders, OrdersCounted,
        GetOrder, SearchOrders, OrderView,
    )
}  # fmt: skip


def tiny_service(orders: Orders, tables: Path = Path("tables.sql"), **more: Any) -> Service:
    """The service around a repository. `before_place` is called inside the transaction; the rest are facts."""
    handlers = Handlers(orders, more.pop("before_place", lambda: None))
    return Service(
        definition=Definition.model_validate(facts(**more)),
        messages=MESSAGES,
        handlers={
            "PlaceOrder": handlers.place_order,
            "ConfirmOrder": handlers.confirm_order,
            "CountOrders": handlers.count_orders,
            "GetOrder": handlers.get_order,
            "SearchOrders": handlers.search_orders,
        },
        finders={"Order": orders.find},
        tables=tables,
    )


# An environment that is in order, and what it needs more to call a peer.
GOOD = {
    "DATABASE_URL": "postgresql://user:hunter2@127.0.0.1:5432/order",
    "KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "SCHEMA_REGISTRY_URL": "http://127.0.0.1:8081/",
    "HTTP_PORT": "8080",
    "ADMIN_PORT": "9080",
    "AUTH_ISSUER": "http://127.0.0.1:7000",
    "AUTH_JWKS_URL": "http://127.0.0.1:7000/jwks.json",
}
PEER = {
    "PEER_CARD_OFFICE_URL": "http://127.0.0.1:8081",
    "AUTH_TOKEN_URL": "http://127.0.0.1:7000/token",
    "AUTH_CLIENT_ID": "order",
    "AUTH_CLIENT_SECRET": "s",
}
