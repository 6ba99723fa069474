from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from chassis.dispatch import Record
from chassis.records import RAW, context_of, record_of, stored_headers, stored_record
from chassis.work import SagaHeaders

names = st.text("abc_-", min_size=1, max_size=5)
values = st.none() | st.binary(max_size=12) | st.text(max_size=6).map(str.encode)


def arrived(key: bytes | None, headers: list[tuple[str, bytes | None]] | None, value: bytes | None = b"v") -> Record:
    message: Any = SimpleNamespace(
        topic=lambda: "t", partition=lambda: 3, offset=lambda: 9, key=lambda: key, headers=lambda: headers,
        value=lambda: value, timestamp=lambda: (1, 1700000000000),
    )  # fmt: skip
    return record_of(message)


@given(values, st.none() | st.lists(st.tuples(names, values), max_size=6))
def test_parked_record_comes_back_exactly(key: bytes | None, headers: list[tuple[str, bytes | None]] | None) -> None:
    record = arrived(key, headers)
    stored = stored_headers(record)
    back = stored_record(("t", 3, 9), record.key, stored, record.payload)
    assert back.raw_key == key
    assert sorted(back.raw_headers, key=str) == sorted(headers or (), key=str)
    assert (back.key, back.headers, back.ce_id) == (record.key, record.headers, record.ce_id)
    assert "\x00" not in record.key + "".join(record.headers.values()), "PostgreSQL keeps no NUL in text"


def test_usual_headers_are_kept_as_plain_text() -> None:
    record = arrived(b"k", [("ce_id", b"1"), ("ce_type", b"a.B.v1")])
    assert stored_headers(record) == {"ce_id": "1", "ce_type": "a.B.v1"}
    assert RAW in stored_headers(arrived(None, []))


def test_tombstone_is_none_and_not_empty() -> None:
    assert arrived(b"k", [], None).payload is None
    assert arrived(b"k", [], b"").payload == b""


def test_record_without_identity_is_known_by_its_place() -> None:
    record = arrived(b"k", None)
    assert (record.ce_id, record.ce_type, record.ce_source, record.sequence) == ("t/3/9", "", "", None)
    assert arrived(b"k", [("ce_sequence", b"\xd9\xa3")]).sequence is None, "a digit, but none of ours"


def test_context_and_saga() -> None:
    saga = SagaHeaders(
        id=UUID(int=7), type="Checkout", step="Pay", direction="compensate", reply_to="replies", part="1/3"
    )
    headers = {**saga.headers(), "ce_replyto": "replies", "ce_id": "m", "ce_source": "/s", "ce_correlationid": "c"}
    context = context_of(Record("t", 0, 0, "k", headers, b""))
    assert (context.saga, context.correlation_id, context.causation_id, context.caller) == (saga, "c", "m", "/s")
    assert SagaHeaders.of({"ce_sagaid": "nonsense"}) is None
    assert "ce_replyto" not in saga.headers()


def test_what_no_index_can_hold_is_known_by_its_digest() -> None:
    long = b"k" * 5000
    one = arrived(long, [("ce_id", long + b"1"), ("ce_source", long), ("ce_sequence", b"9" * 20)])
    other = arrived(long, [("ce_id", long + b"2"), ("ce_source", long)])
    assert (one.key, one.ce_source) == (other.key, other.ce_source)
    assert one.ce_id != other.ce_id
    assert max(map(len, (one.key, one.ce_id, one.ce_source))) < 200
    assert one.sequence is None, "no database counts so far"
    assert stored_record(("t", 3, 9), one.key, stored_headers(one), b"").raw_key == long
