"""Back-off, tries, breaker, bulkhead, rate limit, deadline and lease, in the words of traces."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chassis.backoff import equal_jitter, full_jitter
from chassis.http import breaker, bulkhead, deadlines
from chassis.http.limits import Bucket
from chassis.http.retries import Budget, wait_before
from chassis.lease_rules import Lease, is_trusted, may_write
from chassis.replay.core import Core, Effects, Stateless, Step, Unknown


class _BackOff(Stateless):
    def decide(self, step: Step) -> Effects:
        jitter = {"equal": equal_jitter, "full": full_jitter}[step.kind]
        a = step.fields
        return [{"wait": jitter(a["attempt"], a["base"], a["cap"], step.choose)}]


class _Retry:
    def __init__(self, config: dict[str, Any]) -> None:
        self._attempts: int = config["attempts"]

    def load(self, state: Any) -> None:
        self._budget, self._tried = Budget(state["tenths"]), state["tried"]

    def state(self) -> Any:
        return {"tenths": self._budget.tenths, "tried": self._tried}

    def decide(self, step: Step) -> Effects:
        if step.kind == "call":
            self._budget, self._tried = self._budget.after_call(), 1
            return []
        if step.kind != "failed":
            raise Unknown(step)
        wait = wait_before(self._tried, self._attempts, step.fields["remaining"], step.choose)
        left = self._budget.spend()
        if not step.fields["repeatable"] or wait is None or left is None:
            return [{"fail": {}}]
        self._budget, self._tried = left, self._tried + 1
        return [{"again": wait}]


class _Breaker:
    def __init__(self, config: dict[str, Any]) -> None:
        self._rules = breaker.Rules(config["failures"], config["open"])

    def load(self, state: Any) -> None:
        self._state = breaker.State(**state)

    def state(self) -> Any:
        shown = asdict(self._state)
        if self._state.name != "open":
            shown["until"] = 0
        return shown

    def decide(self, step: Step) -> Effects:
        if step.kind == "call":
            self._state, admitted = self._rules.admit(self._state, step.now)
            return [{"admit": admitted}]
        if step.kind != "note":
            raise Unknown(step)
        self._state = self._rules.after(self._state, step.fields["succeeded"], step.now, step.fields["spread"])
        return []


class _Bulkhead:
    def __init__(self, config: dict[str, Any]) -> None:
        self._concurrent, self._queued = config["concurrent"], config["queued"]

    def load(self, state: Any) -> None:
        self._load = bulkhead.Load(**state)

    def state(self) -> Any:
        return asdict(self._load)

    def decide(self, step: Step) -> Effects:
        if step.kind == "enter":
            self._load, verdict = self._load.enter(self._concurrent, self._queued)
            return [{verdict: bulkhead.longest_wait(step.fields["remaining"]) if verdict == "wait" else {}}]
        if step.kind in ("free", "gave-up"):
            self._load = self._load.after_wait(step.kind == "free")
        elif step.kind == "leave":
            self._load = self._load.after_leave()
        else:
            raise Unknown(step)
        return []


class _RateLimit:
    def __init__(self, config: dict[str, Any]) -> None:
        self._per_minute: int = config["per_minute"]

    def load(self, state: Any) -> None:
        self._bucket = None if state is None else Bucket(**state)

    def state(self) -> Any:
        return None if self._bucket is None else asdict(self._bucket)

    def decide(self, step: Step) -> Effects:
        if step.kind != "request":
            raise Unknown(step)
        bucket = self._bucket or Bucket.full(self._per_minute, step.now)
        self._bucket, wait = bucket.take(self._per_minute, step.now)
        return [{"refuse": {"seconds": wait}} if wait else {"admit": {}}]


class _Deadline(Stateless):
    def decide(self, step: Step) -> Effects:
        usual = self.config["usual"]
        match step.kind:
            case "arrive":
                return [self._arriving(step.fields["given"], usual)]
            case "call":
                wait = min(step.fields["remaining"], usual)
                told = deadlines.told(wait)
                return [{"expired": {}} if told is None else {"call": {"wait": wait, "told": told}}]
            case "command":
                return [{"expired": {}} if deadlines.is_expired(step.fields["expires"], step.now) else {"begin": {}}]
            case _:
                raise Unknown(step)

    def _arriving(self, given: str | None, usual: int) -> dict[str, Any]:
        if given is None:
            return {"budget": usual}
        try:
            budget = deadlines.budget(given, usual)
        except ValueError:
            return {"malformed": {}}
        return {"budget": budget} if budget else {"expired": {}}


class _Lease:
    def __init__(self, config: dict[str, Any]) -> None:
        self._fence = 0

    def load(self, state: Any) -> None:
        self._fence = state["fence"]
        self._lease = Lease(state["owner"], state["token"], state["expires"])

    def state(self) -> Any:
        return {**asdict(self._lease), "fence": self._fence}

    def decide(self, step: Step) -> Effects:
        a = step.fields
        match step.kind:
            case "take":
                taken = self._lease.take(a["owner"], a["ttl"], step.now)
                self._lease = taken or self._lease
                return [{"token": taken.token if taken else None}]
            case "trust":
                return [{"trust": is_trusted(a["renewed"], step.now)}]
            case "fence":
                held = may_write(self._fence, a["token"])
                self._fence = a["token"] if held else self._fence
            case "release":
                held = self._lease.is_of(a["owner"], a["token"])
                self._lease = self._lease.released() if held else self._lease
            case "renew":
                held = self._lease.is_held(a["owner"], a["token"], step.now)
                self._lease = self._lease.prolonged(a["ttl"], step.now) if held else self._lease
            case "guard":
                held = self._lease.is_held(a["owner"], a["token"], step.now)
            case _:
                raise Unknown(step)
        return [{"held": held}]


CORES: dict[str, Core] = {
    "back-off": _BackOff,
    "retry": _Retry,
    "breaker": _Breaker,
    "bulkhead": _Bulkhead,
    "rate-limit": _RateLimit,
    "deadline": _Deadline,
    "lease": _Lease,
}
