"""How a person is led, with somebody who answers from a list in the place of a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.core.resources import sample
from fleetgen.spec.load import load, load_text
from fleetgen.wizard.dialogue import Asked, Dialogue
from fleetgen.wizard.forms import Refusal
from fleetgen.wizard.journal import Journal
from fleetgen.wizard.prefill import replies_of
from fleetgen.wizard.questionnaire import Left, Questionnaire

STEPS = "sagas/checkout/steps"


@dataclass
class Listed:
    """Takes what is offered, but for `replies` (each once) and `choices` (in order); leaves where these end."""

    replies: dict[str, list[str]] = field(default_factory=dict)
    choices: list[str] = field(default_factory=list)
    leaves: str = ""  # the question at which the person goes
    asked: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    offered: list[dict[str, str]] = field(default_factory=list)

    def say(self, line: str, style: str = "") -> None:
        self.told.append(line)

    def show(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, str]) -> None:
        self.told += [f"{each.code} {each.message}" for each in diagnostics]

    def ask(self, asked: Asked, judge: Callable[[str], Refusal | None]) -> str:
        key = asked.question.key
        if key == self.leaves:
            raise KeyboardInterrupt
        self.asked.append(key)
        self.offers.append(asked.offer)
        if asked.refusal is not None:
            self.refusals.append(asked.refusal)
        assert self.asked[-5:].count(key) < 5, f"{key} is asked for ever: {asked.refusal}"
        replies = self.replies.get(key)
        return replies.pop(0) if replies else asked.offer

    def choose(self, text: str, choices: Mapping[str, str]) -> str:
        self.offered.append(dict(choices))
        if not self.choices:
            raise EOFError
        return self.choices.pop(0)


def starter() -> Dialogue:
    path = sample("starter")
    assert path is not None
    document, _ = load(path)
    assert document is not None
    return Dialogue({}, replies_of(document))


def ask(person: Listed, folder: Path, example: Dialogue | None = None) -> str:
    return Questionnaire(folder, person, Journal(folder)).run(example or starter())


def test_everything_offered_is_taken_and_the_fleet_confirmed(tmp_path: Path) -> None:
    person = Listed(choices=["show", "write"])
    text = ask(person, tmp_path / "shop")
    document, problems = load_text(text)
    assert document is not None and not problems
    assert text in person.told  # `show`
    assert any(line.startswith("  services/order ") and "3 commands" in line for line in person.told)
    assert Journal(tmp_path / "shop").path.exists()  # whoever writes the fleet removes it


def test_a_reply_that_the_whole_refuses_is_asked_again_with_the_reason(tmp_path: Path) -> None:
    person = Listed({STEPS: ["PlaceOrder / Nothing\nConfirmOrder"]}, ["write"])
    with pytest.raises(Left):
        person.leaves = "stacks"
        person.replies[STEPS].append("PlaceOrder / CancelOrder {with: {reason: rejection}}\nConfirmOrder")
        ask(person, tmp_path / "shop")
    assert [each.message for each in person.refusals] == ["there is no command `Nothing`"]
    assert person.asked.count(STEPS) == 2


def test_a_finding_is_shown_and_followed_back_to_its_question(tmp_path: Path) -> None:
    bad = "PlaceOrder\npivot TakePayment {with: {amount: Order.total}}\nCreateShipment\nConfirmOrder"
    good = bad.replace("PlaceOrder", "PlaceOrder / CancelOrder {with: {reason: rejection}}")
    person = Listed({STEPS: [bad, good]}, [STEPS, "write"])
    text = ask(person, tmp_path / "shop")
    assert "SAGA-1 step `PlaceOrder` of saga `checkout` can commit but has no undo" in person.told
    assert STEPS in person.offered[0] and "go-on" not in person.offered[0]
    assert person.asked[-1] == STEPS and person.asked.count(STEPS) == 2  # and nothing else again
    assert person.offers[-1] == bad
    assert "undo: CancelOrder" in text


def test_back_from_the_summary_asks_the_last_question(tmp_path: Path) -> None:
    person = Listed({"more": ["", "extensions: {cost: 7}"]}, ["back", "write"])
    text = ask(person, tmp_path / "shop")
    assert person.asked[-2:] == ["more", "more"]
    assert "extensions: {cost: 7}" in text


def test_what_was_begun_is_offered_when_one_comes_back(tmp_path: Path) -> None:
    person = Listed({"teams": ["sales: 9\npayments: 5\ndelivery: 2\n<"]}, ["write"])
    text = ask(person, tmp_path / "shop")
    assert person.asked[4:8] == ["legacy", "teams", "legacy", "teams"]
    assert person.offers[7] == "sales: 9\npayments: 5\ndelivery: 2"
    assert "delivery: 2" in text


def test_who_leaves_goes_on_where_it_was(tmp_path: Path) -> None:
    first = Listed({"vision": ["Another"]}, leaves="contexts/payment/purpose")
    with pytest.raises(Left):
        ask(first, tmp_path / "shop")
    second = Listed(choices=["on", "write"])
    text = ask(second, tmp_path / "shop", Dialogue())
    assert second.offered[0]["on"] == f"go on after {len(first.asked)} answers"
    assert second.asked[0] == "contexts/payment/purpose"
    assert "vision: Another" in text and "PaymentTaken" in text


def test_who_begins_anew_is_asked_everything(tmp_path: Path) -> None:
    with pytest.raises(Left):
        ask(Listed({"vision": ["Another"]}, leaves="teams"), tmp_path / "shop")
    person = Listed(choices=["anew", "write"])
    assert "Another" not in ask(person, tmp_path / "shop")
    assert person.asked[0] == "fleet"


@pytest.mark.parametrize("choices", [[], ["leave"]])
def test_who_leaves_at_the_end_keeps_all_answers(tmp_path: Path, choices: list[str]) -> None:
    with pytest.raises(Left):
        ask(Listed(choices=choices), tmp_path / "shop")
    again = Listed(choices=["on", "write"])
    ask(again, tmp_path / "shop")
    assert again.asked == []


def test_who_leaves_before_the_first_answer_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Left):
        ask(Listed(leaves="fleet"), tmp_path / "shop")
    assert list(tmp_path.iterdir()) == []


def test_answers_that_cannot_be_read_are_told_of(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "shop")
    journal.path.write_text("{")
    person = Listed(choices=["write"])
    ask(person, tmp_path / "shop")
    assert any("is not used: it does not hold answers" in line for line in person.told)


def test_kept_answers_are_not_believed(tmp_path: Path) -> None:
    """Somebody else may have written the file: each reply is read as if it were given now."""
    Journal(tmp_path / "shop").keep(Dialogue({"fleet": "a\nteams: {x: 1}", "domain": "\x1b[31m"}))
    person = Listed(choices=["on"], leaves="domain")
    person.replies = {"fleet": ["shop"]}
    with pytest.raises(Left):
        ask(person, tmp_path / "shop")
    assert person.asked == ["fleet"] and len(person.refusals) == 1
