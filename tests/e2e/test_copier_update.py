"""Plain copier and `fleetgen update` side by side, on the command line, offline, on a depth-1 clone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

import shop
from fleetgen.evolve.apply import apply
from fleetgen.evolve.plan import plan
from fleetgen.evolve.update import pull_templates, update

README = "services/order/README.md"
MAIN = "services/order/src/shop_order/main.py"
HANDLER = "services/order/src/shop_order/application/place_order.py"
STARTED = "Start it with make."


def readme(old: str, new: str) -> dict[str, str | bytes | None]:
    return {"README.md.jinja": shop.source("README.md.jinja").replace(old, new)}


@dataclass(frozen=True)
class Case:
    """A person's commit, a newer release, and what the result must show (so that "both did nothing" is no success)."""

    by_hand: Callable[[Path], None]
    release: dict[str, str | bytes | None]
    shows: Callable[[Path], bool]
    facts: dict[str, Any] = field(default_factory=shop.facts)
    conflicts: tuple[str, ...] = ()


def nothing(root: Path) -> None:
    pass


def rename_title(root: Path) -> None:
    shop.edit(root, README, "Line two.", "Line two, by hand.")


def write_own(root: Path) -> None:
    (root / "services/order/src/shop_order/application/own.py").write_text("OWN = 1\n")


def has(path: str, *texts: str) -> Callable[[Path], bool]:
    return lambda root: all(text in (root / path).read_text() for text in texts)


def lacks(path: str) -> Callable[[Path], bool]:
    return lambda root: not (root / path).exists()


