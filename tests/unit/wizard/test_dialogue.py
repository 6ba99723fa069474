"""The questions, their order and what becomes of replies: without a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetgen.core.resources import sample, samples
from fleetgen.spec.load import load, load_text
from fleetgen.spec.resolve import resolve
from fleetgen.spec.show import show
from fleetgen.wizard.compose import compose
from fleetgen.wizard.dialogue import Asked, Dialogue, answer, answered, back, now, reopen
from fleetgen.wizard.prefill import replies_of
from fleetgen.wizard.review import review

HERE = Path(__file__).parent


def example(name: str) -> Dialogue:
    path = sample(name)
    assert path is not None
    document, _ = load(path)
    assert document is not None
    return Dialogue({}, replies_of(document))


def finished(dialogue: Dialogue) -> Dialogue:
    """Take everything that is offered."""
    while (asked := now(dialogue)) is not None:
        dialogue, refusal = answer(dialogue, asked.question, asked.offer)
        assert refusal is None, (asked.question.key, asked.offer, refusal)
    return dialogue


STARTER = finished(example("starter"))


def asked(dialogue: Dialogue) -> Asked:
    found = now(dialogue)
    assert found is not None
    return found


def given_reply(dialogue: Dialogue, key: str, reply: str) -> Dialogue:
    """Another reply to a question that was answered."""
    again = reopen(dialogue, key)
    question = asked(again).question
    assert question.key == key
    found, refusal = answer(again, question, reply)
    assert refusal is None, refusal
    return found


@pytest.mark.parametrize("name", samples())
def test_an_example_taken_as_offered_is_the_same_fleet(name: str) -> None:
    path = sample(name)
    assert path is not None
    document, _ = load(path)
    assert document is not None
    wanted, _ = resolve(document)
    text = compose(finished(example(name)).replies)
    again, problems = load_text(text)
    assert again is not None and not problems
    found, problems = resolve(again)
    assert found is not None and wanted is not None and not problems
    assert show(found) == show(wanted)


def test_the_file_reads_as_people_write_it(matches_file: Callable[[str, Path], None]) -> None:
    matches_file(compose(STARTER.replies), HERE / "starter.fleet.yaml")


def test_questions_come_in_the_order_of_a_workshop() -> None:
    keys = [met.question.key for met in answered(STARTER)]
    order = "contexts/order/aggregates/Order/"
    wanted = [
        "fleet",
        "legacy",
        "teams",
        "contexts",
        f"{order}commands",
        f"{order}fields",
        "policies",
        "sagas/checkout/steps",
    ]
    wanted += ["stacks", "stores", "platform/gateway/kind", "load/peak", "slo/availability"]
    assert [key for key in keys if key in wanted] == wanted
    assert len(set(keys)) == len(keys)


def test_every_question_explains_itself_in_a_line() -> None:
    for met in answered(STARTER):
        assert 20 < len(met.question.about) <= 120 and "\n" not in met.question.about
        assert met.question.text.endswith("?") and met.question.owns


def test_the_number_of_questions_is_told_once_the_contexts_are_known() -> None:
    assert asked(Dialogue()).of == 0
    first = asked(example("starter"))
    assert (first.number, first.of) == (1, len(answered(STARTER)))


def test_one_back_offers_the_reply_again_and_goes_on_from_there() -> None:
    dialogue, _ = answer(Dialogue(), asked(Dialogue()).question, "shop")
    dialogue, _ = answer(dialogue, asked(dialogue).question, "Selling")
    before = back(dialogue)
    assert (asked(before).question.key, asked(before).offer) == ("domain", "Selling")
    first = back(back(before))
    assert asked(first).question.key == "fleet" and back(first) == first
    again, _ = answer(first, asked(first).question, "store")
    assert (asked(again).question.key, asked(again).offer) == ("domain", "Selling")


def test_a_question_reopened_keeps_all_that_still_fits() -> None:
    dialogue = given_reply(STARTER, "vision", "Another")
    assert now(dialogue) is None and "vision: Another" in compose(dialogue.replies)


def test_a_context_less_takes_its_questions_along_and_asks_what_named_it() -> None:
    dialogue = given_reply(STARTER, "contexts", "order: core\npayment: supporting")
    found = asked(dialogue)
    assert found.question.key == "stacks" and found.refusal is not None
    assert "`shipping` is not a key" in found.refusal.message
    assert "shipping:" not in compose(dialogue.replies)


def test_a_context_more_is_asked_about() -> None:
    dialogue = given_reply(STARTER, "contexts", STARTER.replies["contexts"] + "\nreturns: generic")
    assert asked(dialogue).question.key == "contexts/returns/purpose"


@pytest.mark.parametrize(
    ("key", "reply", "message", "hint"),
    [
        ("fleet", "Shop", "`Shop` is not a name of a fleet, which is in kebab-case", "write `shop`"),
        ("fleet", "", "something has to be said here", "write a word, or `<` to go back"),
        ("fleet", "con", "`con` is a device on Windows, where no file can have this name", "choose another word"),
        ("vision", "a\x1b[31mred", "a sentence with control characters", "write at most 4000 characters"),
        ("vision", "a\x85b", "the text holds a character that YAML does not keep", "without that character"),
        ("teams", "sales: 6\nsales: 7", "`sales` stands twice", "keep one of them"),
        ("teams", "sales: many", "`many` is not a whole number", "write digits only, as `3`"),
        ("contexts", "order: central", "`central` is not among the choices", "choose from `core`"),
        ("contexts", "postgres: core", "`postgres` is a server or process that runs beside the services", "choose"),
        ("contexts", "", "something has to be said here", "write a line"),
        (
            "contexts/order/team",
            "nobody",
            "`nobody` is not among the choices",
            "choose from `sales`, `payments`, `delivery`",
        ),
        ("contexts/order/aggregates", "Order, Order", "`Order` stands twice", "keep one of them"),
        ("contexts/order/aggregates/Order/fields", "total: float", "`float` is not a type", "write `decimal`"),
        ("contexts/order/aggregates/Order/fields", "total: {", "`total: {` cannot be read", "write `name: value`"),
        (
            "contexts/order/aggregates/Order/commands",
            "place -> P",
            "`place` is not a name of a command",
            "write `Place`",
        ),
        ("contexts/order/more", "titel: x", "`titel` is not a key of a bounded context", "write `title`"),
        ("policies", "OrderGone -> DispatchShipment", "there is no event `OrderGone`", ""),
        ("policies", "OrderConfirmed -> ShipIt", "there is no command `ShipIt`", ""),
        ("sagas/checkout/steps", "PlaceOrder / Cancel", "there is no command `Cancel`", ""),
        ("sagas/checkout/timeout", "5", "`5` has no unit", "write `5s`, or one of"),
        ("stacks", "order: pyton", "`pyton` is not among the choices", "write `python`"),
        ("load/peak", "many", "`many` is not a rate", "write a number and a time"),
        ("slo/availability", "101%", "`101%` is more than everything", "write at most `100%`"),
    ],
)
def test_a_reply_is_refused_at_once_in_the_words_of_the_specification(
    key: str, reply: str, message: str, hint: str
) -> None:
    again = reopen(STARTER, key)
    found, refusal = answer(again, asked(again).question, reply)
    assert found == again
    assert refusal is not None and message in refusal.message and hint in refusal.hint


def test_a_refusal_names_the_line() -> None:
    again = reopen(STARTER, "teams")
    _, refusal = answer(again, asked(again).question, "sales: 6\n\ndelivery: five")
    assert refusal is not None and refusal.line == 2


@pytest.mark.parametrize(
    ("key", "reply", "code"),
    [
        ("sagas/checkout/steps", "PlaceOrder\npivot TakePayment {with: {amount: Order.total}}\nConfirmOrder", "SAGA-1"),
        ("contexts/order/aggregates/Order/states", "confirmed, cancelled", "SPEC-22"),
        ("contexts/order/aggregates/Order/values", "Line: {product: string}", "SPEC-23"),
        ("contexts/order/aggregates/Order/fields", "customerId: uuid, total: money, address: string", "SPEC-"),
        ("contexts/order/aggregates/Order/more", "partition-by: nothing", "SPEC-22"),
        ("stacks", "order: java\npayment: python\nshipping: python", "STK-1"),
        ("contexts/order/more", "waive: {SAGA-9: because}", "LINT"),
    ],
)
def test_a_finding_leads_back_to_its_question(key: str, reply: str, code: str) -> None:
    dialogue = given_reply(STARTER, key, reply)
    assert now(dialogue) is None
    found = review(dialogue)
    assert any(each.code.startswith(code) for each in found.checked.diagnostics), found.checked.diagnostics
    assert key in [question.key for question in found.concerned]
    assert not review(given_reply(dialogue, key, STARTER.replies[key])).concerned


HOSTILE = st.text(max_size=30) | st.lists(
    st.sampled_from(
        [
            *"{}[]:,#&*!|>'\"%@`<-?\\\n\t ",
            "order",
            "null",
            "true",
            "1",
            "~",
            "a: b",
            "-> ",
            "PlaceOrder",
            "services: ",
            "x: {}",
        ]
    ),
    max_size=12,
).map("".join)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([met.question.key for met in answered(STARTER)]), HOSTILE)
def test_whatever_is_accepted_leaves_a_file_that_can_be_read_and_says_no_more(key: str, reply: str) -> None:
    again = reopen(STARTER, key)
    found, refusal = answer(again, asked(again).question, reply)
    if refusal is not None:
        assert found == again
        return
    text = compose(found.replies)
    document, problems = load_text(text)
    assert document is not None
    forms = {"broken-yaml", "duplicate-key", "ambiguous-scalar", "unknown-key", "tag", "anchor", "tab", "bad-name"}
    assert not forms & {each.name for each in problems}, (text, problems)
    review(found)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_a_text_comes_back_as_it_was_said(text: str) -> None:
    again = reopen(STARTER, "vision")
    found, refusal = answer(again, asked(again).question, text)
    if refusal is None and text.strip():
        document, _ = load_text(compose(found.replies))
        assert document is not None
        vision = document.root.get("vision")
        assert vision is not None and getattr(vision, "text", None) == text.strip()
