"""Steps, relations, schedules, bindings: small texts with a grammar of their own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgen.spec.grammar import bindings, relations, schedules, steps
from fleetgen.spec.grammar.bindings import LiteralText, PathText, RejectionText
from fleetgen.spec.grammar.units import Unreadable


@pytest.mark.parametrize(
    ("text", "how", "do", "undo"),
    [
        ("PlaceOrder", "do", "PlaceOrder", ""),
        ("PlaceOrder / CancelOrder", "do", "PlaceOrder", "CancelOrder"),
        ("PlaceOrder/CancelOrder", "do", "PlaceOrder", "CancelOrder"),
        ("pivot CapturePayment", "pivot", "CapturePayment", ""),
        ("call ScoreTransaction / none", "call", "ScoreTransaction", "none"),
    ],
)
def test_step(text: str, how: str, do: str, undo: str) -> None:
    step = steps.parse_step(text)
    assert (step.how, step.do, step.undo) == (how, do, undo)
    assert text[step.do_at :].startswith(do)
    assert text[step.undo_at :].startswith(undo)
    assert re.fullmatch(steps.STEP_PATTERN, text)


@pytest.mark.parametrize("text", ["", "/", "Place / ", "pivot", "jump Place", "Place / A / B", "Place -> Cancel"])
def test_no_step(text: str) -> None:
    if text == "pivot":  # a command may be called so, though its name is refused elsewhere
        assert steps.parse_step(text).do == "pivot"
        return
    with pytest.raises(Unreadable):
        steps.parse_step(text)


def test_relation() -> None:
    line = relations.parse_relation("catalog [OHS, PL] -> order [ACL]")
    assert (line.left, line.left_roles, line.right, line.right_roles) == ("catalog", ("OHS", "PL"), "order", ("ACL",))
    assert not line.symmetric
    assert relations.parse_relation("order [P] <-> shipping [P]").symmetric
    plain = relations.parse_relation("a -> b")
    assert (plain.left_roles, plain.right_roles) == ((), ())


@pytest.mark.parametrize(
    ("text", "hint", "part"),
    [
        ("a [OHS -> b", "write `upstream", ""),
        ("a [ACLX] -> b", "choose from", "ACLX"),
        ("a [acl] -> b", "write `ACL`", "acl"),
        ("a <- b", "write `b -> a`", "<-"),
    ],
)
def test_no_relation(text: str, hint: str, part: str) -> None:
    with pytest.raises(Unreadable) as caught:
        relations.parse_relation(text)
    assert hint in caught.value.hint
    assert text[caught.value.start : caught.value.start + caught.value.length] == part


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("every day at 02:00", "0 2 * * *"),
        ("every day", "0 0 * * *"),
        ("every weekday at 18:30", "30 18 * * 1-5"),
        ("every monday at 06:05", "5 6 * * 1"),
        ("every sunday", "0 0 * * 0"),
        ("every week", "0 0 * * 1"),
        ("every month on day 15 at 01:00", "0 1 15 * *"),
        ("every quarter", "0 0 1 1,4,7,10 *"),
        ("every year", "0 0 1 1 *"),
        ("every minute", "* * * * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every hour", "0 * * * *"),
        ("every 6 hours", "0 */6 * * *"),
        ("cron 0 2 * * 1-5", "0 2 * * 1-5"),
    ],
)
def test_schedule(text: str, cron: str) -> None:
    assert schedules.parse_schedule(text) == cron


@pytest.mark.parametrize(
    "text",
    [
        "daily",
        "every day at 24:00",
        "every day at 2:60",
        "every month on day 31",
        "every monday on day 2",
        "every 7 minutes",
        "every 0 minutes",
        "every 3 days",
        "every 5 minutes at 02:00",
        "cron 60 2 * * *",
        "cron */0 * * * *",
        "cron 1 2 3",
    ],
)
def test_no_schedule(text: str) -> None:
    with pytest.raises(Unreadable) as caught:
        schedules.parse_schedule(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rejection", RejectionText()),
        ("0", LiteralText(0)),
        ("-3", LiteralText(-3)),
        ("true", LiteralText(True)),
        ("'EUR'", LiteralText("EUR")),
        ('"a b"', LiteralText("a b")),
        ("total", PathText(("total",))),
        ("Order.total.amount", PathText(("Order", "total", "amount"))),
    ],
)
def test_binding(text: str, found: object) -> None:
    assert bindings.parse_binding(text) == found
    assert re.fullmatch(bindings.BINDING_PATTERN, text)


@pytest.mark.parametrize(
    "read",
    [steps.parse_step, relations.parse_relation, schedules.parse_schedule, bindings.parse_binding, bindings.parse_path],
)
@given(text=st.text(alphabet="aZ9 ./-<>[],:'\"\t\n*é", max_size=40))
def test_any_text_is_read_or_refused(read: object, text: str) -> None:
    try:
        read(text)  # type: ignore[operator]
    except Unreadable as error:
        assert error.message
        assert 0 <= error.start <= len(text)
