"""The participants of sagas, played by the suite: they answer as a script says, or not at all."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rig.bus import Bus, Record
from rig.fleet import Fleet
from rig.forge import headers_of

REPLY = "fleet.saga.reply.v1"
LATE = 6.0  # seconds: longer than a step of the saga `rush` has
Answer = str
"""`ok`, `twice`, `late` (a success behind the deadline), `silent`, `busy` (may be tried again), `refuse` (for good)."""


@dataclass(frozen=True)
class Asked:
    """One command that came."""

    saga: str
    step: str
    undo: bool
    command_id: str
    topic: str


Script = Mapping[tuple[str, bool], list[Answer]]
"""By step and whether it is its undo: an answer for each attempt; behind the last one all is well."""


@dataclass
class Players:
    """Reads the command topics of services that do not run and answers in their place."""

    fleet: Fleet
    services: tuple[str, ...] = ("payment", "inventory", "shipping")
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._scripts: dict[str, Script] = {}
        self._attempts: dict[tuple[str, str, bool], int] = defaultdict(int)
        self._seen: set[str] = set()
        self._guard, self._over = threading.Lock(), threading.Event()
        self._bus = Bus(self.fleet.servers.bootstrap, f"{self.fleet.local.name}.")
        self._topics = {self.fleet.service(name).facts.command_topic for name in self.services}
        self._waiting: list[Record] = []
        self._timed: list[tuple[float, Callable[[], None]]] = []
        self._thread = threading.Thread(target=self._play, name="players")
        self._thread.start()

    def follow(self, saga: str, script: Script) -> None:
        """From now on commands of this saga are answered so; until then they wait."""
        with self._guard:
            self._scripts[saga] = script

    def stop(self) -> None:
        """No more answers."""
        self._over.set()
        self._thread.join()
        self._bus.close()

    def commands(self, saga: str) -> list[tuple[str, bool]]:
        """What the saga asked, in the order in which it came."""
        return [(asked.step, asked.undo) for asked in self.asked if asked.saga == saga]

    def _play(self) -> None:
        done = 0
        while not self._over.is_set():
            records = self._bus.read()
            self._waiting += [r for r in records[done:] if r.topic in self._topics and not r.by_suite]
            done = len(records)
            with self._guard:
                scripts = dict(self._scripts)
            due, self._waiting = self._waiting, []
            for record in due:
                script = scripts.get(record.headers["ce_sagaid"])
                if script is None:
                    self._waiting.append(record)
                elif record.ce_id not in self._seen:
                    self._seen.add(record.ce_id)
                    self._meet(record, script)
            now = time.monotonic()
            for at, act in list(self._timed):
                if at <= now:
                    self._timed.remove((at, act))
                    act()
            self._over.wait(0.02)

    def _meet(self, record: Record, script: Script) -> None:
        headers = record.headers
        asked = Asked(
            headers["ce_sagaid"], headers["ce_sagastep"], headers.get("ce_sagadir") == "compensate", record.ce_id,
            record.topic,
        )  # fmt: skip
        self.asked.append(asked)
        mark = (asked.saga, asked.step, asked.undo)
        answers = script.get((asked.step, asked.undo), [])
        attempt = self._attempts[mark]
        self._attempts[mark] += 1
        answer = answers[attempt] if attempt < len(answers) else "ok"
        if answer == "late":
            self._timed.append((time.monotonic() + LATE, lambda: self._reply(record, asked, "ok")))
        elif answer != "silent":
            self._reply(record, asked, answer)
            if answer == "twice":
                self._reply(record, asked, answer)

    def _reply(self, record: Record, asked: Asked, answer: Answer) -> None:
        """As a participant does."""
        good = answer in ("ok", "twice")
        event, data = self._outcome(record, asked) if good else (REPLY, {"error": answer})
        headers = headers_of(event, asked.saga, **{"content-type": "application/json"})
        kept = ("ce_sagaid", "ce_sagatype", "ce_sagastep", "ce_sagadir", "ce_sagaversion", "ce_correlationid")
        headers |= {name: record.headers[name] for name in kept if name in record.headers}
        headers |= {"ce_causationid": record.ce_id, "ce_outcome": "succeeded" if good else "failed"}
        if not good:
            headers |= {"ce_errorcode": answer, "ce_retryable": str(answer == "busy").lower()}
        self._bus.write(record.headers["ce_replyto"], asked.saga, headers, json.dumps(data).encode())
        self._bus.flush()

    def _outcome(self, record: Record, asked: Asked) -> tuple[str, dict[str, Any]]:
        """Type and content of the event of a success."""
        undo = asked.undo
        saga = next(s for s in self.fleet.local.sagas if s.name.kebab == record.headers["ce_sagatype"])
        step = next(step for step in saga.steps if step.name == asked.step)
        name = step.undone_with if undo else step.succeeds_with
        facts = self.fleet.service(step.service).facts
        kind = next(event.type for event in facts.events if event.name.text == name)
        return kind, dict(EXAMPLES[name](asked.saga))


def _id(saga: str, what: str) -> str:
    return str(uuid.uuid5(uuid.UUID(saga), what))


_MONEY = {"amount": 1200, "currency": "EUR"}
EXAMPLES: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
    "PaymentAuthorized": lambda saga: {"paymentId": _id(saga, "p"), "orderId": _id(saga, "o"), "amount": _MONEY},
    "PaymentVoided": lambda saga: {"paymentId": _id(saga, "p")},
    "StockReserved": lambda saga: {"sku": "rush", "orderId": _id(saga, "o"), "quantity": 1},
    "StockReleased": lambda saga: {"sku": "rush", "orderId": _id(saga, "o"), "quantity": 1},
    "ParcelSent": lambda saga: {"parcelId": _id(saga, "s"), "orderId": _id(saga, "o")},
}
