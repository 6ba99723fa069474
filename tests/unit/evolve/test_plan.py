from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import shop
from fleetgen.core.diagnostic import Diagnostic, Severity
from fleetgen.evolve.actions import Plan
from fleetgen.evolve.apply import apply
from fleetgen.evolve.desired import Desired
from fleetgen.evolve.plan import plan
from fleetgen.render.engine import Draft
from fleetgen.render.files import File

README = "services/order/README.md"
MESSAGES = "services/order/src/shop_order/gen/messages.py"
TWO = ("PlaceOrder", "CancelOrder")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return shop.made(tmp_path)


def planned(root: Path, wanted: Desired | None = None, **options: Any) -> Plan:
    found, _ = plan(root, wanted or shop.desired(), **options)
    assert found is not None, _
    return found


def refused(root: Path, wanted: Desired | None = None, **options: Any) -> tuple[Diagnostic, ...]:
    before = shop.tree(root)
    found, diagnostics = plan(root, wanted or shop.desired(), **options)
    assert found is None
    assert any(item.severity is Severity.ERROR for item in diagnostics)
    assert shop.tree(root) == before
    return diagnostics


def codes(diagnostics: tuple[Diagnostic, ...]) -> list[tuple[str, str]]:
    return [(item.code, item.span.file if item.span else "") for item in diagnostics]


def kinds(made: Plan) -> dict[str, str]:
    return {action.path: action.kind.value for action in made.actions}


def test_a_new_fleet_has_nothing_to_plan(root: Path) -> None:
    made = planned(root)
    assert made.empty
    assert made.text() == "Plan: nothing to do\n"
    assert made.bookkeeping == ()


def test_a_new_command_is_planned_shown_and_applied_exactly(root: Path) -> None:
    wanted = shop.desired(shop.facts(commands=TWO))
    made = planned(root, wanted)
    assert made.text() == (
        "  ~ services/order/.copier-answers.yml\n"
        "  ~ services/order/README.md\n"
        "  + services/order/src/shop_order/application/cancel_order.py\n"
        "  ~ services/order/src/shop_order/gen/facts.json\n"
        "  ~ services/order/src/shop_order/gen/messages.py\n"
        "\n"
        "Yours to write:\n"
        "  services/order/src/shop_order/application/cancel_order.py\n"
        "\n"
        "Plan: 1 to add, 4 to change, 0 to delete, 0 to merge\n"
    )
    data = json.loads(json.dumps(made.data()))
    assert data["counts"] == {"add": 1, "change": 4, "merge": 0, "conflict": 0, "delete": 0}
    assert data["yours"] == ["services/order/src/shop_order/application/cancel_order.py"]
    before = shop.tree(root)
    assert apply(made) == ()
    after = shop.tree(root)
    touched = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert touched == {*kinds(made), "fleet.lock"}
    assert planned(root, wanted).empty


def test_the_same_comes_out_of_new_as_of_apply(root: Path, tmp_path: Path) -> None:
    wanted = shop.desired(shop.facts(commands=TWO), shop.facts("payment"))
    shop.applied(root, wanted)
    fresh = shop.made(tmp_path / "other", wanted)
    assert shop.tree(root) == shop.tree(fresh)


