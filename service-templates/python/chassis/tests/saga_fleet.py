"""A small shop of four services with a database each, and a bus in memory: sagas without Kafka.

Handlers do something that can be counted in the database. `script` says how the next runs of a command go. A crash is a
`Killed` at a labelled point: what was not committed is gone, and what was not acknowledged is delivered again.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import servers
from chassis import faults
from chassis.codec import Codec
from chassis.database import Database
from chassis.definition import Definition, Route
from chassis.dispatch import Dispatch, Record
from chassis.domain import IllegalState, NotFound
from chassis.execute import Executed, execute
from chassis.http.client import PeerAnswer, PeerUnavailable
from chassis.inbox import Inbox
from chassis.message import message
from chassis.migrations import migrate
from chassis.outbox import EventOutbox
from chassis.saga import SagaAdmin, SagaEngine
from chassis.service import Service
from chassis.work import MessageContext, SagaHeaders, UnitOfWork
from saga_flows import bound, name, source, step
from tiny_parts import MemoryRegistry

TABLES = """
CREATE TABLE IF NOT EXISTS thing (kind text, id text, state text NOT NULL, amount int NOT NULL DEFAULT 0,
  CHECK (amount >= 0), PRIMARY KEY (kind, id));
CREATE TABLE IF NOT EXISTS effect (n bigint GENERATED ALWAYS AS IDENTITY, command text, id text);
"""
CUSTOMER = "c-1"


class Killed(BaseException):
    """The process died here."""


# -- what the shop can do: command -> (service, inputs, event, what the event carries, rejection)

COMMANDS: dict[str, tuple[str, dict[str, str], str, dict[str, str], str]] = {
    "PlaceOrder": ("order", {"customerId": "", "lines": "list"}, "OrderPlaced", {"orderId": "", "lines": "list"}, "OrderDeclined"),
    "CancelOrder": ("order", {"orderId": "", "reason": ""}, "OrderCancelled", {"orderId": "", "reason": ""}, ""),
    "ConfirmOrder": ("order", {"orderId": ""}, "OrderConfirmed", {"orderId": ""}, ""),
    "AuthorizePayment": ("payment", {"orderId": ""}, "PaymentAuthorized", {"paymentId": "", "orderId": ""}, "PaymentDeclined"),
    "VoidPayment": ("payment", {"paymentId": ""}, "PaymentVoided", {"paymentId": ""}, ""),
    "CapturePayment": ("payment", {"paymentId": ""}, "PaymentCaptured", {"paymentId": ""}, "CaptureRefused"),
    "ReserveStock": ("stock", {"sku": "", "orderId": ""}, "StockReserved", {"sku": "", "orderId": ""}, "StockShort"),
    "ReleaseStock": ("stock", {"sku": "", "orderId": ""}, "StockReleased", {"sku": "", "orderId": ""}, ""),
    "CheckRisk": ("risk", {"orderId": ""}, "RiskChecked", {"caseId": "", "orderId": ""}, "RiskFlagged"),
    "CloseCase": ("risk", {"caseId": ""}, "CaseClosed", {"caseId": ""}, ""),
}  # fmt: skip
TO = {"CancelOrder": "cancelled", "VoidPayment": "voided", "ReleaseStock": "", "CloseCase": "closed"}
SERVICES = ("order", "payment", "stock", "risk")


def steps(mode: str, *, call: bool, within: float) -> list[dict[str, Any]]:
    def one(do: str, kind: str = "compensatable", undo: str = "", **more: Any) -> dict[str, Any]:
        service, _, event, _, rejection = COMMANDS[do]
        facts = step(do, service, kind=kind, undo=undo, within=within, **more)
        undone = COMMANDS[undo][2] if undo else ""
        return facts | {"succeeds_with": event, "refuses_with": rejection, "undone_with": undone}

    order = {"orderId": "OrderPlaced.orderId"}
    return [
        one("PlaceOrder", undo="CancelOrder", undo_bindings=bound(**order, reason="rejection")),
        one("AuthorizePayment", undo="VoidPayment", bindings=bound(**order),
            undo_bindings=bound(paymentId="PaymentAuthorized.paymentId")),
        one("ReserveStock", undo="ReleaseStock", for_each=source("OrderPlaced.lines"),
            bindings=bound(sku="item", **order), undo_bindings=bound(sku="item", **order)),
        one("CheckRisk", undo="CloseCase", call=call, bindings=bound(**order),
            undo_bindings=bound(caseId="RiskChecked.caseId")),
        one("CapturePayment", "pivot", bindings=bound(paymentId="PaymentAuthorized.paymentId")),
        one("ConfirmOrder", "retriable", bindings=bound(**order)),
    ]  # fmt: skip


def saga(mode: str, *, call: bool = False, timeout: float = 300.0, within: float = 60.0) -> dict[str, Any]:
    return {
        "name": name("fulfil"), "mode": mode, "owner": "order", "version": 1, "timeout": timeout, "stuck": "manual",
        "steps": steps(mode, call=call, within=within), "fulfilment_topic": "shop.order.fulfilment",
    }  # fmt: skip


# -- facts and messages


def _snake(text: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in text)


def _fields(kinds: dict[str, str]) -> list[dict[str, Any]]:
    text = {"kind": "string"}
    types = {"": text, "list": {"kind": "list", "of": text}}
    return [{"name": name(each) | {"snake": _snake(each)}, "type": types[kind]} for each, kind in kinds.items()]


def _message(text: str, service: str, topic: str, kinds: dict[str, str]) -> dict[str, Any]:
    types = {"": "string", "list": {"type": "array", "items": "string"}}
    fields = [{"name": each, "type": types[kind]} for each, kind in kinds.items()]
    avro = {"type": "record", "name": text, "namespace": f"shop.{service}", "fields": fields}
    return {"name": name(text), "fields": _fields(kinds), "type": f"{service}.{text}.v1", "topic": topic, "avro": avro}


def _events(of: str) -> Iterator[dict[str, Any]]:
    for service, _, event, carries, rejection in COMMANDS.values():
        if service == of:
            subject = next(iter(carries))
            more = {"owner": service, "aggregate": service.title(), "key": subject, "subject": subject}
            topic = f"shop.{service}.{service}.events"
            yield _message(event, service, topic, carries) | more
            if rejection:
                refused = {"orderId": ""} if subject != "paymentId" or event == "PaymentAuthorized" else {"paymentId": ""}
                key = next(iter(refused))
                yield _message(rejection, service, topic, refused) | more | {"key": key, "subject": key}


def _commands(of: str, starts: str) -> Iterator[dict[str, Any]]:
    for text, (service, takes, event, _, rejection) in COMMANDS.items():
        if service == of:
            yield _message(text, service, f"shop.{service}.commands", takes) | {
                "aggregate": name(service.title()),
                "target": "existing",
                "emits": name(event),
                "rejection": name(rejection) if rejection else None,
                "to": TO.get(text, ""),
                "exposure": "internal",
                "scopes": [],
                "route": {"method": "POST", "path": f"/{text.lower()}"},
                "starts": starts if text == "PlaceOrder" else "",
            }


def definition(service: str, facts: dict[str, Any]) -> Definition:
    others = [other for other in SERVICES if other != service]
    return Definition.model_validate(
        {
            "facts": "1.0", "fleet": "shop", "name": name(service), "package": f"shop_{service}", "title": service,
            "context": service, "chassis": {"language": "python", "least": "1.0.0"}, "source": f"/fleet/shop/{service}",
            "exposure": "internal", "aggregates": [], "queries": [], "policies": [], "schedules": [],
            "commands": list(_commands(service, "fulfil")), "events": list(_events(service)),
            "foreign_events": [event for other in others for event in _events(other)],
            "foreign_commands": [command for other in others for command in _commands(other, "")],
            "subscriptions": [], "topics": [], "command_topic": f"shop.{service}.commands",
            "reply_topic": f"shop.{service}.replies", "sagas": [facts], "peers": [],
            "limits": {"breaker_failures": 5, "breaker_open": 30, "timeout_internal": 5, "timeout_external": 30,
                       "retry_attempts": 3, "bulkhead_concurrent": 4, "bulkhead_queued": 8,
                       "rate_limit_per_minute": 0, "dead_letter_attempts": 8},
            "sampling": 1.0,
        }
    )  # fmt: skip


def message_classes(facts: Definition) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for each in (*facts.commands, *facts.foreign_commands, *facts.events, *facts.foreign_events):
        hints = [(f.name.snake, str if f.type.kind == "string" else tuple[str, ...]) for f in each.fields]
        plain = dataclasses.make_dataclass(each.name.text, hints, kw_only=True)
        plain.__module__ = __name__
        found[each.name.text] = message(plain)
    return found


# -- one service


class Member:
    """A service of the fleet without a process around it."""

    def __init__(self, fleet: Fleet, service: str, url: str, folder: Path) -> None:
        self.fleet, self.name = fleet, service
        self.definition = definition(service, fleet.facts)
        self.messages = message_classes(self.definition)
        self.codec = Codec(self.definition, fleet.registry)
        tables = folder / "tables.sql"
        tables.write_text(TABLES)
        handlers = {command.name.text: partial(self.handle, command.name.text) for command in self.definition.commands}
        self.service = Service(
            definition=self.definition, messages=self.messages, handlers=handlers, tables=tables
        )
        outbox = EventOutbox(self.definition, self.codec, self.service.names)
        self.database = Database(url, outbox, pool_most=4, application=service)
        self.database.open()
        migrate(self.database, tables)
        self.engine = SagaEngine(self.definition, self.codec, outbox, self.execute, fleet.call)
        dispatch = Dispatch().merged(self.engine.handlers()).merged(self.engine.command_handlers())
        self.inbox = Inbox(self.database, dispatch, self.definition.group, sleep=lambda _: None)
        self.timers = self.engine.timers(self.database)
        self.admin = SagaAdmin(self.engine, self.database)
        self.waiting: deque[Record] = deque()

    def execute(self, command: str, wire: Any, work: UnitOfWork) -> Executed:
        return execute(self.service, command, wire, work, sagas=self.engine)

    def handle(self, command: str, given: Any, work: UnitOfWork) -> Any:
        """Every command: does what its script says, else what it is for."""
        script = self.fleet.script.get(command)
        act = script.popleft() if script else "succeed"
        if isinstance(act, BaseException):
            raise act
        _, takes, event, carries, rejection = COMMANDS[command]
        wire = {each: getattr(given, _snake(each)) for each in takes}
        if command not in ("PlaceOrder", "AuthorizePayment", "CheckRisk"):
            key = next(iter(takes))
            self._change(command, key, str(wire[key]), work)
        else:
            key = next(iter(carries))
            wire[key] = str(work.new_id())
            self._note(command, wire[key], work)
            work.connection.execute("INSERT INTO thing VALUES (%s, %s, 'new')", (self.name, wire[key]))
        short = command == "ReserveStock" and self._is_short(wire["sku"], work)
        if act == "refuse" or short:
            refused = self.messages[rejection]
            return refused(**{f.name: wire[f.name.split("_")[0] + "Id"] for f in dataclasses.fields(refused)})
        return self.messages[event](**{_snake(each): wire[each] for each in carries})

    def _change(self, command: str, key: str, value: str, work: UnitOfWork) -> None:
        to = {"CapturePayment": "captured", "ConfirmOrder": "confirmed", **TO}.get(command, "")
        found = work.connection.execute(
            "SELECT state FROM thing WHERE kind = %s AND id = %s FOR UPDATE", (self.name, value)
        ).fetchone()
        if found is None:
            raise NotFound(key, value)
        if to and found[0] != "new":
            raise IllegalState(command, found[0], ["new"])
        more = {"ReserveStock": -1, "ReleaseStock": 1}.get(command, 0)
        self._note(command, value, work)
        if not (command == "ReserveStock" and self._is_short(value, work)):
            work.connection.execute(
                "UPDATE thing SET state = %s, amount = amount + %s WHERE kind = %s AND id = %s",
                (to or found[0], more, self.name, value),
            )
            self.fleet.reserved = True

    def _is_short(self, sku: str, work: UnitOfWork) -> bool:
        row = work.connection.execute("SELECT amount < 0 FROM thing WHERE kind = 'short' AND id = %s", (sku,)).fetchone()
        return bool(row)

    def _note(self, command: str, value: str, work: UnitOfWork) -> None:
        work.connection.execute("INSERT INTO effect (command, id) VALUES (%s, %s)", (command, value))

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        with self.database.connection() as connection:
            return connection.execute(query.encode(), parameters).fetchall()
