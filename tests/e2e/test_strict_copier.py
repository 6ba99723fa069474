"""`update --strict-copier` against copier's own command: the same files, modes and index entries, case by case.

One fleet holds a service for each case, so that each is also updated between others that are in a worse state.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

import shop
from fleetgen.evolve.actions import Plan
from fleetgen.evolve.apply import apply
from fleetgen.evolve.update import pull_templates, update

ONCE = shop.FIRST.files["copier.yml"].content + b"_skip_if_exists: [once.md]\n"
FIRST = shop.newer(
    {
        "copier.yml": ONCE,
        "once.md": "given once\n",
        "gone.md": "one\ntwo\nthree\n",
        "moved.md": "one\ntwo\nthree\n",
        "table.csv": "a;b\nc;d\ne;f\n",
    },
    "1.0.0",
)
SECOND = shop.newer(
    {
        "README.md.jinja": shop.source("README.md.jinja").replace("with make.", "with make up."),
        f"src/{shop.PACKAGE}/main.py": shop.source(f"src/{shop.PACKAGE}/main.py").replace("Starts", "Runs"),
        "once.md": "given once, newer\n",
        "gone.md": None,
        "moved.md": None,
        "arrived.md": "one\ntwo\nthree\n",
        "table.csv": "a;b\nc;d\nnewer;f\n",
        "notes.md": "by template\n",
    },
    of=FIRST,
)


@dataclass(frozen=True)
class Case:
    """A person's commit to a service, what the result shows, and the edits that copier gives up."""

    by_hand: Callable[[Path], object]
    shows: Callable[[Path], bool]
    facts: dict[str, Any] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()


