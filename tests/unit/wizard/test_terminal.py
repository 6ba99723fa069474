"""The questionnaire at a pseudo-terminal: the command as a person starts it, and the files that it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import workshop
from fleetgen.core.resources import sample
from fleetgen.spec.load import load
from fleetgen.wizard.dialogue import Dialogue, answer, now
from fleetgen.wizard.journal import Journal
from fleetgen.wizard.prefill import replies_of
from screen import Person

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "questions.md"
Start = Callable[..., Person]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `fleetgen new …` in an empty folder; whoever is still there at the end is sent away."""
    begun: list[Person] = []

    def begin(*arguments: str) -> Person:
        begun.append(Person("new", *arguments, cwd=tmp_path))
        return begun[-1]

    yield begin
    for person in begun:
        person.close()


def kept(root: Path, name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(Journal(root / name).path.read_text())["replies"]
    return found


def specification(root: Path) -> Any:
    return yaml.safe_load((root / "fleet.yaml").read_text())


def shown_in_the_guide(lines: list[str]) -> None:
    """The session in the guide is this one, with gaps where it says `…`."""
    session = GUIDE.read_text().partition("```console\n$ fleetgen new parcels\n")[2].partition("```")[0]
    shown = [line for line in session.splitlines() if line and line != "…"]
    assert len(shown) > 30
    rest = iter(lines)
    missing = [line for line in shown if line not in rest]
    assert not missing, missing[0]


def test_answers_appear_in_the_files(start: Start, tmp_path: Path) -> None:
    person = start("parcels")
    for part in (workshop.domain, workshop.order, workshop.shipping, workshop.rest):
        part(person)
    person.sees("What next")
    person.reads(r"warning COM-8 limit-above-capacity: a limit of 1000 a minute for each of 300 users")
    person.chooses("What next", "go on with the answers as they are")
    person.sees("Write this fleet")
    person.reads(r"services/shipping +python: 1 aggregate, 1 command, 1 event")
    assert not (tmp_path / "parcels").exists()
    person.chooses("Write this fleet", "write it")
    assert person.ends() == 0, person.text()
    shown_in_the_guide(person.lines())
    root = tmp_path / "parcels"
    said = specification(root)
    order, shipping = said["contexts"]["order"], said["contexts"]["shipping"]
    assert (said["vision"], said["organisation"]) == (workshop.TITLE, "org.example.parcels")
    assert said["teams"] == {"sales": 4, "harbour": 7}
    assert (order["team"], order["exposure"], order["title"]) == ("sales", "public", "Orders")
    assert (shipping["team"], shipping["policies"]) == ("harbour", {"OrderPlaced": "CreateShipment"})
    assert order["aggregates"]["Order"]["commands"]["CancelOrder"] == {
        "emits": "OrderCancelled",
        "from": "placed",
        "takes": {"reason": "string"},
    }
    assert (said["slo"], said["load"]) == ({"availability": "99.5%", "p95": "250ms"}, {"peak": "20/s", "users": 300})
    assert "total.amount > 50000" in (root / "fleet.yaml").read_text()
    assert (root / "services/order/src/parcels_order/application/cancel_order.py").is_file()
    assert (root / "contracts/events/shipping.ShipmentCreated.v1.avsc").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parcels"]  # the answers are forgotten
    plan = [sys.executable, "-m", "fleetgen.cli.main", "plan", "--root", str(root)]
    assert subprocess.run(plan, check=False).returncode == 0  # what was written is what its specification says


def test_a_refused_answer_says_why_and_can_be_mended(start: Start, tmp_path: Path) -> None:
    person = start("shop")
    person.answers("called", "My Shop")
    person.reads(r"✗ `My Shop` is not a name of a fleet, which is in kebab-case\n +write `my-shop`")
    person.answers("called", "my-shop")
    person.sees("What business")
    assert kept(tmp_path, "shop") == {"fleet": "my-shop"}


def test_a_line_is_refused_before_the_next_one(start: Start, tmp_path: Path) -> None:
    person = start("shop")
    for question in ("called", "What business", "achieve", "Whose", "replace"):
        person.answers(question, "shop" if question == "called" else None)
    person.sees("Which teams")
    person.press("sales: six\r")
    person.reads("✗ `six` is not a whole number")
    person.press("\x7f\x7f\x7f6\rdelivery: 5\r\r")
    person.sees("bounded contexts")
    assert kept(tmp_path, "shop")["teams"] == "sales: 6\ndelivery: 5"


def test_one_step_back(start: Start, tmp_path: Path) -> None:
    person = start("shop")
    person.answers("called", "shop")
    person.answers("What business", "Selling")
    person.answers("achieve", "<")
    person.sees(r"What business does it serve\? Selling")  # offered again
    person.answers("What business", "Buying")
    person.answers("achieve", "Win")
    person.answers("Whose")
    person.answers("replace", "<")
    person.answers("Whose", "org.shop")
    person.sees("replace")
    assert kept(tmp_path, "shop") == {"fleet": "shop", "domain": "Buying", "vision": "Win", "organisation": "org.shop"}


def test_killed_and_resumed(start: Start, tmp_path: Path) -> None:
    person = start("shop")
    person.answers("called", "shop")
    person.answers("What business", "Selling")
    person.sees("achieve")
    person.press("half a sen")
    person.kill()
    again = start("shop")
    again.chooses("were kept", "go on after 2 answers")
    again.answers("achieve", "A whole sentence")
    again.sees("Whose")
    assert kept(tmp_path, "shop") == {"fleet": "shop", "domain": "Selling", "vision": "A whole sentence"}


@pytest.mark.parametrize("keys", ["\x03", "\x04"])
def test_left_and_begun_anew(start: Start, tmp_path: Path, keys: str) -> None:
    person = start("shop")
    person.answers("called", "shop")
    person.sees("What business")
    person.press(keys if keys == "\x03" else f"\x15{keys}")
    assert person.ends() == 130
    person.reads("left; the answers are kept in .*shop.fleetgen-answers.json")
    again = start("shop")
    again.chooses("were kept", "begin anew")
    again.sees("called")
    assert kept(tmp_path, "shop") == {}


def test_a_finding_is_followed_back_and_mended(start: Start, tmp_path: Path) -> None:
    path = sample("starter")
    assert path is not None
    document, _ = load(path)
    assert document is not None
    dialogue = Dialogue({}, replies_of(document))
    while (asked := now(dialogue)) is not None and asked.question.key != "more":
        steps = "PlaceOrder\npivot TakePayment {with: {amount: Order.total}}\nCreateShipment\nConfirmOrder"
        reply = steps if asked.question.key == "sagas/checkout/steps" else asked.offer
        dialogue, _ = answer(dialogue, asked.question, reply)
    Journal(tmp_path / "shop").keep(dialogue)
    person = start("shop")
    person.chooses("were kept", "go on")
    person.answers("else about `starter`")
    person.sees("What next")
    person.reads(r"error SAGA-1 no-undo-before-pivot: step `PlaceOrder` of saga `checkout` can commit but has no undo")
    assert "go on with the answers" not in person.below()
    person.chooses("What next", "back to: What is done in `checkout`")
    person.sees("PlaceOrder\n *pivot TakePayment")
    person.answers(
        "done in `checkout`",
        "PlaceOrder / CancelOrder {with: {reason: rejection}}\n"
        "pivot TakePayment {with: {amount: Order.total}}\nCreateShipment\nConfirmOrder",
    )
    person.chooses("Write this fleet", "write it")
    assert person.ends() == 0, person.text()
    first = specification(tmp_path / "shop")["sagas"]["checkout"]["steps"][0]
    assert first == {"do": "PlaceOrder", "undo": "CancelOrder", "with": {"reason": "rejection"}}


def test_an_example_is_offered(start: Start) -> None:
    person = start("--from", "starter", "--edit", "shop")
    person.sees(r"\[1/\d\d\] What is the fleet called\? starter")
    person.answers("called", "mine")
    person.sees("What business does it serve\\? A small shop")


def test_a_folder_that_is_taken_is_told_before_the_first_question(start: Start, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "file").touch()
    person = start("shop")
    assert person.ends() == 2
    person.reads("`shop` is not empty: a new fleet needs a folder that is absent or empty")


@pytest.mark.parametrize("arguments", [["shop"], ["--from", "starter", "--edit", "shop"]])
def test_without_a_terminal_it_says_what_to_give(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "fleetgen.cli.main", "new", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert "no terminal" in done.stderr and "--spec" in done.stderr and "--from" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_edit_needs_an_example(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fleetgen.cli.main", "new", "--edit", "shop"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "`--edit` needs an example" in done.stderr
