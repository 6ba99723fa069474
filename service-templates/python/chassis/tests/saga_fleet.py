"""A small shop of four services with a database each, and a bus in memory: sagas without Kafka.

Handlers do something that can be counted in the database. `script` says how the next runs of a command go. A crash is a
`Killed` at a labelled point: what was not committed is gone, and what was not acknowledged is delivered again.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis import faults
from chassis.codec import Codec
from chassis.composition import SqlTransactions
from chassis.database import Database
from chassis.definition import Definition, Route
from chassis.dispatch import Dispatch, Record
from chassis.domain import IllegalState, NotFound
from chassis.execute import Executed, execute
from chassis.http.auth import Caller
from chassis.http.calls import Ports, serve_command
from chassis.http.client import PeerAnswer, PeerUnavailable
from chassis.http.errors import problem_of
from chassis.http.idempotency import SqlIdempotencyStore
from chassis.http.incoming import Incoming
from chassis.http.limits import RateLimiter
from chassis.http.problem import Answer
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

ORDER, PAYMENT, STOCK, CASE = {"orderId": ""}, {"paymentId": ""}, {"sku": "", "orderId": ""}, {"caseId": ""}
LINES = {"lines": "list"}
COMMANDS: dict[str, tuple[str, dict[str, str], str, dict[str, str], str]] = {
    "PlaceOrder": ("order", {"customerId": ""} | LINES, "OrderPlaced", ORDER | LINES, "OrderDeclined"),
    "CancelOrder": ("order", ORDER | {"reason": ""}, "OrderCancelled", ORDER | {"reason": ""}, ""),
    "ConfirmOrder": ("order", ORDER, "OrderConfirmed", ORDER, ""),
    "AuthorizePayment": ("payment", ORDER, "PaymentAuthorized", PAYMENT | ORDER, "PaymentDeclined"),
    "VoidPayment": ("payment", PAYMENT, "PaymentVoided", PAYMENT, ""),
    "CapturePayment": ("payment", PAYMENT, "PaymentCaptured", PAYMENT, "CaptureRefused"),
    "ReserveStock": ("stock", STOCK, "StockReserved", STOCK, "StockShort"),
    "ReleaseStock": ("stock", STOCK, "StockReleased", STOCK, ""),
    "CheckRisk": ("risk", ORDER, "RiskChecked", CASE | ORDER, "RiskFlagged"),
    "CloseCase": ("risk", CASE, "CaseClosed", CASE, ""),
}
TO = {"CancelOrder": "cancelled", "VoidPayment": "voided", "ReleaseStock": "", "CloseCase": "closed"}
MAKES = ("PlaceOrder", "AuthorizePayment", "CheckRisk")
SERVICES = ("order", "payment", "stock", "risk")


def steps(*, call: bool, within: float) -> list[dict[str, Any]]:
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
        "steps": steps(call=call, within=within), "fulfilment_topic": "shop.order.fulfilment",
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
    for service, takes, event, carries, rejection in COMMANDS.values():
        if service == of:
            subject = next(iter(carries))
            more = {"owner": service, "aggregate": service.title(), "key": subject, "subject": subject}
            topic = f"shop.{service}.{service}.events"
            yield _message(event, service, topic, carries) | more
            if rejection:
                first = next(iter(takes))
                yield _message(rejection, service, topic, {first: ""}) | more | {"key": first, "subject": first}


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
            "subscriptions": [],
            "topics": [{"name": f"shop.{service}.fulfilment", "partitions": 1, "replicas": 1, "retention": 3600}],
            "command_topic": f"shop.{service}.commands",
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
        plain = type(each.name.text, (), {"__annotations__": dict(hints), "__module__": __name__})
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
        self.service = Service(definition=self.definition, messages=self.messages, handlers=handlers, tables=tables)
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

    def empty(self) -> None:
        query = (
            "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'schema%'"
        )
        with self.database.connection() as connection:
            tables = [row[0] for row in connection.execute(query).fetchall()]
            connection.execute(f"TRUNCATE {', '.join(tables)}".encode())

    def execute(self, command: str, wire: Any, work: UnitOfWork) -> Executed:
        return execute(self.service, command, wire, work, sagas=self.engine)

    def handle(self, command: str, given: Any, work: UnitOfWork) -> Any:
        """Every command: goes as its script says, else as it should."""
        script = self.fleet.script.get(command)
        act = script.popleft() if script else "succeed"
        if isinstance(act, BaseException):
            raise act
        _, takes, event, carries, rejection = COMMANDS[command]
        wire = {each: getattr(given, _snake(each)) for each in takes}
        key = next(iter(carries if command in MAKES else takes))
        refused = act == "refuse"
        if command in MAKES and not refused:
            wire[key] = str(work.new_id())
            work.connection.execute("INSERT INTO thing VALUES (%s, %s, 'new')", (self.name, wire[key]))
        elif not refused:
            refused = not self._change(command, key, wire[key], work)
        if refused:
            first = next(iter(takes))
            return self.messages[rejection](**{_snake(first): wire[first]})
        work.connection.execute("INSERT INTO effect (command, id) VALUES (%s, %s)", (command, wire[key]))
        return self.messages[event](**{_snake(each): wire[each] for each in carries})

    def _change(self, command: str, key: str, value: str, work: UnitOfWork) -> bool:
        """False when there is not enough left."""
        to = {"CapturePayment": "captured", "ConfirmOrder": "confirmed", **TO}.get(command, "")
        query = "SELECT state, amount FROM thing WHERE kind = %s AND id = %s FOR UPDATE"
        found = work.connection.execute(query, (self.name, value)).fetchone()
        if found is None:
            raise NotFound(key, value)
        if to and found[0] != "new":
            raise IllegalState(command, found[0], ["new"])
        more = {"ReserveStock": -1, "ReleaseStock": 1}.get(command, 0)
        if found[1] + more < 0:
            return False
        query = "UPDATE thing SET state = %s, amount = amount + %s WHERE kind = %s AND id = %s"
        work.connection.execute(query, (to or found[0], more, self.name, value))
        return True

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        with self.database.connection() as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def serve(self, command: str, body: dict[str, Any], key: str, saga: SagaHeaders | None) -> Answer:
        """A request over HTTP, without the network."""
        ports = Ports(
            transactions=SqlTransactions(self.database),
            authenticate=lambda _: Caller("order", frozenset(), "service"),
            idempotency=SqlIdempotencyStore(),
            limiter=RateLimiter(0),
            sagas=self.engine,
            steps=self.engine,
        )
        sent = {"content-type": "application/json", "idempotency-key": key}
        if saga is not None:
            sent |= {"x-saga-id": str(saga.id), "x-saga-type": saga.type, "x-saga-step": saga.step}
            sent |= {"x-saga-direction": saga.direction, "x-saga-part": saga.part}
        incoming = Incoming(
            headers=sent, path={}, query=(), body=json.dumps(body).encode(), correlation_id="corr-1",
            deadline=time.monotonic() + 5,
        )  # fmt: skip
        try:
            return serve_command(self.service, ports, self.service.commands[command], incoming)
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            return problem.answer()


# -- all of them


class Fleet:
    """Four services and the bus between them."""

    def __init__(self, urls: dict[str, str], folder: Path, mode: str, **options: Any) -> None:
        """`urls` are of the services' databases; what is in them is deleted."""
        self.mode, self.facts = mode, saga(mode, **options)
        self.script: dict[str, deque[Any]] = {}
        self.registry = MemoryRegistry()
        self.bus: list[Record] = []
        self.calls = 0
        self.urls, self.folder = urls, folder
        self.members = {service: Member(self, service, url, folder) for service, url in urls.items()}
        for member in self.members.values():
            member.empty()
        for sku in ("a", "b", "c"):
            self.put("stock", sku, 10)

    def close(self) -> None:
        faults.install(None)
        for member in self.members.values():
            member.database.close()

    def restart(self, service: str) -> Member:
        """Another process of the service: nothing but the database is left."""
        before = self.members[service]
        before.database.close()
        self.members[service] = member = Member(self, service, self.urls[service], self.folder)
        member.waiting = before.waiting
        return member

    @property
    def order(self) -> Member:
        return self.members["order"]

    def put(self, kind: str, sku: str, amount: int) -> None:
        query = "INSERT INTO thing VALUES (%s, %s, 'new', %s) ON CONFLICT (kind, id) DO UPDATE SET amount = %s"
        with self.members[kind].database.connection() as connection:
            connection.execute(query, (kind, sku, amount, amount))

    def place(self, *lines: str) -> UUID:
        body = {"customerId": CUSTOMER, "lines": list(lines)}
        saga_id: UUID | None = None
        try:
            with self.order.database.work(MessageContext(correlation_id="corr-1")) as work:
                saga_id = self.order.execute("PlaceOrder", body, work).saga_id
        except Killed:
            if saga_id is None or not self.order.rows("SELECT 1 FROM saga_instance WHERE saga_id = %s", saga_id):
                return self.place(*lines)  # nothing was committed: the caller asks again
        assert saga_id is not None
        return saga_id

    def plan(self, **acts: Any) -> None:
        """How the next runs of a command go: `succeed`, `refuse`, or an error to raise."""
        for command, act in acts.items():
            self.script[command] = deque(act if isinstance(act, list) else [act])

    def call(
        self,
        peer: str,
        route: Route,
        inputs: Any,
        *,
        idempotency_key: str,
        correlation_id: str,
        saga: SagaHeaders | None = None,
    ) -> PeerAnswer:
        """As `PeerClient.post`."""
        self.calls += 1
        script = self.script.get("call")
        act = script.popleft() if script else "answer"
        if act == "away":
            raise PeerUnavailable(f"{peer} is away")
        assert saga is not None
        answer = self.members[peer].serve(saga.step, dict(inputs), idempotency_key, saga)
        if act == "lost":
            raise PeerUnavailable("the answer is lost")
        body = answer.body
        rejection = body.get("rejection", "")
        event = body.get("event", "") if answer.status < 300 else rejection
        return PeerAnswer(answer.status, event, body.get("data") or {}, bool(rejection))

    # -- the bus

    def pump(self) -> bool:
        """Relay what is in the outboxes."""
        moved = False
        for member in self.members.values():
            rows = member.rows("DELETE FROM outbox RETURNING position, topic, msg_key, key_seq, headers, payload")
            for _, topic, key, seq, headers, payload in sorted(rows):
                sent = {**headers, "ce_sequence": f"{seq:020d}"}
                record = Record(topic, 0, len(self.bus), key, sent, bytes(payload), raw_key=key.encode())
                self.bus.append(record)
                moved = True
                for reader in self.readers(topic):
                    reader.waiting.append(record)
        return moved

    def readers(self, topic: str) -> list[Member]:
        if topic.endswith((".commands", ".replies")):
            return [self.members[topic.split(".")[1]]]
        return list(self.members.values())

    def deliver(self, member: Member) -> bool:
        """The next record; it is acknowledged unless the process dies over it."""
        if not member.waiting:
            return False
        try:
            member.inbox.receive(member.waiting[0])
        except Killed:
            return True
        member.waiting.popleft()
        return True

    def step(self, without: tuple[str, ...] = ()) -> bool:
        busy = self.pump()
        for service, member in self.members.items():
            if service not in without:
                busy |= self.deliver(member)
                busy |= self.tick(member)
        return busy

    def tick(self, member: Member) -> bool:
        try:
            return member.timers.run_due() > 0
        except Killed:
            return True

    def settle(self, without: tuple[str, ...] = (), limit: int = 400) -> Fleet:
        """Until nothing moves any more without time passing."""
        for _ in range(limit):
            if not self.step(without):
                return self
        raise AssertionError("the fleet does not come to rest")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Every service reads in one thread and has its timers in another; the test moves the bus."""
        over = threading.Event()

        def read(member: Member) -> None:
            while not over.is_set():
                if not self.deliver(member):
                    over.wait(0.01)

        readers = [threading.Thread(target=read, args=(member,)) for member in self.members.values()]
        try:
            for member in self.members.values():
                member.timers.start()
            for reader in readers:
                reader.start()
            yield
        finally:
            over.set()
            for reader in readers:
                reader.join()
            for member in self.members.values():
                member.timers.stop()

    def pass_time(self, seconds: float) -> Fleet:
        """Let all that is waited for come nearer, as if time had passed."""
        by = {"by": f"{seconds} seconds"}
        for member in self.members.values():
            with member.database.connection() as connection:
                connection.execute(
                    "UPDATE saga_instance SET started_at = started_at - %(by)s::interval,"
                    " deadline_at = deadline_at - %(by)s::interval, next_timer_at = next_timer_at - %(by)s::interval",
                    by,
                )
                connection.execute(
                    "UPDATE saga_step SET deadline_at = deadline_at - %(by)s::interval,"
                    " sent_at = sent_at - %(by)s::interval, reply = CASE WHEN reply ? 'due' THEN reply || "
                    "jsonb_build_object('due', (reply->>'due')::timestamptz - %(by)s::interval) ELSE reply END",
                    by,
                )
                connection.execute("UPDATE saga_participant SET due_at = due_at - %(by)s::interval", by)
        return self

    def wait_out(self, saga_id: UUID, *, without: tuple[str, ...] = (), limit: int = 100) -> str:
        """Go from timer to timer until the saga rests."""
        for _ in range(limit):
            self.settle(without)
            row = self.order.rows(
                "SELECT status, extract(epoch FROM next_timer_at - clock_timestamp())::float8"
                " FROM saga_instance WHERE saga_id = %s",
                saga_id,
            )[0]
            if row[1] is None:
                return str(row[0])
            self.pass_time(max(0.0, row[1]) + 0.001)
        raise AssertionError("the saga does not come to rest")

    @contextmanager
    def killing(self, label: str, detail: str = "", passages: int = 1) -> Iterator[Counter[tuple[str, str]]]:
        """Die at a labelled point, as often as `passages` says."""
        seen: Counter[tuple[str, str]] = Counter()

        def hook(at: str, what: str) -> None:
            seen[at, what] += 1
            if at == label and detail in ("", what) and seen["died", ""] < passages:
                seen["died", ""] += 1
                raise Killed(f"{label} {detail}")

        faults.install(hook)
        try:
            yield seen
        finally:
            faults.install(None)

    # -- what became of it

    def status(self, saga_id: UUID) -> str:
        return str(self.order.rows("SELECT status FROM saga_instance WHERE saga_id = %s", saga_id)[0][0])

    def effects(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for member in self.members.values():
            found.update({row[0]: row[1] for row in member.rows("SELECT command, count(*) FROM effect GROUP BY 1")})
        return found

    def amount(self, sku: str) -> int:
        return int(self.members["stock"].rows("SELECT amount FROM thing WHERE id = %s", sku)[0][0])

    def parked(self) -> list[Any]:
        query = "SELECT reason, last_error FROM inbox_parked"
        return [(service, *row) for service, member in self.members.items() for row in member.rows(query)]

    def sent(self, ending: str) -> list[Record]:
        """Records whose type ends so, in the order of the bus."""
        return [record for record in self.bus if record.ce_type.endswith(ending)]
