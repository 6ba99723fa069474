"""What a failed handler means: whether and when its record is tried again."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import psycopg
from psycopg import errors

from chassis.calling import PeerUnavailable
from chassis.dispatch import PermanentFailure
from chassis.domain import DomainError
from chassis.message import InvalidMessage
from chassis.registry import RegistryUnavailable

# The transaction was unlucky; the server is well.
_UNLUCKY = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable, errors.QueryCanceled)
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError)


class InboxUnavailable(Exception):
    """The database cannot be reached: nothing can be handled or parked, the records must wait."""


@dataclass(frozen=True, slots=True)
class HandlingFailure:
    """Why a record could not be handled.

    Attributes:
        kind: as in the header `dlq_reason`.
        text: `kind: Class: message`, for people and for the dead letter.
        in_place: it may work a moment later, so it is tried again at once.
        final: it will never work.
        counts: it says something about the record; not so when a server of others is away.
    """

    kind: str
    text: str
    in_place: bool = True
    final: bool = False
    counts: bool = True


def judge(reason: Exception) -> HandlingFailure:
    """Classify what a handler raised. Raises `InboxUnavailable` when the database itself is away."""
    if isinstance(reason, _AWAY) and not isinstance(reason, _UNLUCKY):
        raise InboxUnavailable(str(reason)) from reason
    match reason:
        case PermanentFailure():
            return _failure(reason.reason, reason, in_place=False, final=True)
        case InvalidMessage():
            return _failure("validation", reason, in_place=False, final=True)
        case DomainError():  # may heal when another message arrives, not within milliseconds
            return _failure("handler", reason, in_place=False)
        case PeerUnavailable() | RegistryUnavailable():  # a peer was tried often enough
            called = isinstance(reason, PeerUnavailable)
            return _failure("handler" if called else "schema", reason, in_place=not called, counts=False)
        case TimeoutError() | httpx.TimeoutException() | errors.QueryCanceled():
            return _failure("timeout", reason)
        case _:
            return _failure("handler", reason)


def _failure(
    kind: str, reason: Exception, *, in_place: bool = True, final: bool = False, counts: bool = True
) -> HandlingFailure:
    text = f"{kind}: {type(reason).__name__}: {reason}".replace("\x00", "")
    return HandlingFailure(kind, text[:2000], in_place, final, counts)
