from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgen.model.fleet import Field
from fleetgen.model.types import Binary, Expression, FieldPath, Literal_, Not, Size, StateName, Sum, Type
from fleetgen.spec.grammar.expressions import parse_expression
from fleetgen.spec.grammar.typing import BOOL, INT, MONEY, Scope, give_types
from fleetgen.spec.grammar.units import Unreadable


def fields(**types: Type) -> dict[str, Field]:
    return {name: Field(name=name, type=of) for name, of in types.items()}


LINES = Type("list", of=Type("value", value="Line"))
SCOPE = Scope(
    state=fields(
        lines=LINES,
        total=MONEY,
        count=INT,
        note=Type("optional", of=Type("text")),
        rate=Type("decimal"),
        open=BOOL,
        due=Type("date"),
        by=Type("uuid"),
        tags=Type("list", of=Type("string")),
        name=Type("string"),
    ),
    input=fields(quantity=INT, name=Type("string")),
    values={"Line": fields(quantity=INT, price=MONEY, sku=Type("string"))},
    states=("placed", "partlyShipped"),
)


def typed(text: str) -> tuple[Expression, Type]:
    return give_types(parse_expression(text), SCOPE)


def state(name: str, of: Type) -> FieldPath:
    return FieldPath("state", (name,), of)


def test_sum_over_a_list() -> None:
    tree, kind = typed("total = sum(lines.quantity * lines.price)")
    assert kind == BOOL
    product = Binary("*", FieldPath("item", ("quantity",), INT), FieldPath("item", ("price",), MONEY))
    assert tree == Binary("=", state("total", MONEY), Sum(state("lines", LINES), product, MONEY))


def test_precedence() -> None:
    assert typed("count + 2 * 3 > 1 and not open or open")[0] == Binary(
        "or",
        Binary(
            "and",
            Binary(">", Binary("+", state("count", INT), Binary("*", Literal_(2), Literal_(3))), Literal_(1)),
            Not(state("open", BOOL)),
        ),
        state("open", BOOL),
    )
    assert typed("(count + 2) * 3")[0] == Binary("*", Binary("+", state("count", INT), Literal_(2)), Literal_(3))
    assert typed("count - 1 - 2")[0] == Binary("-", Binary("-", state("count", INT), Literal_(1)), Literal_(2))


def test_chain_of_comparisons() -> None:
    count = state("count", INT)
    assert typed("0 <= count < 10")[0] == Binary(
        "and", Binary("<=", Literal_(0), count), Binary("<", count, Literal_(10))
    )


def test_input_hides_state_and_is_told_apart() -> None:
    assert typed("name")[0] == FieldPath("input", ("name",), Type("string"))
    assert typed("quantity > count")[0] == Binary(">", FieldPath("input", ("quantity",), INT), state("count", INT))


def test_parts_of_money_and_size() -> None:
    assert typed("total.amount > -5")[0] == Binary(">", FieldPath("state", ("total", "amount"), INT), Literal_(-5))
    assert typed("total.currency = 'EUR'")[1] == BOOL
    assert typed("size(lines) > 0")[0] == Binary(">", Size(state("lines", LINES)), Literal_(0))


def test_states() -> None:
    assert typed("state = partlyShipped")[0] == Binary("=", state("state", Type("string")), StateName("partlyShipped"))
    assert typed("placed != state")[0] == Binary("!=", state("state", Type("string")), StateName("placed"))


def test_sum_multiplies_with_fields_outside_the_list() -> None:
    assert typed("sum(lines.quantity * count)")[1] == INT


@pytest.mark.parametrize(
    ("text", "part", "hint"),
    [
        ("totl > 0", "totl", "write `total`"),
        ("total > 0", ">", "`.amount`"),
        ("total * rate = total", "*", "whole numbers"),
        ("total + 1 = total", "+", "`.amount`"),
        ("note = 'x' and size(note) > 1", "size", "may be absent"),
        ("count and open", "and", ""),
        ("not count", "not", ""),
        ("lines.quantity > 0", "quantity", "`sum(…)`"),
        ("sum(count)", "sum", "`sum(list.field)`"),
        ("sum(lines.sku)", "sum", ""),
        ("sum(sum(lines.quantity))", "sum", "give the item"),
        ("size(count)", "size", ""),
        ("count.amount", "amount", ""),
        ("total.cents", "cents", "`amount`"),
        ("state = gone", "gone", "`placed`"),
        ("by > by", ">", ""),
        ("lines = lines", "=", ""),
        ("due = 'today'", "=", ""),
    ],
)
def test_refused_at_the_part(text: str, part: str, hint: str) -> None:
    with pytest.raises(Unreadable) as caught:
        typed(text)
    assert text[caught.value.start : caught.value.start + caught.value.length] == part
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "part", "hint"),
    [
        ("a == b", "==", "write `=`"),
        ("a && b", "&&", "write `and`"),
        ("!a", "!", "write `not`"),
        ("a / 2", "/", "rounding"),
        ("1.5 > a", "1.5", "minor units"),
        ("len(a)", "len", "`size(…)`"),
        ("avg(a)", "avg", "`sum(…)`"),
        ("a.", "", ""),
        ("a b", "b", ""),
        ("(a", "", ""),
        ("", "", ""),
        ("'a", "'", "close the quotes"),
        ("a ? b", "?", ""),
        ("and a", "and", ""),
    ],
)
def test_unreadable_at_the_part(text: str, part: str, hint: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse_expression(text)
    start, length = caught.value.start, caught.value.length
    assert text[start : start + length] == part
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["(" * 5000 + "a", "not " * 5000 + "a", "1" + "+1" * 400, "sum(" * 200])
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_expression(text[:1000])


_ATOMS = [
    "lines",
    "total",
    "count",
    "note",
    "open",
    "quantity",
    "price",
    "state",
    "placed",
    "sum",
    "size",
    "and",
    "or",
    "not",
    "true",
    "0",
    "12",
    "1.5",
    "'x'",
    "(",
    ")",
    ".",
    ",",
    "+",
    "-",
    "*",
    "/",
    "=",
    "!=",
    "<",
    "<=",
    "==",
    "%",
]


@given(st.lists(st.sampled_from(_ATOMS), max_size=25).map(" ".join))
def test_any_words_are_read_or_refused(text: str) -> None:
    try:
        tree, kind = typed(text)
    except Unreadable as error:
        assert error.message
        assert 0 <= error.start <= len(text)
    else:
        assert kind.kind
        assert tree is not None


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_expression(text)
    except Unreadable as error:
        assert error.message
