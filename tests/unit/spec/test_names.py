from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgen.core import names
from fleetgen.core.diagnostic import Span
from fleetgen.spec.codes import Problems
from fleetgen.spec.names import canonical, check_name
from fleetgen.spec.node import Scalar
from fleetgen.spec.shape import Form, Name


def problems_of(text: str, form: Form, of: str = "field") -> list[str]:
    problems = Problems()
    check_name(Scalar(text, Span("fleet.yaml")), Name(form, of), problems)
    return [f"{each.code} {each.hint}" for each in problems.found]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("orderId", "camel"),
        ("line1", "camel"),
        ("OrderLine", "pascal"),
        ("order-line", "kebab"),
        ("soc2", "kebab"),
        # reserved in some language, and mapped by core.names
        ("from", "camel"),
        ("class", "camel"),
        ("type", "camel"),
        ("receive", "camel"),
        ("select", "camel"),
        ("import", "kebab"),
        ("Case", "pascal"),
    ],
)
def test_allowed(text: str, form: Form) -> None:
    assert problems_of(text, form) == []


@pytest.mark.parametrize(
    ("text", "form", "hint"),
    [
        ("order_id", "camel", "write `orderId`"),
        ("OrderId", "camel", "write `orderId`"),
        ("orderID", "camel", "write `orderId`"),
        ("HTTPServer", "pascal", "write `HttpServer`"),
        ("Order", "kebab", "write `order`"),
        ("order--line", "kebab", "write `order-line`"),
        ("1st", "camel", "begin with a letter"),
        ("größe", "camel", "no accents"),
        ("order line", "kebab", "write `order-line`"),
        ("../etc", "kebab", "begin with a letter"),
        ("a.b", "kebab", "begin with a letter"),
        ("'; drop table", "camel", "begin with a letter"),
        ("", "camel", "begin with a letter"),
    ],
)
def test_refused_form(text: str, form: Form, hint: str) -> None:
    found = problems_of(text, form)
    assert len(found) == 1
    assert found[0].startswith("SPEC-18")
    assert hint in found[0]


@pytest.mark.parametrize("text", ["con", "nul", "com1", "lpt9"])
@pytest.mark.parametrize("of", ["context", "team", "saga"])
def test_windows_devices(text: str, of: str) -> None:
    assert problems_of(text, "kebab", of) == ["SPEC-20 choose another word"]


@pytest.mark.parametrize(
    ("text", "of"), [("True", "event"), ("None", "aggregate"), ("Money", "value"), ("Accepted", "command")]
)
def test_types_that_generated_code_needs(text: str, of: str) -> None:
    assert problems_of(text, "pascal", of) == ["SPEC-20 choose another word"]


def test_longest_names_fit_their_systems() -> None:
    """The longest name of each kind together: DNS label, Kafka topic of dead letters, SQL identifier with a prefix."""

    def longest(form: Form, of: str) -> int:
        return next(
            size
            for size in range(80, 0, -1)
            if not problems_of("a" * size if form != "pascal" else "A" + "a" * (size - 1), form, of)
        )

    fleet, service = longest("kebab", "fleet"), longest("kebab", "service")
    context, aggregate = longest("kebab", "context"), longest("pascal", "aggregate")
    assert len("-".join(("f" * fleet, "s" * service))) <= 63
    topic = ".".join(("f" * fleet, "c" * context, "a" * aggregate, "events"))
    assert len(".".join((topic, "f" * fleet, "s" * service, "dlq"))) <= 249
    assert longest("camel", "field") + len("ix_") <= 63


def test_length_counts_the_underscores_that_sql_adds() -> None:
    text = "aB" + "cD" * 16  # 34 characters, 51 as snake case
    assert len(names.snake(text)) > 50
    assert problems_of(text, "camel")[0].startswith("SPEC-19")


@given(st.from_regex(r"[a-z][a-zA-Z0-9]{0,20}", fullmatch=True))
def test_canonical_is_a_fixed_point(text: str) -> None:
    for form in ("camel", "pascal", "kebab"):
        once = canonical(text, form)
        assert canonical(once, form) == once


@given(st.from_regex(r"[a-z][a-zA-Z0-9]{0,20}", fullmatch=True))
def test_allowed_names_come_back_from_every_language(text: str) -> None:
    """The chassis reads `snake` back to the wire's name; Python keywords are mapped."""
    if problems_of(text, "camel"):
        return
    snake = names.snake(text)
    assert canonical(snake.rstrip("_"), "camel") == text
    assert not keyword.iskeyword(snake)
