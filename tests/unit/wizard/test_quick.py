"""Short lines of a workshop: what they mean, what is refused, and that data comes back from them unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgen.spec.codes import Problems
from fleetgen.spec.grammar.units import Unreadable
from fleetgen.spec.source import parse
from fleetgen.wizard import quick
from fleetgen.wizard.forms import data_of


def read(yaml: str) -> Any:
    problems = Problems()
    node = parse(yaml, "answer", problems)
    assert node is not None and not problems.found, (yaml, problems.found)
    return data_of(node)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("PlaceOrder -> OrderPlaced", {"emits": "OrderPlaced"}),
        ("PlaceOrder->OrderPlaced|OrderRejected", {"emits": "OrderPlaced", "or": "OrderRejected"}),
        (
            "Take(amount: money) from open, held -> Taken | Declined if amount.amount > 5 and true",
            {
                "emits": "Taken",
                "or": {"Declined": "amount.amount > 5 and true"},
                "from": ["open", "held"],
                "takes": {"amount": "money"},
            },
        ),
        ("Update(name, price) -> Updated", {"emits": "Updated", "takes": ["name", "price"]}),
        (
            "Reserve -> Reserved {changes: {reserved: reserved + 1}, carries: [sku]}",
            {"emits": "Reserved", "changes": {"reserved": "reserved + 1"}, "carries": ["sku"]},
        ),
        ("Fill(lines: {list: OrderLine}) -> Filled", {"emits": "Filled", "takes": {"lines": {"list": "OrderLine"}}}),
    ],
)
def test_a_command_is_read(line: str, said: dict[str, Any]) -> None:
    [(name, found)] = read(quick.command(line)).items()
    assert found == said
    assert read(quick.command(quick.command_line(name, said))) == {name: said}


@pytest.mark.parametrize("line", ["PlaceOrder", "PlaceOrder ->", "-> Placed", "a -> b -> c", "Place Order -> Placed"])
def test_what_is_no_command_is_refused_with_what_to_write(line: str) -> None:
    with pytest.raises(Unreadable) as refused:
        quick.command(line)
    assert "->" in refused.value.hint


def test_policies_and_steps_are_read() -> None:
    assert read(quick.policy("A -> B {with: {size: 1}}")) == {"A": {"do": "B", "with": {"size": "1"}}}
    assert read(quick.step("PlaceOrder / CancelOrder")) == {"steps": ["PlaceOrder / CancelOrder"]}
    assert read(quick.step("pivot Take {within: 5s}")) == {"steps": [{"pivot": "Take", "within": "5s"}]}
    for refused, line in ((quick.policy, "A - B"), (quick.step, "one two three"), (quick.step, "A / B / C")):
        with pytest.raises(Unreadable):
            refused(line)


NAME = st.from_regex(r"[A-Z][A-Za-z0-9]{0,8}", fullmatch=True)
FIELD = st.from_regex(r"[a-z][A-Za-z0-9]{0,8}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
TYPE = st.sampled_from(["uuid", "money", {"list": "string"}, {"optional": "Line"}])
COMMAND = st.fixed_dictionaries(
    {"emits": NAME},
    optional={
        "or": NAME | st.dictionaries(NAME, TEXT | st.just("a > 1 and b != 2"), min_size=1, max_size=1),
        "from": FIELD | st.lists(FIELD, min_size=2, max_size=3),
        "takes": FIELD | st.lists(FIELD, min_size=2, max_size=3) | st.dictionaries(FIELD, TYPE, min_size=1, max_size=3),
        "changes": st.dictionaries(FIELD, TEXT, min_size=1, max_size=2),
        "carries": st.lists(FIELD, max_size=2),
    },
)


def plain(data: Any) -> Any:
    """One name and a list of one say the same."""
    same = dict(data)
    for key in ("from", "takes"):
        if isinstance(same.get(key), str):
            same[key] = [same[key]]
    return same


@given(NAME, COMMAND)
def test_a_command_comes_back_from_its_line(name: str, said: dict[str, Any]) -> None:
    [(found_name, found)] = read(quick.command(quick.command_line(name, said))).items()
    assert (found_name, plain(found)) == (name, plain(said))


STEP = st.fixed_dictionaries(
    {},
    optional={"with": st.dictionaries(FIELD, TEXT, min_size=1, max_size=2), "within": st.just("5s")},
)


@given(st.sampled_from(["do", "pivot", "call"]), NAME, st.none() | NAME, STEP)
def test_a_step_comes_back_from_its_line(how: str, command: str, undo: str | None, more: dict[str, Any]) -> None:
    said = {how: command} | ({"undo": undo} if undo else {}) | more
    [found] = read(quick.step(quick.step_line(said)))["steps"]
    if isinstance(found, str):
        found = read(quick.step(f"{found} {{}}"))["steps"][0]
    assert found == said
