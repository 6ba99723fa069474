"""What is remembered of a plan of nothing, and all that makes it forgotten."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import shop
from fleetgen.evolve import settled
from fleetgen.evolve.settled import Settled

README = "services/order/README.md"
GENERATED = "services/order/src/shop_order/gen/messages.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = shop.made(tmp_path)
    (made / "fleet.yaml").write_text("fleet: shop\n")
    return made


def _written(path: str, text: str = "other\n") -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    return write


def _linked_folder(root: Path) -> None:
    folder = root / "services/order"
    folder.rename(root / "elsewhere")
    folder.symlink_to(root / "elsewhere")


def _linked(root: Path) -> None:
    (root / README).rename(root / "kept.md")
    (root / README).symlink_to(root / "kept.md")


CHANGES: dict[str, Callable[[Path], None]] = {
    "the specification": _written("fleet.yaml"),
    "a context in a file of its own": _written("contexts/order.yaml"),
    "a generated file": _written(GENERATED),
    "a file of a person that fleetgen wrote first": _written(README),
    "the answers": _written("services/order/.copier-answers.yml"),
    "the lock": lambda root: (root / "fleet.lock").write_bytes((root / "fleet.lock").read_bytes() + b"\n") and None,
    "a broken lock": _written("fleet.lock"),
    "a released contract": _written("contracts/released/order/v1.avsc"),
    "a template of one's own": _written(".fleetgen/templates/mine.yaml"),
    "an interrupted write": _written(".fleetgen/apply/journal"),
    "a file that is gone": lambda root: (root / README).unlink(),
    "a mode": lambda root: (root / README).chmod(0o755),
    "a link in place of a file": _linked,
    "a link in place of a folder": _linked_folder,
}


def test_what_is_remembered_holds(root: Path) -> None:
    assert not Settled(root, ("plan",)).holds()
    Settled(root, ("plan",)).remember()
    assert Settled(root, ("plan",)).holds()
    assert Settled(Path(os.path.relpath(root)), ("plan",)).holds()
    assert not Settled(root, ("update",)).holds()


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_noticed(what: str, root: Path) -> None:
    Settled(root, ()).remember()
    CHANGES[what](root)
    assert not Settled(root, ()).holds()


def test_what_a_linked_specification_says_is_noticed(root: Path, tmp_path: Path) -> None:
    (root / "fleet.yaml").rename(tmp_path / "kept.yaml")
    (root / "fleet.yaml").symlink_to(tmp_path / "kept.yaml")
    Settled(root, ()).remember()
    assert Settled(root, ()).holds()
    (tmp_path / "kept.yaml").write_text("fleet: other\n")
    assert not Settled(root, ()).holds()


def test_what_no_plan_reads_may_change(root: Path) -> None:
    Settled(root, ()).remember()
    _written("services/order/src/shop_order/own_idea.py")(root)
    _written("notes.md")(root)
    assert Settled(root, ()).holds()


@pytest.mark.parametrize("part", ["_PACKAGE", "carried_folders"])
def test_another_fleetgen_remembers_nothing(
    part: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "fleetgen"
    _written("fleetgen/plan.py", "1\n")(tmp_path)
    monkeypatch.setattr(settled, part, other if part == "_PACKAGE" else lambda: (other,))
    Settled(root, ()).remember()
    assert Settled(root, ()).holds()
    _written("fleetgen/plan.py", "2\n")(tmp_path)
    assert not Settled(root, ()).holds()


def test_a_library_that_was_installed_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Settled(root, ()).remember()
    monkeypatch.setattr(settled, "_installed", lambda: 1)
    assert not Settled(root, ()).holds()


def test_where_nothing_can_be_kept_nothing_fails(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    Settled(root, ()).remember()
    assert not Settled(root, ()).holds()
