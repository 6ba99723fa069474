from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import KafkaError

from chassis.calling import PeerUnavailable
from chassis.failures import InboxUnavailable, judge
from chassis.identity import uuid7
from chassis.kafka import failure_of
from chassis.message import FieldError, InvalidMessage
from chassis.registry import RegistryUnavailable


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._MSG_TIMED_OUT, "broker"),
        (KafkaError._TRANSPORT, "broker"),
        (KafkaError.NOT_ENOUGH_REPLICAS, "broker"),
        (KafkaError._FATAL, "broker"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "message"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "message"),
        (KafkaError.MSG_SIZE_TOO_LARGE, "fatal"),
        (KafkaError.INVALID_RECORD, "fatal"),
    ],
)
def test_whose_fault_an_error_is(code: int, kind: str) -> None:
    assert failure_of(KafkaError(code)).kind == kind


def test_what_failures_mean() -> None:
    import psycopg
    from psycopg import errors

    for away in (psycopg.OperationalError("gone"), psycopg.InterfaceError("closed"), errors.AdminShutdown("bye")):
        with pytest.raises(InboxUnavailable):
            judge(away)
    assert judge(errors.DeadlockDetected("x")).in_place
    assert judge(errors.QueryCanceled("x")).kind == "timeout"
    invalid = judge(InvalidMessage((FieldError("/a", "is missing"),)))
    assert (invalid.kind, invalid.final, invalid.text) == (
        "validation",
        True,
        "validation: InvalidMessage: /a is missing",
    )
    assert not judge(RegistryUnavailable("x")).counts
    called = judge(PeerUnavailable("x"))  # its client has tried often enough, and the record is not to blame
    assert (called.kind, called.in_place, called.final, called.counts) == ("handler", False, False, False)
    assert judge(KeyError("x")).in_place


def test_identities_sort_by_time_and_never_repeat() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [each for several in pool.map(lambda _: [uuid7() for _ in range(500)], range(4)) for each in several]
    assert len(set(made)) == 2000
    assert all((each.version, each.variant) == (7, "specified in RFC 4122") for each in made)
    times = [uuid7().int >> 80 for _ in range(50)]
    assert times == sorted(times)