def edit(path: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda service: shop.edit(service, path, old, new)


def has(path: str, *texts: str) -> Callable[[Path], bool]:
    return lambda service: all(text.encode() in (service / path).read_bytes() for text in texts)


def runs(service: Path) -> Path:
    return next(service.glob("src/*/main.py"))


def executable_and_in_conflict(service: Path) -> None:
    shop.edit(service, "README.md", "with make.", "by hand.")
    (service / "README.md").chmod(0o755)


def latin(service: Path) -> None:
    (service / "table.csv").write_bytes(b"caf\xe9;b\nc;d\ne;f\n")


CASES = {
    "untouched": Case(
        lambda _: None,
        lambda at: has("README.md", "make up.")(at) and (at / "once.md").read_text() == "given once\n",
    ),
    "far": Case(edit("README.md", "Line two.", "Line 2."), has("README.md", "make up.", "Line 2.")),
    "conflict": Case(
        edit("README.md", "with make.", "by hand."),
        has("README.md", "<<<<<<< before updating\nStart it by hand.\n=======\nStart it with make up.\n>>>>>>> after"),
        conflicts=("README.md",),
    ),
    "deleted": Case(lambda service: (service / "README.md").unlink(), lambda at: not (at / "README.md").exists()),
    "renamed": Case(
        lambda service: (service / "README.md").rename(service / "READ.md"),
        lambda at: has("READ.md", "with make.")(at) and not (at / "README.md").exists(),
    ),
    "own": Case(lambda service: (service / "own.py").write_text("OWN = 1\n"), has("own.py", "OWN = 1")),
    "both": Case(
        lambda service: (service / "notes.md").write_text("by hand\n"),
        has("notes.md", "<<<<<<< before", "by hand", "by template"),
        conflicts=("notes.md",),
    ),
    "mode": Case(
        lambda service: runs(service).chmod(0o755),
        lambda at: bool(runs(at).stat().st_mode & 0o100) and "Runs" in runs(at).read_text(),
    ),
    "modeconflict": Case(
        executable_and_in_conflict,
        lambda at: bool((at / "README.md").stat().st_mode & 0o100) and has("README.md", "<<<<<<<")(at),
        conflicts=("README.md",),
    ),
    "dropped": Case(
        edit("gone.md", "two", "2"), lambda at: not (at / "gone.md").exists(), given_up=("gone.md",)
    ),
    "moved": Case(
        edit("moved.md", "two", "2"),
        lambda at: has("arrived.md", "two")(at) and not (at / "moved.md").exists(),
        given_up=("moved.md",),
    ),
    "facts": Case(
        lambda _: None,
        lambda at: has("README.md", "- CancelOrder")(at) and any(at.glob("src/*/application/cancel_order.py")),
        facts={"commands": ("PlaceOrder", "CancelOrder")},
    ),
    "once": Case(lambda service: (service / "once.md").unlink(), has("once.md", "newer")),
    "onceedited": Case(edit("once.md", "given", "mine"), lambda at: (at / "once.md").read_text() == "mine once\n"),
    "binary": Case(
        lambda service: (service / "logo.png").write_bytes(b"\0mine"),
        lambda at: (at / "logo.png").read_bytes() == shop.FIRST.files[f"{shop.SERVICE}/logo.png"].content,
        given_up=("logo.png",),
    ),
    "latin": Case(latin, lambda at: b"newer;f" in (at / "table.csv").read_bytes()),
    "generated": Case(
        lambda service: next(service.glob("src/*/gen/messages.py")).unlink(),
        lambda at: not list(at.glob("src/*/gen/messages.py")),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Both:
    """The fleet after copier's command, after ours, and the index entries of conflicts."""

    theirs: Path
    ours: Path
    their_stages: list[str]
    our_stages: list[str]
    plan: Plan
    given_up: frozenset[str]


def unmerged(root: Path, *under: str) -> list[str]:
    return shop.git(root, "ls-files", "-s", "-u", "--", *under).splitlines()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("strict")
    old = [shop.facts(name) for name in CASES]
    new = [shop.facts(name, **case.facts) for name, case in CASES.items()]
    theirs = shop.made(folder, shop.desired(*old, templates=FIRST))
    for name, case in CASES.items():
        case.by_hand(theirs / "services" / name)
    shop.commit(theirs)
    ours = folder / "ours"
    shutil.copytree(theirs, ours, symlinks=True)
    pull_templates(theirs, SECOND)
    shop.commit(theirs)
    stages = []
    projects = [".", "libs/chassis-shop", *(f"services/{name}" for name in sorted(CASES))]
    for project in projects:
        facts = next((known for known in new if project == f"services/{known['name']}"), None)
        answers = folder / "answers.yml"
        answers.write_text(yaml.safe_dump({"service": facts}) if facts else "{}")
        done = shop.copier_update(theirs / project, folder / "home", "--data-file", str(answers))
        assert done.returncode == 0, done.stderr
        stages += unmerged(theirs)
        shop.commit(theirs)
    wanted = shop.desired(*new, templates=FIRST)
    before = shop.tree(ours)
    made, diagnostics = update(ours, wanted, SECOND, strict=True)
    assert made is not None, diagnostics
    assert shop.tree(ours) == before, "planning writes nothing"
    assert shop.git(ours, "worktree", "list").count("\n") == 1
    given_up = {item.span.file for item in diagnostics if item.code == "OUT-23" and item.span}
    assert {item.code for item in diagnostics} == {"OUT-23"}
    assert {item.code for item in apply(made)} == {"OUT-4"}
    again, _ = update(ours, wanted, SECOND, strict=True)
    assert again is not None
    assert again.empty
    return Both(theirs, ours, stages, unmerged(ours), made, frozenset(given_up))


@pytest.mark.parametrize("name", CASES)
def test_strict_is_copier(name: str, both: Both) -> None:
    case, place = CASES[name], f"services/{name}"
    assert shop.tree(both.ours / place) == shop.tree(both.theirs / place)
    assert case.shows(both.ours / place)
    assert unmerged(both.ours, place) == [line for line in both.their_stages if f"\t{place}/" in line]
    assert len(unmerged(both.ours, place)) >= 2 * len(case.conflicts)
    assert {action.path for action in both.plan.conflicts if action.path.startswith(f"{place}/")} == {
        f"{place}/{path}" for path in case.conflicts
    }
    assert {path for path in both.given_up if path.startswith(f"{place}/")} == {f"{place}/{p}" for p in case.given_up}


def test_root_and_chassis_are_copiers_too(both: Both) -> None:
    for fleet in (both.ours, both.theirs):
        assert "_commit: v1.1.0" in (fleet / ".copier-answers.yml").read_text()
    ours, theirs = shop.tree(both.ours), shop.tree(both.theirs)
    assert {path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)} == {"fleet.lock"}
    assert sorted(both.our_stages) == sorted(both.their_stages)


def test_strict_needs_commits(tmp_path: Path) -> None:
    root = shop.made(tmp_path)
    shop.edit(root, "services/order/README.md", "Line two.", "Line 2.")
    before = shop.tree(root)
    made, diagnostics = update(root, shop.desired(), shop.newer({"new.md": "new\n"}), strict=True)
    assert made is None
    assert [item.code for item in diagnostics] == ["OUT-22"]
    shutil.rmtree(root / ".git")
    _, diagnostics = update(root, shop.desired(), shop.newer({"new.md": "new\n"}), strict=True)
    assert [item.code for item in diagnostics] == ["OUT-22"]
    assert shop.tree(root) == before


def test_an_ignored_file_in_the_way_is_not_overwritten(tmp_path: Path) -> None:
    root = shop.made(tmp_path)
    (root / ".gitignore").write_text("new.md\n")
    shop.commit(root)
    (root / "services/order/new.md").write_text("mine\n")
    made, diagnostics = update(root, shop.desired(), shop.newer({"new.md": "new\n"}), strict=True)
    assert made is None
    assert [(item.code, item.span.file) for item in diagnostics if item.span] == [("OUT-3", "services/order/new.md")]


def test_a_fleet_deep_in_a_repository(tmp_path: Path) -> None:
    shop.git(tmp_path, "init", "--quiet")
    root = shop.made(tmp_path)
    shop.edit(root, "services/order/README.md", "with make.", "by hand.")
    shop.commit(tmp_path)
    newer = shop.newer({"README.md.jinja": shop.source("README.md.jinja").replace("with make.", "with make up.")})
    made, diagnostics = update(root, shop.desired(), newer, strict=True)
    assert made is not None, diagnostics
    assert [item.code for item in apply(made)] == ["OUT-4"]
    assert [line.split("\t")[1] for line in unmerged(tmp_path)] == ["fleet/services/order/README.md"] * 3


def test_what_copier_refuses_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    root = shop.made(tmp_path)
    before = shop.tree(root)
    broken = shop.FIRST.files["copier.yml"].content + b'_min_copier_version: "99.0.0"\n'
    made, diagnostics = update(root, shop.desired(), shop.newer({"copier.yml": broken}), strict=True)
    assert made is None
    assert [item.code for item in diagnostics] == ["OUT-15"]
    assert shop.tree(root) == before
    assert shop.git(root, "worktree", "list").count("\n") == 1
