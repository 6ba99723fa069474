"""Runs of a saga: how one is begun, what it must leave behind, and the check that it left just that."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from e2e.bus import Record
from e2e.invariants import TERMINAL, firsts
from e2e.live_fleet import LiveFleet, until
from fleetgen.facts.schema import SagaFact

Row = tuple[Any, ...]
Query = tuple[str, str, Any]
"""Service, text with one placeholder, value."""


@dataclass(frozen=True)
class Expected:
    """What a run leaves: rows of tables, and how many messages of each type."""

    ends: str
    rows: Mapping[Query, list[Row]]
    messages: Mapping[str, int]


@dataclass(frozen=True)
class Scenario:
    """A way to go through a saga. `prepare` makes what must exist and gives the first command's input."""

    name: str
    prepare: Callable[[LiveFleet], dict[str, Any]]
    expected: Callable[[Mapping[str, Any], str], Expected]


@dataclass
class Run:
    """One saga. `key` and `saga` are known once its first command was answered."""

    scenario: Scenario
    given: dict[str, Any]
    key: str = ""
    saga: str = ""
    correlation: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def expected(self) -> Expected:
        return self.scenario.expected(self.given, self.key)


def begin(live: LiveFleet, saga: SagaFact, run: Run) -> None:
    """The first command, answered."""
    first = saga.steps[0]
    facts = live.fleet.service(first.service).facts
    subject = next(event.subject for event in facts.events if event.name.text == first.succeeds_with)
    reply = live.post(first.service, first.name, run.given, run.correlation)
    run.saga, run.key = reply.headers["x-saga-id"], reply.json()["data"][subject]


class Client:
    """Somebody who waits for an answer while the service dies, in a thread of its own."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="client")
        self._thread.start()

    def answered(self) -> None:
        """Wait for the answer; raises what went wrong."""
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            self._ask()
        except BaseException as error:
            self._failed = error


def check_run(live: LiveFleet, run: Run) -> None:
    """Nothing lost, nothing twice: the rows are those expected, and each message exists once for its subject."""
    expected = run.expected
    for (service, query, value), rows in expected.rows.items():
        found = live.sql(service, query, value)
        assert found == rows, f"effects in {service}: {found}, not {rows}; {query}"
    sent = [record for record in firsts(live.bus.read()) if record.headers.get("ce_correlationid") == run.correlation]
    messages = Counter(short(record) for record in sent)
    assert messages == Counter(expected.messages), f"messages on the bus: {messages}, not {expected.messages}"
    subjects = Counter((record.topic, short(record), record.headers["ce_subject"]) for record in sent)
    twice = [subject for subject, count in subjects.items() if count > 1]
    assert twice == [], f"the same again with another id: {twice}"


def status(live: LiveFleet, owner: str, run: Run) -> str:
    """The saga's status in its owner's database."""
    rows = live.sql(owner, "SELECT status FROM saga_instance WHERE saga_id = %s", run.saga)
    return str(rows[0][0]) if rows else ""


def await_end(live: LiveFleet, owner: str, run: Run) -> None:
    """Wait until the saga has ended, as it should."""
    until(lambda: status(live, owner, run) in (*TERMINAL, "stuck"), lambda: f"an end, but {steps(live, owner, run)}")
    assert status(live, owner, run) == run.expected.ends, steps(live, owner, run)


def steps(live: LiveFleet, owner: str, run: Run) -> dict[tuple[str, str], str]:
    """The status of each step, by its command and direction, as the saga's owner has committed it."""
    query = "SELECT name, direction, status FROM saga_step WHERE saga_id = %s ORDER BY seq"
    return {(name, direction): found for name, direction, found in live.sql(owner, query, run.saga)}


def committed(live: LiveFleet, service: str, run: Run, event: str) -> int:
    """How many events of that name the service has committed for the run, sent or not."""
    query = "SELECT ce_type FROM conformance_shadow WHERE correlation = %s AND NOT reply"
    return sum(1 for (ce_type,) in live.sql(service, query, run.correlation) if event == name_of(ce_type))


def short(record: Record) -> str:
    """`OrderPlaced`; a reply is marked as one, since it has the type of the event that it tells of."""
    return f"{'reply ' if record.is_reply else ''}{name_of(record.ce_type)}"


def name_of(ce_type: str) -> str:
    """The middle of `context.Event.v1`, however many dots the context has."""
    return ce_type.rsplit(".", 2)[-2]