NEW_STEP = readme(STARTED, "Start it with make up.")
TWO_COMMANDS = shop.facts(commands=("PlaceOrder", "CancelOrder"))
CASES = {
    "no edit": Case(nothing, NEW_STEP, has(README, "make up.")),
    "far edit": Case(rename_title, NEW_STEP, has(README, "make up.", "Line two, by hand.")),
    "near edit": Case(
        lambda root: shop.edit(root, README, "Line two.", "Line two, by hand."),
        readme("Line four.", "Line four, newer."),
        has(README, "Line two, by hand.", "Line four, newer."),
    ),
    "conflict": Case(
        lambda root: shop.edit(root, README, STARTED, "Start it by hand."),
        NEW_STEP,
        has(
            README,
            "<<<<<<< before updating\nStart it by hand.\n=======\nStart it with make up.\n>>>>>>> after updating",
        ),
        conflicts=(README,),
    ),
    "same edit": Case(
        lambda root: shop.edit(root, README, STARTED, "Start it with make up."), NEW_STEP, has(README, "make up.")
    ),
    "user delete": Case(lambda root: (root / README).unlink(), NEW_STEP, lacks(README)),
    "own file": Case(write_own, NEW_STEP, has("services/order/src/shop_order/application/own.py", "OWN = 1")),
    "changed facts": Case(
        lambda root: shop.edit(root, HANDLER, "work.publish", "work.log()\n    work.publish"),
        NEW_STEP,
        lambda root: has(README, "- CancelOrder", "make up.")(root)
        and has(HANDLER, "work.log()")(root)
        and has("services/order/src/shop_order/application/cancel_order.py", "CancelOrder")(root),
        facts=TWO_COMMANDS,
    ),
    "fewer facts": Case(nothing, {}, lacks(HANDLER), facts=shop.facts(commands=("CancelOrder",))),
    "added by both": Case(
        lambda root: (root / "services/order/notes.md").write_text("by hand\n"),
        {"notes.md": "by template\n"},
        has("services/order/notes.md", "<<<<<<< before", "by hand", "by template"),
        conflicts=("services/order/notes.md",),
    ),
    "template adds": Case(nothing, {"docs/new.md": "new\n"}, has("services/order/docs/new.md", "new")),
    "template deletes": Case(nothing, {f"src/{shop.PACKAGE}/main.py": None}, lacks(MAIN)),
    "template excludes": Case(
        nothing,
        {"copier.yml": shop.FIRST.files["copier.yml"].content.replace(b"_exclude:", b'_exclude:\n  - "main.py"')},
        has(MAIN, "run()"),
    ),
    "made executable": Case(
        lambda root: (root / MAIN).chmod(0o755),
        {f"src/{shop.PACKAGE}/main.py": shop.source(f"src/{shop.PACKAGE}/main.py").replace("Starts", "Runs")},
        lambda root: bool((root / MAIN).stat().st_mode & 0o100) and has(MAIN, "Runs")(root),
    ),
    "last line": Case(
        lambda root: (root / README).write_text((root / README).read_text() + "\nBy hand."),
        readme("# {{", "# The {{"),
        has(README, "# The ", "\nBy hand."),
    ),
    "windows line ends": Case(
        lambda root: (root / README).write_bytes((root / README).read_bytes().replace(b"\n", b"\r\n")),
        NEW_STEP,
        has(README, "<<<<<<< before updating"),
        conflicts=(README,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_update_gives_what_copier_gives(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    templates = shop.newer(case.release)
    origin = shop.made(tmp_path)
    case.by_hand(origin)
    shop.commit(origin)
    ours = tmp_path / "ours"
    shutil.copytree(origin, ours, symlinks=True)
    assert pull_templates(origin, templates) == ("1.1.0", ())
    shop.commit(origin)
    theirs = tmp_path / "theirs"
    shop.git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{origin}", str(theirs))

    answers = tmp_path / "answers.yml"
    answers.write_text(yaml.safe_dump({"service": case.facts}))
    done = shop.copier_update(theirs / "services/order", tmp_path / "home", "--data-file", str(answers))
    assert done.returncode == 0, done.stderr

    found, diagnostics = update(ours, shop.desired(case.facts), templates)
    assert found is not None, diagnostics
    assert [item.code for item in apply(found)] == ["OUT-4"] * len(case.conflicts)
    assert tuple(action.path for action in found.conflicts) == case.conflicts

    assert shop.tree(ours / "services") == shop.tree(theirs / "services")
    assert case.shows(ours)


def test_copier_alone_updates_a_shallow_clone_and_then_there_is_nothing_to_plan(tmp_path: Path) -> None:
    origin = shop.made(tmp_path)
    rename_title(origin)
    shop.commit(origin)
    templates = shop.newer({**NEW_STEP, "docs/new.md": "new\n"})
    pull_templates(origin, templates)
    shop.commit(origin)
    clone = tmp_path / "clone"
    shop.git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{origin}", str(clone))

    done = shop.copier_update(clone / "services/order", tmp_path / "home")

    assert done.returncode == 0, done.stderr
    assert has(README, "make up.", "Line two, by hand.")(clone)
    assert has("services/order/.copier-answers.yml", "_commit: v1.1.0", "../../.fleetgen/templates.bundle")(clone)
    before = shop.tree(clone)
    found, diagnostics = plan(clone, shop.desired(templates=templates))
    assert found is not None
    assert (found.actions, diagnostics) == ((), ())
    assert apply(found) == ()
    assert shop.tree(clone) == before


def test_copier_alone_updates_every_project_of_the_fleet(tmp_path: Path) -> None:
    root = shop.made(tmp_path)
    templates = shop.newer({**NEW_STEP, "blueprints/monorepo/Makefile": "install:\n\tuv sync\n"})
    pull_templates(root, templates)
    shop.commit(root)
    for project in (".", "libs/chassis-shop", "services/order"):
        done = shop.copier_update(root / project, tmp_path / "home")
        assert done.returncode == 0, done.stderr
        shop.commit(root)
    assert has("Makefile", "uv sync")(root)
    assert has(README, "make up.")(root)
    found, diagnostics = plan(root, shop.desired(templates=templates))
    assert found is not None
    assert (found.actions, diagnostics) == ((), ())


def test_what_copier_updated_is_the_base_of_the_next_change(tmp_path: Path) -> None:
    """The lock does not know the release that copier brought: the recorded answers do."""
    root = shop.made(tmp_path)
    rename_title(root)
    templates = shop.newer(NEW_STEP)
    pull_templates(root, templates)
    shop.commit(root)
    assert shop.copier_update(root / "services/order", tmp_path / "home").returncode == 0
    shop.commit(root)

    shop.applied(root, shop.desired(TWO_COMMANDS, templates=templates))

    assert has(README, "make up.", "Line two, by hand.", "- CancelOrder")(root)
    assert "_commit: v1.1.0" in (root / "services/order/.copier-answers.yml").read_text()
    assert "_commit: v1.0.0" in (root / "libs/chassis-shop/.copier-answers.yml").read_text()
