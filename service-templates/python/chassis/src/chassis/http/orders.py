"""What an operator asks for: who, why, on which version, and for dead letters which of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from chassis.http.auth import Caller
from chassis.http.incoming import Incoming
from chassis.http.problem import Problem
from chassis.redrive_rules import Filter

ACTOR_MOST, REASON_MOST, VERSION_MOST = 200, 2000, 200
LIMIT, LIMIT_MOST = 100, 1000
RATE, RATE_MOST = 50.0, 1000.0


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants a manual intervention, why, and on which version of the thing; empty where none is asked for."""

    actor: str
    reason: str
    version: str
    force: bool = False

    @property
    def number(self) -> int:
        """The version of what counts its versions, such as sagas."""
        if not self.version.isdecimal() or len(self.version) > 18:
            raise Problem(400, "version-malformed", "If-Match must be the version that was shown")
        return int(self.version)


@dataclass(frozen=True, slots=True)
class Redrive:
    """Which dead letters, how many at most, how many a second; with `dry_run` nothing is done."""

    filter: Filter = field(default_factory=Filter)
    limit: int = LIMIT
    rate: float = RATE
    dry_run: bool = False


def read_order(incoming: Incoming, caller: Caller, *, versioned: bool = True) -> Order:
    """From the body and `If-Match`; a problem when something is missing."""
    body = _body(incoming)
    reason, actor = body.get("reason"), body.get("actor", caller.subject)
    if not isinstance(reason, str) or not 0 < len(reason.strip()) <= REASON_MOST or "\x00" in reason:
        raise _invalid("A reason is needed", f"reason must be a text of 1 to {REASON_MOST} characters")
    if not isinstance(actor, str) or not 0 < len(actor.strip()) <= ACTOR_MOST or "\x00" in actor:
        raise _invalid("The actor is not a name", f"actor must be a text of 1 to {ACTOR_MOST} characters")
    if actor != caller.subject:  # whom a tool acts for; who it is stands in its token
        actor = f"{actor} via {caller.subject}"
    return Order(actor, reason, _version(incoming) if versioned else "", body.get("force") is True)


def read_redrive(incoming: Incoming) -> Redrive:
    """Which dead letters, from the body."""
    body = _body(incoming)
    limit, rate, dry_run = body.get("limit", LIMIT), body.get("rate", RATE), body.get("dryRun", False)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= LIMIT_MOST:
        raise _invalid("The limit is not a number", f"limit must be a whole number from 1 to {LIMIT_MOST}")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= RATE_MOST:
        raise _invalid("The rate is not a number", f"rate must be records a second, up to {RATE_MOST:.0f}")
    if not isinstance(dry_run, bool):
        raise _invalid("dryRun is neither true nor false")
    given = body.get("filter", {})
    if not isinstance(given, dict):
        raise _invalid("The filter is not an object")
    try:
        return Redrive(Filter.of(given), limit, float(rate), dry_run)
    except ValueError as wrong:
        raise _invalid("The filter is not in order", str(wrong)) from None


def _body(incoming: Incoming) -> dict[str, Any]:
    try:
        body = json.loads(incoming.body or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Problem(400, "malformed", "The body is not a JSON object")
    return body


def _version(incoming: Incoming) -> str:
    given = incoming.headers.get("if-match", "").strip()
    if not given:
        raise Problem(428, "version-needed", "If-Match is needed", "send the version that you have seen")
    text = given.removeprefix("W/").strip('"')
    if not text or len(text) > VERSION_MOST or not text.isprintable():
        raise Problem(400, "version-malformed", "If-Match must be the version that was shown")
    return text


def _invalid(title: str, detail: str = "") -> Problem:
    return Problem(422, "invalid", title, detail)
