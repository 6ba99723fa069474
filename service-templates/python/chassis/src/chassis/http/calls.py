"""What a command or query does with a request, from its token to its answer. Plain functions, run in threads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import psycopg

from chassis import telemetry
from chassis.definition import Command, Projection, Query
from chassis.execute import Executed, SagaStarter, execute
from chassis.http.auth import Authenticator, Caller
from chassis.http.idempotency import IdempotencyStore, request_digest, required_key
from chassis.http.incoming import CORRELATION, SAGA_ID, Incoming, command_payload, query_payload
from chassis.http.limits import RateLimiter
from chassis.http.problem import Answer, Detail, invalid, rejected
from chassis.message import from_wire, to_wire
from chassis.paging import LIMIT_DEFAULT, LIMIT_MOST, Page, PageRequest
from chassis.projected import Freshness
from chassis.service import Service
from chassis.work import MessageContext, UnitOfWork

log = logging.getLogger("chassis.http")

T = TypeVar("T")
TRIES = 3
JSON = {"content-type": "application/json"}


class Transactions(Protocol):
    """Opens units of work that end before the caller stops waiting."""

    def work(self, context: MessageContext, seconds: float) -> AbstractContextManager[UnitOfWork]:
        """A unit of work whose statements take no longer than `seconds`."""


class SagaSteps(Protocol):
    """Carries out saga steps that come over HTTP, behind the same barrier as those that come over the bus."""

    def perform(self, name: str, payload: Mapping[str, Any], work: UnitOfWork) -> Executed:
        """Carry out the step that the work's context names."""


class Views(Protocol):
    """Where read models are kept."""

    def page(self, model: Projection, key: Any, page: PageRequest, work: UnitOfWork) -> Page[Any]:
        """The rows of a key."""

    def freshness(self, model: Projection, work: UnitOfWork) -> Freshness:
        """How old they may be."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What the interface needs of the rest of the process."""

    transactions: Transactions
    authenticate: Authenticator
    idempotency: IdempotencyStore
    limiter: RateLimiter
    sagas: SagaStarter | None = None
    steps: SagaSteps | None = None
    views: Views | None = None


def serve_command(service: Service, ports: Ports, facts: Command, incoming: Incoming) -> Answer:
    """Carry out a command once for its `Idempotency-Key`; effect, events and answer are committed together."""
    caller = admitted(ports, facts, incoming)
    key = required_key(incoming.headers)
    payload = command_payload(incoming, facts.fields)
    from_wire(service.messages[facts.name.text], payload)  # a faulty message must not cost a transaction
    scope = f"{caller.subject} {facts.route.method} {facts.route.path}"
    digest = request_digest(payload)
    context = replace(context_of(caller, incoming), request=f"{scope} {key}")

    def attempt() -> Answer:
        with ports.transactions.work(context, incoming.remaining()) as work:
            stored = ports.idempotency.claim(work, scope, key, digest)
            if stored is not None:
                return stored
            executed = _carry_out(service, ports, facts, payload, work)
            answer = _answer(service, facts, executed, incoming)
            ports.idempotency.record(work, scope, key, digest, answer)
        return answer

    with telemetry.bound(saga_id=str(context.saga.id) if context.saga else ""):
        return again_after_rollback(attempt)


def serve_query(service: Service, ports: Ports, facts: Query, incoming: Incoming) -> Answer:
    """Answer a query."""
    caller = admitted(ports, facts, incoming)
    search = facts.kind == "search"
    payload = query_payload(incoming, facts.takes, ("after", "limit") if search else ())
    query: Any = from_wire(service.messages[facts.name.text], payload)
    handler = service.handlers[facts.name.text]
    page = page_request(incoming) if search else None

    def attempt() -> Answer:
        with ports.transactions.work(context_of(caller, incoming), incoming.remaining()) as work:
            result = handler(query, page, work) if search else handler(query, work)
        return Answer(200, page_document(result) if search else to_wire(result), dict(JSON))

    return again_after_rollback(attempt)


def _carry_out(service: Service, ports: Ports, facts: Command, payload: dict[str, Any], work: UnitOfWork) -> Executed:
    if work.context.saga is not None and ports.steps is not None:
        return ports.steps.perform(facts.name.text, payload, work)
    return execute(service, facts.name.text, payload, work, sagas=ports.sagas)


def admitted(ports: Ports, facts: Command | Query | Projection, incoming: Incoming) -> Caller:
    """Who calls, when this call is allowed to them now; a problem when it is not."""
    caller = ports.authenticate(incoming.headers.get("authorization"))
    caller.need(facts.scopes, service=facts.exposure == "internal")
    if caller.kind == "user":
        ports.limiter.admit(caller.subject)
    return caller


def context_of(caller: Caller, incoming: Incoming) -> MessageContext:
    """Why the unit of work runs."""
    return MessageContext(
        correlation_id=incoming.correlation_id,
        saga=incoming.saga() if caller.kind == "service" else None,
        caller=caller.subject,
        traceparent=telemetry.current_traceparent(),
    )


def _answer(service: Service, facts: Command, executed: Executed, incoming: Incoming) -> Answer:
    headers = {CORRELATION: incoming.correlation_id}
    if executed.saga_id is not None:
        headers[SAGA_ID] = str(executed.saga_id)
    if executed.rejected:
        refusal = rejected(executed.event_name, executed.event_wire)
        return Answer(refusal.status, refusal.body, {**refusal.headers, **headers})
    body = {"event": executed.event_name, "data": executed.event_wire}
    if facts.target != "new":
        return Answer(200, body, {**JSON, **headers})
    subject = executed.event_wire.get(service.definition.events_by_name[executed.event_name].subject)
    location = {"location": f"{facts.route.path}/{subject}"} if _can_be_read(service, facts) else {}
    return Answer(201, body, {**JSON, **headers, **location})


def _can_be_read(service: Service, facts: Command) -> bool:
    """Whether what the command creates has an address of its own."""
    queries = service.definition.queries
    return any(query.kind == "by-key" and query.route.path.startswith(f"{facts.route.path}/{{") for query in queries)


def again_after_rollback(attempt: Callable[[], T]) -> T:
    """The database may give up one of two transactions that stand in each other's way; that one starts over."""
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as error:
            log.info("transaction starts over after %s", type(error).__name__)
            time.sleep(0.02)
    return attempt()


def page_request(incoming: Incoming) -> PageRequest:
    """Which page is asked for; a problem when that makes no sense."""
    given = dict(incoming.query)
    limit = given.get("limit", str(LIMIT_DEFAULT))
    if not limit.isdecimal() or not 1 <= int(limit[:9]) <= LIMIT_MOST:
        raise invalid((Detail("/limit", f"must be an integer from 1 to {LIMIT_MOST}"),))
    return PageRequest(after=given.get("after") or None, limit=int(limit))


def page_document(page: Page[Any]) -> dict[str, Any]:
    """A page as JSON-able data."""
    return {"items": [to_wire(item) for item in page.items], "next": page.next}