def test_a_folder_without_a_fleet_can_be_planned(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("fleet: shop\n")
    shop.applied(tmp_path, shop.desired())
    assert planned(tmp_path).empty


def test_an_edit_of_a_person_is_no_plan(root: Path) -> None:
    shop.edit(root, README, "Line two.", "Line 2.")
    (root / "services/order/src/shop_order/main.py").unlink()
    (root / "services/order/own.py").write_text("x = 1\n")
    assert planned(root).empty


def test_deleted_generated_files_come_back(root: Path) -> None:
    before = shop.tree(root)
    shutil.rmtree(root / "services/order/src/shop_order/gen")
    shutil.rmtree(root / "contracts")
    made = planned(root)
    assert set(kinds(made).values()) == {"add"}
    assert made.yours == ()
    assert apply(made) == ()
    assert shop.tree(root) == before


def test_a_service_that_was_deleted_whole_comes_back_whole(root: Path) -> None:
    before = shop.tree(root)
    shutil.rmtree(root / "services")
    shop.applied(root, shop.desired())
    assert shop.tree(root) == before


def test_an_edited_generated_file_stops_that_plan(root: Path) -> None:
    shop.edit(root, MESSAGES, "class PlaceOrder", "class PlaceOrders")
    assert codes(refused(root)) == [("OUT-1", MESSAGES)]
    made = planned(root, overwrite=[MESSAGES])
    assert kinds(made) == {MESSAGES: "change"}
    assert apply(made) == ()
    assert b"class PlaceOrder:" in (root / MESSAGES).read_bytes()


def test_an_edited_contract_stops_the_plan_too(root: Path) -> None:
    (root / "contracts/events/placed.avsc").write_text("{}")
    assert codes(refused(root)) == [("OUT-1", "contracts/events/placed.avsc")]


def test_a_merge_is_refused_only_where_git_does_not_know_the_edit(root: Path) -> None:
    wanted = shop.desired(shop.facts(commands=TWO))
    shop.edit(root, README, "Line two.", "Line 2.")
    shop.edit(root, "README.md", "Services", "All services")
    shop.edit(root, "services/order/src/shop_order/main.py", "run()", "run(debug=True)")
    assert codes(refused(root, wanted)) == [("OUT-2", README)]
    shop.git(root, "add", README)
    assert codes(refused(root, wanted)) == [("OUT-2", README)]
    shop.git(root, "commit", "--quiet", "-m", "mine", README)
    made = planned(root, wanted)
    assert kinds(made)[README] == "merge"
    assert "(merged with your edit)" in made.text()
    assert apply(made) == ()
    text = (root / README).read_text()
    assert "Line 2." in text
    assert "- CancelOrder" in text


def test_an_ignored_edit_is_not_lost(root: Path) -> None:
    (root / ".gitignore").write_text("notes.md\n")
    (root / "services/order/notes.md").write_text("mine\n")
    shop.commit(root)
    wanted = shop.desired(templates=shop.newer({"notes.md": "theirs\n"}))
    assert codes(refused(root, wanted, update=True)) == [("OUT-2", "services/order/notes.md")]


def test_apply_after_apply_needs_no_commit_in_between(root: Path) -> None:
    shop.applied(root, shop.desired(shop.facts(commands=TWO)))
    shop.applied(root, shop.desired(shop.facts(commands=(*TWO, "PayOrder"))))
    assert "- PayOrder" in (root / README).read_text()


def test_a_conflict_is_shown_and_must_be_resolved_before_the_next_merge(root: Path) -> None:
    shop.edit(root, README, "- PlaceOrder", "- PlaceOrder, mine")
    shop.commit(root)
    wanted = shop.desired(shop.facts(commands=("PayOrder",)))
    made = planned(root, wanted)
    assert [action.path for action in made.conflicts] == [README]
    assert f"  ! {README}  (conflicts with your edit)\n" in made.text()
    assert made.summary.endswith("1 in conflict")
    diagnostics = apply(made)
    assert codes(diagnostics) == [("OUT-4", README)]
    assert diagnostics[0].span is not None
    marked = (root / README).read_text().splitlines()[diagnostics[0].span.line - 1]
    assert marked == "<<<<<<< before updating"
    assert planned(root, wanted).empty
    shop.commit(root)
    assert codes(refused(root, shop.desired(shop.facts(commands=TWO)))) == [("OUT-5", README)]


def test_a_removed_service_goes_but_not_what_a_person_wrote(tmp_path: Path) -> None:
    root = shop.made(tmp_path, shop.desired(shop.facts(), shop.facts("payment")))
    shop.edit(root, "services/payment/README.md", "Line two.", "Line 2.")
    (root / "services/payment/own.py").write_text("x = 1\n")
    shop.commit(root)
    found, diagnostics = plan(root, shop.desired())
    assert found is not None
    assert codes(diagnostics) == [("OUT-6", "services/payment/README.md")]
    assert set(kinds(found).values()) == {"delete"}
    apply(found)
    left = {path for path in shop.tree(root) if path.startswith("services/payment")}
    assert left == {"services/payment/README.md", "services/payment/own.py"}
    assert planned(root).empty
    assert not (root / "services/payment/src").exists()


def test_a_dropped_contract_goes(root: Path) -> None:
    shop.applied(root, shop.desired(extra={}))
    assert not (root / "contracts").exists()


def test_two_sources_for_one_path_are_an_error(root: Path) -> None:
    wanted = shop.desired(extra={"services/order/README.md": File(b"x")})
    assert codes(refused(root, wanted)) == [("OUT-13", "services/order/README.md")]


def test_a_file_may_move_from_one_source_to_another(root: Path) -> None:
    templates = shop.newer({"README.md.jinja": None})
    wanted = shop.desired(templates=templates, extra={"services/order/README.md": File(b"moved\n")})
    made = planned(root, wanted, update=True)
    assert kinds(made)["services/order/README.md"] == "change"


@pytest.mark.parametrize("where", ["services/order/src", "services/order", "services", "contracts"])
def test_a_link_out_of_the_tree_is_never_followed(where: str, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.move(root / where, outside)
    (root / where).symlink_to(outside)
    before = shop.tree(outside)
    wanted = shop.desired(shop.facts(commands=TWO), extra={"contracts/new.avsc": File(b"{}")})
    found, diagnostics = plan(root, wanted)
    assert found is None
    assert {item.code for item in diagnostics} >= {"OUT-3"}
    assert shop.tree(outside) == before


def test_a_linked_file_is_neither_read_nor_replaced(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    (root / README).unlink()
    (root / README).symlink_to(secret)
    (root / MESSAGES).unlink()
    shop.commit(root)
    found, diagnostics = plan(root, shop.desired(shop.facts(commands=TWO)))
    assert found is not None
    assert codes(diagnostics) == [("OUT-6", README)]
    apply(found)
    assert (root / README).is_symlink()
    assert secret.read_text() == "secret\n"
    (root / MESSAGES).unlink()
    (root / MESSAGES).symlink_to(secret)
    assert codes(refused(root, shop.desired(shop.facts(commands=TWO))))[0] == ("OUT-3", MESSAGES)


def test_a_linked_state_folder_is_refused(root: Path, tmp_path: Path) -> None:
    shutil.move(root / ".fleetgen", tmp_path / "elsewhere")
    (root / ".fleetgen").symlink_to(tmp_path / "elsewhere")
    assert codes(refused(root)) == [("OUT-3", ".fleetgen/templates.bundle")]


def test_a_folder_in_the_way_is_told(root: Path) -> None:
    (root / MESSAGES).unlink()
    (root / MESSAGES).mkdir()
    assert codes(refused(root)) == [("OUT-3", MESSAGES)]


def test_a_binary_file_changed_by_both_stays_the_persons(root: Path) -> None:
    logo = root / "services/order/logo.png"
    logo.write_bytes(b"\0mine")
    shop.commit(root)
    found, diagnostics = plan(root, shop.desired(templates=shop.newer({"logo.png": b"\0theirs"})), update=True)
    assert found is not None
    assert codes(diagnostics) == [("OUT-6", "services/order/logo.png")]
    apply(found)
    assert logo.read_bytes() == b"\0mine"


def test_the_lock_is_not_written_for_its_own_sake(root: Path) -> None:
    wanted = shop.desired()
    found = planned(root, Desired(wanted.projects, wanted.templates, wanted.extra, "another digest"))
    assert found.empty
    before = (root / "fleet.lock").read_bytes()
    assert apply(found) == ()
    assert (root / "fleet.lock").read_bytes() == before


def test_a_lost_lock_is_written_again(root: Path) -> None:
    shop.edit(root, README, "Line two.", "Line 2.")
    shop.commit(root)
    before = (root / "fleet.lock").read_bytes()
    (root / "fleet.lock").unlink()
    assert planned(root).empty
    wanted = shop.desired(shop.facts(commands=TWO))
    shop.applied(root, wanted)
    assert "Line 2." in (root / README).read_text()
    assert (root / "fleet.lock").read_bytes() != before
    assert planned(root, wanted).empty


def test_state_that_cannot_be_read_stops_the_plan(root: Path) -> None:
    for path in ("fleet.lock", ".fleetgen/templates.bundle", "services/order/.copier-answers.yml"):
        before = (root / path).read_bytes()
        (root / path).write_bytes(b"<<<<<<< HEAD\n")
        assert codes(refused(root)) == [("OUT-8", path)]
        (root / path).write_bytes(before)


def test_a_fleet_of_a_newer_fleetgen_is_left_alone(root: Path) -> None:
    newer = shop.newer({}, "2.0.0")
    shop.applied(root, shop.desired(templates=newer), update=True)
    assert codes(refused(root)) == [("OUT-7", "fleet.lock")]


def test_other_templates_under_the_same_version_are_told(root: Path) -> None:
    other = shop.newer({"README.md.jinja": "other\n"}, "1.0.0")
    assert codes(refused(root, shop.desired(templates=other))) == [("OUT-12", "fleet.lock")]


def test_templates_that_do_not_render_are_told(tmp_path: Path) -> None:
    wanted = shop.desired(templates=shop.newer({"README.md.jinja": "{{ service.unknown }}"}))
    found, diagnostics = plan(tmp_path, wanted)
    assert found is None
    assert codes(diagnostics) == [("OUT-11", "services/order")]


def test_a_lost_bundle_is_built_again(root: Path) -> None:
    before = (root / ".fleetgen/templates.bundle").read_bytes()
    (root / ".fleetgen/templates.bundle").unlink()
    made = planned(root)
    assert kinds(made) == {".fleetgen/templates.bundle": "add"}
    assert apply(made) == ()
    assert (root / ".fleetgen/templates.bundle").read_bytes() == before


def test_lost_answers_are_written_again_without_touching_an_edit(root: Path) -> None:
    shop.edit(root, README, "Line two.", "Line 2.")
    (root / "services/order/.copier-answers.yml").unlink()
    shop.commit(root)
    made = planned(root)
    assert kinds(made) == {"services/order/.copier-answers.yml": "add"}


def test_unchanged_projects_are_not_rendered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: set[str] = set()
    original = Draft.file
    monkeypatch.setattr(Draft, "file", lambda draft, path: (rendered.add(draft.template), original(draft, path))[1])  # type: ignore[func-returns-value]
    assert planned(root).empty
    assert rendered == set()
    planned(root, shop.desired(shop.facts(commands=TWO)))
    assert rendered == {shop.SERVICE}
