from __future__ import annotations

import pytest

from fleetgen.spec.check import Checker
from fleetgen.spec.codes import Code, Problems
from fleetgen.spec.explain import Page, explain, nearest, pages
from fleetgen.spec.resolve.reader import read_scalar
from fleetgen.spec.shape import Flag, Quantity, Whole, Word
from fleetgen.spec.source import parse


@pytest.mark.parametrize("page", pages(), ids=[page.path for page in pages()])
def test_examples_are_of_the_grammar(page: Page) -> None:
    assert page.entry.example, "an example says more than a type"
    problems = Problems()
    root = parse(f"key: {page.entry.example}", "example", problems)
    assert root is not None
    node = root.get("key")
    assert node is not None
    Checker(problems).check(page.entry.shape, node)
    assert not [each.message for each in problems.found]


@pytest.mark.parametrize("page", pages(), ids=[page.path for page in pages()])
def test_defaults_can_be_read(page: Page) -> None:
    shape, default = page.entry.shape, page.entry.default
    if default and isinstance(shape, (Quantity, Whole, Flag)) and not default.startswith(("the ", "60s,", "true for")):
        assert read_scalar(shape, default) is not None
    if default and isinstance(shape, Word) and " " not in default and not default.startswith("the"):
        assert default in shape.choices


@pytest.mark.parametrize("page", pages(), ids=[page.path for page in pages()])
def test_descriptions_read_alike(page: Page) -> None:
    about = page.entry.about
    assert about[0].isupper() or about[0] == "`"
    assert not about.endswith(".")


@pytest.mark.parametrize(
    "subject",
    [
        "or",
        "commands.*.or",
        "contexts.*.aggregates.*.commands.*.or",
        "contexts.order.aggregates.Order.commands.PlaceOrder.or",
    ],
)
def test_a_key_by_any_of_its_names(subject: str) -> None:
    page = explain(subject)
    assert page is not None
    assert page.startswith("contexts.*.aggregates.*.commands.*.or\n")
    assert "example  or: {PaymentDeclined: amount.amount > 100000}" in page
    assert page.count("\n\n  of") == 1


def test_a_key_of_several_records() -> None:
    page = explain("kind")
    assert page is not None
    assert "teams.*.kind" in page
    assert "platform.gateway.kind" in page


def test_a_path_with_names_is_one_page() -> None:
    page = explain("platform.gateway.kind")
    assert page is not None
    assert page.count("\n\n  of") == 1


def test_codes() -> None:
    for code in Code:
        page = explain(code.code)
        assert page is not None
        assert page.startswith(f"{code.code} {code.kebab}\n")
        assert explain(code.kebab) == page


def test_unknown() -> None:
    assert explain("partitionby") is None
    assert explain("") is None
    assert nearest("partitionby")[0] == "partition-by"


def test_numbers_and_names_of_codes_are_unique() -> None:
    assert [code.number for code in Code] == list(range(1, len(Code) + 1))
    assert len({code.kebab for code in Code}) == len(Code)
