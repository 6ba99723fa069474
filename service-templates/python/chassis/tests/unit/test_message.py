from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.message import InvalidMessage, from_json, from_wire, message, to_wire, wire_name
from chassis.values import Money

ID = UUID("018f3b6e-0000-7000-8000-000000000001")


class Phase(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@message
class Line:
    sku: str
    price: Money


@message
class Everything:
    text: str
    number: int
    exact: Decimal
    sum_: Money
    flag: bool
    identity: UUID
    day: date
    moment: datetime
    span: timedelta
    phase: Phase
    line: Line
    lines: tuple[Line, ...]
    note: str | None = None
    maybe_line: Line | None = None


def everything(**changed: Any) -> Everything:
    values: dict[str, Any] = {
        "text": "a", "number": 7, "exact": Decimal("1.50"), "sum_": Money(1200, "EUR"), "flag": True, "identity": ID,
        "day": date(2026, 1, 31), "moment": datetime(2026, 1, 31, 12, tzinfo=UTC), "span": timedelta(minutes=5),
        "phase": Phase.OPEN, "line": Line(sku="x", price=Money(1, "EUR")),
        "lines": (Line(sku="y", price=Money(2, "EUR")),),
    }  # fmt: skip
    return Everything(**(values | changed))


WIRE: dict[str, Any] = {
    "text": "a",
    "number": 7,
    "exact": "1.50",
    "sum": {"amount": 1200, "currency": "EUR"},
    "flag": True,
    "identity": str(ID),
    "day": "2026-01-31",
    "moment": "2026-01-31T12:00:00Z",
    "span": "PT5M",
    "phase": "open",
    "line": {"sku": "x", "price": {"amount": 1, "currency": "EUR"}},
    "lines": [{"sku": "y", "price": {"amount": 2, "currency": "EUR"}}],
    "note": None,
    "maybeLine": None,
}


def test_wire_form() -> None:
    assert to_wire(everything()) == WIRE
    assert from_wire(Everything, WIRE) == everything()
    assert from_json(Everything, json.dumps(WIRE).encode()) == everything()


@pytest.mark.parametrize(
    ("attribute", "name"), [("order_id", "orderId"), ("from_", "from"), ("a", "a"), ("line_2_total", "line2Total")]
)
def test_wire_names(attribute: str, name: str) -> None:
    assert wire_name(attribute) == name


def test_absent_and_unknown_fields() -> None:
    wire = {name: value for name, value in WIRE.items() if name not in ("note", "maybeLine")}
    assert from_wire(Everything, {**wire, "later": 1}) == everything()


def test_all_faults_are_reported_with_their_place() -> None:
    wrong = {**WIRE, "number": "7", "lines": [{"sku": 1, "price": {"amount": 1}}], "phase": "ajar"}
    del wrong["text"]
    with pytest.raises(InvalidMessage) as caught:
        from_wire(Everything, wrong)
    assert {error.pointer for error in caught.value.errors} == {
        "/text", "/number", "/lines/0/sku", "/lines/0/price", "/phase",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "nul \x00"), ("text", "half \ud800"), ("text", None), ("text", 1),
        ("number", True), ("number", 1.0), ("number", 2**63), ("number", -(2**63) - 1),
        ("exact", 1.5), ("exact", "1e5"), ("exact", "NaN"), ("exact", ""), ("exact", "٣"),
        ("sum", {"amount": 1.5, "currency": "EUR"}), ("sum", {"amount": 1, "currency": "eur"}),
        ("sum", {"amount": 1, "currency": ""}), ("sum", {"amount": 1, "currency": "EUR", "x": 1}), ("sum", 12),
        ("flag", 1), ("flag", "true"), ("identity", "1"), ("identity", "{018f3b6e-0000-7000-8000-000000000001}"),
        ("day", "2026-02-30"), ("day", "20260131"), ("moment", "2026-01-31T12:00:00"), ("moment", "yesterday"),
        ("moment", "0001-01-01T00:00:00+14:00"), ("span", "5m"), ("span", "P"), ("span", "PT"), ("span", "P1Y"),
        ("span", "P99999999999D"), ("line", []), ("lines", {}), ("lines", "ab"), ("note", 1),
    ],
)  # fmt: skip
def test_refused_values(field: str, value: Any) -> None:
    with pytest.raises(InvalidMessage) as caught:
        from_wire(Everything, {**WIRE, field: value})
    assert caught.value.errors[0].pointer.startswith(f"/{field}")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_an_invalid_message(text: bytes) -> None:
    with pytest.raises(InvalidMessage):
        from_json(Everything, text)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("PT0S", timedelta()), ("P1DT2H", timedelta(days=1, hours=2)), ("P2W", timedelta(weeks=2)),
        ("PT0.5S", timedelta(milliseconds=500)), ("-PT1M", timedelta(minutes=-1)), ("PT36H", timedelta(hours=36)),
    ],
)  # fmt: skip
def test_durations(text: str, span: timedelta) -> None:
    assert from_wire(Everything, {**WIRE, "span": text}).span == span


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
monies = st.builds(Money, st.integers(-(2**63), 2**63 - 1), st.sampled_from(["EUR", "USD"]))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)) | st.datetimes(
    datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(timezone(timedelta(hours=-9, minutes=-30)))
)
spans = st.timedeltas(timedelta(days=-100_000), timedelta(days=100_000)).map(
    lambda span: span // timedelta(milliseconds=1) * timedelta(milliseconds=1)
)
exact = st.decimals(-(10**20), 10**20, places=6)
lines = st.builds(Line, sku=texts, price=monies)
messages = st.builds(
    Everything, text=texts, number=st.integers(-(2**63), 2**63 - 1), exact=exact, sum_=monies, flag=st.booleans(),
    identity=st.uuids(), day=st.dates(), moment=moments, span=spans, phase=st.sampled_from(Phase), line=lines,
    lines=st.lists(lines, max_size=3).map(tuple), note=st.none() | texts, maybe_line=st.none() | lines,
)  # fmt: skip


@given(messages)
def test_every_message_survives_the_wire(original: Everything) -> None:
    assert from_json(Everything, json.dumps(to_wire(original)).encode()) == original


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WIRE, "x"]), inner, max_size=8), max_leaves=12))  # fmt: skip  # noqa: E501
def test_no_json_value_does_more_than_be_refused(value: Any) -> None:
    try:
        from_wire(Everything, value)
    except InvalidMessage as refusal:
        assert refusal.errors
