"""`fleetgen eject`: a file changes hands, and fleetgen, its plan and plain copier agree on whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import shop
from command_line import Killed, dies_at, edit_spec, run
from fleetgen.evolve.update import pull_templates
from fleetgen.render.templates import installed

PORTS = "services/order/src/starter_order/gen/ports.py"
MESSAGES = "services/order/src/starter_order/gen/messages.py"
ANSWERS = "services/order/.copier-answers.yml"
CONTRACT = "contracts/openapi/order.yaml"
MORE = ("ConfirmOrder: {emits: OrderConfirmed, from: placed}", "ConfirmOrder: {emits: OrderConfirmed, from: placed}\n"
        "          NoteOrder: {emits: OrderNoted, takes: {note: string}}")  # fmt: skip


def by_hand(fleet: Path, path: str) -> str:
    (fleet / path).write_text("# mine\n" + (fleet / path).read_text())
    return (fleet / path).read_text()


def test_an_edited_file_stops_apply_until_it_is_ejected(fleet: Path) -> None:
    mine = by_hand(fleet, PORTS)
    said = run("apply")
    assert said.code == 2
    assert "OUT-1" in said.err
    before = shop.tree(fleet)
    said = run("eject", PORTS)
    assert (said.code, said.out) == (0, "")
    after = shop.tree(fleet)
    assert {path for path in after if before.get(path) != after[path]} == {ANSWERS, "fleet.lock"}
    assert yaml.safe_load((fleet / ANSWERS).read_text())["ejected"] == [PORTS.removeprefix("services/order/")]
    assert run("plan").code == 0
    edit_spec(fleet, *MORE)
    assert run("apply").code == 0
    assert (fleet / PORTS).read_text() == mine
    assert "class NoteOrder" in (fleet / MESSAGES).read_text()


def test_the_plan_says_when_the_template_has_gone_on_until_it_is_noted(fleet: Path) -> None:
    assert run("eject", PORTS).code == 0
    assert "OUT-19" not in run("plan").err
    edit_spec(fleet, *MORE)
    assert "OUT-19" in run("plan").err
    assert run("apply").code == 0
    assert "OUT-19" in run("plan").err
    said = run("eject", "--show", PORTS)
    assert said.code == 0
    assert "+    note_order" in said.out
    assert run("eject", PORTS).code == 0
    assert "OUT-19" not in run("plan").err
    assert run("plan").code == 0


def test_plain_copier_leaves_it_alone(fleet: Path, tmp_path: Path) -> None:
    mine = by_hand(fleet, PORTS)
    assert run("eject", PORTS).code == 0
    gen = "service-templates/python/service/src/{{ service.package }}/gen"
    texts = {name: installed().files[f"{gen}/{name}.jinja"].content.decode() for name in ("ports.py", "messages.py")}
    later = shop.newer(
        {f"{gen}/{name}.jinja": f"# newer\n{text}" for name, text in texts.items()}, "99.0.0", installed()
    )
    assert pull_templates(fleet, later)[0] == "99.0.0"
    shop.commit(fleet)
    done = shop.copier_update(fleet / "services/order", tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert (fleet / MESSAGES).read_text().startswith("# newer\n")
    assert (fleet / PORTS).read_text() == mine
    assert yaml.safe_load((fleet / ANSWERS).read_text())["ejected"] == [PORTS.removeprefix("services/order/")]


def test_a_file_of_no_project_can_be_ejected_too(fleet: Path) -> None:
    mine = by_hand(fleet, CONTRACT)
    assert run("eject", CONTRACT).code == 0
    edit_spec(fleet, *MORE)
    assert run("apply").code == 0
    assert (fleet / CONTRACT).read_text() == mine
    assert "OUT-19" in run("plan").err


def test_given_back_it_is_written_only_when_the_edit_is_given_up(fleet: Path) -> None:
    original = (fleet / PORTS).read_text()
    mine = by_hand(fleet, PORTS)
    assert run("eject", PORTS).code == 0
    assert run("eject", "--undo", PORTS).code == 0
    assert run("apply").code == 2
    assert (fleet / PORTS).read_text() == mine
    assert run("apply", "--overwrite", PORTS).code == 0
    assert (fleet / PORTS).read_text() == original
    assert run("eject", "--undo", PORTS).code == 2


def test_a_deleted_file_that_is_ejected_stays_deleted(fleet: Path) -> None:
    assert run("eject", PORTS).code == 0
    (fleet / PORTS).unlink()
    assert run("apply").code == 0
    assert not (fleet / PORTS).exists()


@pytest.mark.parametrize(("project", "path"), [("services/order/", PORTS), ("", CONTRACT)])
def test_a_path_that_a_person_wrote_into_the_answers_is_theirs_too(fleet: Path, project: str, path: str) -> None:
    before = (fleet / path).read_bytes()
    shop.edit(fleet, f"{project}.copier-answers.yml", "ejected: []", f"ejected:\n- {path.removeprefix(project)}")
    assert run("apply").code == 0
    assert (fleet / path).read_bytes() == before


@pytest.mark.parametrize(
    "path",
    [
        "fleet.lock",
        ".fleetgen/templates.bundle",
        ANSWERS,
        "services/order/src/starter_order/gen/migrations/0001_create_orders.sql",
        "services/order/src/starter_order/gen/migrations/tables.json",
        "services/order/src/starter_order/domain/order.py",
        "services/order/src/starter_order/gen/nothing.py",
        "../outside.py",
        "services/*",
        "fleet.yaml",
        "contracts/events/order.OrderPlaced.v1.avsc",
        "contracts/events/payment.PaymentTaken.v1.avsc",
        "",
    ],
)
def test_what_cannot_be_given_away_is_refused(fleet: Path, path: str) -> None:
    before = shop.tree(fleet)
    said = run("eject", path)
    assert said.code == 2
    assert "OUT-20" in said.err
    assert shop.tree(fleet) == before


def test_killed_at_any_step_it_is_done_or_not_begun(fleet: Path) -> None:
    before = shop.tree(fleet)
    for number in range(1, 60, 2):
        with pytest.MonkeyPatch.context() as patch:
            done = dies_at(patch, number)
            try:
                run("eject", PORTS)
            except Killed:
                pass
            else:
                assert len(done) < number
                break
        assert run("plan").code == 0  # whoever comes next completes it or takes it back
        answers = yaml.safe_load((fleet / ANSWERS).read_text())
        assert answers["ejected"] in ([], [PORTS.removeprefix("services/order/")])
        assert ("ejected" in (fleet / "fleet.lock").read_text()) == bool(answers["ejected"])
        if answers["ejected"]:
            assert run("eject", "--undo", PORTS).code == 0
        assert shop.tree(fleet) == before
    else:
        pytest.fail("it never came to an end")
    assert number > 4
