"""Which answer an error gets. What is not listed here is a fault of ours: 500, logged whole, said to nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout, TooManyRequests

from chassis import domain
from chassis.calling import PeerUnavailable
from chassis.http.problem import Detail, Problem, invalid
from chassis.message import InvalidMessage

log = logging.getLogger("chassis.http")

RETRY_AFTER = {"retry-after": "1"}


def problem_of(error: Exception) -> Problem:
    """The problem that an error is for the caller."""
    if isinstance(error, Problem):
        return error
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    log.error("request failed", exc_info=error)
    return Problem(500, "internal", "Something went wrong here", "the error is logged under the correlation id")


def _invalid(error: Any) -> Problem:
    return invalid(tuple(Detail(each.pointer, each.detail) for each in error.errors))


def _illegal_state(error: Any) -> Problem:
    members = {"state": error.state, "allowed": list(error.allowed)}
    return Problem(409, "illegal-state", "Not allowed in this state", str(error), members=members)


def _invariant(error: Any) -> Problem:
    return Problem(409, "invariant", "A rule would be broken", error.text)


def _not_found(error: Any) -> Problem:
    return Problem(404, "not-found", f"No such {error.what}", str(error))


def _conflict(error: Exception) -> Problem:
    return Problem(409, "conflict", "Somebody else was first", str(error))


def _timeout(error: Exception) -> Problem:
    return deadline_passed()


def _busy(error: Exception) -> Problem:
    log.warning("the database is not available: %s", type(error).__name__)
    return Problem(503, "unavailable", "Not available right now", headers=RETRY_AFTER)


def _peer_away(error: Exception) -> Problem:
    log.warning("a peer is not available: %s", error)
    return Problem(503, "unavailable", "Not available right now", headers=RETRY_AFTER)


def deadline_passed() -> Problem:
    """The caller has stopped waiting, or would have before the work is done."""
    return Problem(504, "deadline", "The deadline has passed")


def overloaded() -> Problem:
    """Too much is waiting already."""
    return Problem(503, "overloaded", "Too many requests at once", headers=RETRY_AFTER)


_TRANSLATIONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], Problem]], ...] = (
    (InvalidMessage, _invalid),
    (domain.IllegalState, _illegal_state),
    (domain.InvariantViolated, _invariant),
    (domain.NotFound, _not_found),
    (domain.Conflict, _conflict),
    (psycopg.errors.QueryCanceled, _timeout),
    (psycopg.errors.UniqueViolation, lambda error: _conflict(domain.Conflict("the key is taken"))),
    (psycopg.errors.NumericValueOutOfRange, lambda error: _invariant(domain.InvariantViolated("numbers have 64 bits"))),
    ((PoolTimeout, TooManyRequests, psycopg.errors.LockNotAvailable), _busy),
    (PeerUnavailable, _peer_away),
    (psycopg.OperationalError, _busy),
)
