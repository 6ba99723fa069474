"""Relay, inbox, retry topics and barrier, in the words of traces."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis import inbox_rules, relay_rules, retry_rules
from chassis.inbox_rules import Arrival
from chassis.relay_rules import Failure, Row
from chassis.replay.core import Core, Effects, Stateless, Step, Unknown
from chassis.saga import barrier


class _Relay(Stateless):
    def decide(self, step: Step) -> Effects:
        if step.kind == "settle":
            return self._settle(step)
        if step.kind != "rebalance":
            raise Unknown(step)
        a = step.fields
        change = relay_rules.rebalance(set(self.given["mine"]), a["free"], a["instances"], a["start"])
        return [{"take": list(change.take)}, {"give": list(change.give)}]

    def _settle(self, step: Step) -> Effects:
        rows = [_row(**row) for row in self.given["batch"]]
        results = [None if kind is None else Failure(kind, kind) for kind in step.fields["results"]]
        settled = relay_rules.settle(rows, results, step.choose)
        held = [{"position": position, "delay": delay} for position, delay, _ in settled.held]
        found = {"delete": settled.acked, "hold": held, "bury": [position for position, _ in settled.dead]}
        effects: Effects = [{name: value} for name, value in found.items() if value]
        return [*effects, {"broker-failed": True}] if settled.broker_failed else effects


def _row(position: int, topic: str, key: str, attempts: int) -> Row:
    return Row(position, 0, topic, key, position, UUID(int=position), {}, None, "", 0.0, attempts)


class _RetryTopic(Stateless):
    def decide(self, step: Step) -> Effects:
        if step.kind != "failed":
            raise Unknown(step)
        a, delays = step.fields, self.config["delays"]
        level = retry_rules.next_level(self.given["level"], final=a["final"], counts=a["counts"], delays=delays)
        return [{"dead": {}} if level is None else {"forward": {"level": level, "delay": delays[level - 1]}}]


class _Inbox(Stateless):
    def decide(self, step: Step) -> Effects:
        match step.kind:
            case "arrive":
                return [{"verdict": str(inbox_rules.decide(self._arrival(step.fields["sequence"])))}]
            case "failed":
                return [self._failed(step)]
            case "parked-failed" | "parked-gap":
                return [self._waits_on(step)]
            case _:
                raise Unknown(step)

    def _arrival(self, sequence: int | None) -> Arrival:
        known = self.given
        is_new, reopened = not known["seen"], known["reopened"]
        return Arrival(sequence, is_new, known["last"], known["waiting"], known["beginning_removed"], reopened)

    def _failed(self, step: Step) -> dict[str, Any]:
        a = step.fields
        delay = inbox_rules.again_in_place(self.given["tried"], a["in_place"], step.choose)
        if delay is not None:
            return {"again": delay}
        wait = inbox_rules.wait_parked(a["final"], a["counts"], self.config["attempts"], step.choose)
        return {"park": {"attempts": wait.attempts, "delay": wait.delay}}

    def _waits_on(self, step: Step) -> dict[str, Any]:
        a, before, most = step.fields, self.given["attempts"], self.config["attempts"]
        if step.kind == "parked-gap":
            attempts = before + 1
        else:
            was_error = self.given["reason"] == "error"
            attempts = inbox_rules.attempts_after(before, was_error, a["final"], a["counts"], most)
        if inbox_rules.is_exhausted(attempts, most):
            return {"give-up": {}}
        wait = inbox_rules.wait_on(attempts, most, step.choose)
        return {"postpone": {"attempts": wait.attempts, "delay": wait.delay}}


class _Barrier:
    """Keeps the two keys and the answers, as the inbox and the participation do."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._kind: barrier.Kind = config["kind"]

    def load(self, state: Any) -> None:
        self._marks: dict[str, str | None] = dict(state)

    def state(self) -> Any:
        return self._marks

    def decide(self, step: Step) -> Effects:
        if step.kind != "command":
            raise Unknown(step)
        a, direction = step.fields, step.fields["direction"]
        mark = self._marks[direction]
        answered = mark in ("succeeded", "failed")
        what = barrier.on_arrival(answered, a["expired"])
        if what != "take":
            return [_reply("expired", retryable=True) if what == "expired" else _reply(str(mark))]
        return self._behind(direction, mark is None, a["result"])

    def _behind(self, direction: Any, taken: bool, result: str) -> Effects:
        forward = self._marks["forward"]
        was_free, outcome = forward is None, forward if forward in ("succeeded", "failed") else ""
        what = barrier.behind(direction, taken=taken, forward_was_free=was_free, forward_outcome=str(outcome))
        if what == "closed":
            return [_reply("failed")]
        if what == "nothing":
            self._marks |= {"forward": "closed"} if was_free else {}
            self._marks |= {"compensate": "succeeded"}
            return [_reply("succeeded")]
        refused_for_now = result == "rejected" and not barrier.may_be_refused(self._kind, direction)
        if result in ("error", "conflict") or refused_for_now:
            return [{"act": {}}, _reply("failed", retryable=result != "error")]
        self._marks |= {direction: "failed" if result == "rejected" else "succeeded"}
        return [{"act": {}}, _reply(str(self._marks[direction]))]


def _reply(outcome: str, *, retryable: bool = False) -> dict[str, Any]:
    return {"reply": {"outcome": outcome, "retryable": retryable}}


CORES: dict[str, Core] = {"relay": _Relay, "retry-topic": _RetryTopic, "inbox": _Inbox, "barrier": _Barrier}
