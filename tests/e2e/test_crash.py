"""Kill `apply` at each call that changes the disk: afterwards the tree is the old one or the new one."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

import shop
from fleetgen.evolve.actions import Plan
from fleetgen.evolve.apply import apply
from fleetgen.evolve.create import create
from fleetgen.evolve.journal import recover
from fleetgen.evolve.plan import plan

CHANGING = (
    "write",
    "replace",
    "rename",
    "unlink",
    "remove",
    "mkdir",
    "rmdir",
    "chmod",
    "fsync",
    "symlink",
    "link",
    "truncate",
)


def killed_at(call: int, action: Callable[[], object]) -> bool:
    """Run `action` in a child that kills itself at the given call; whether it got that far."""
    child = os.fork()
    if child == 0:
        try:
            _die_at(call)
            action()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _die_at(call: int) -> None:
    left = count(call - 1, -1)

    def deadly(name: str, original: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object, **options: object) -> object:
            creates = name != "open" or bool(int(arguments[1]) & os.O_CREAT)  # type: ignore[call-overload]
            if creates and next(left) == 0:
                if name == "write":  # half of it reaches the disk
                    original(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])  # type: ignore[call-overload,arg-type]
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **options)

        return wrapped

    for name in (*CHANGING, "open"):
        setattr(os, name, deadly(name, getattr(os, name)))


@pytest.fixture
def changing(tmp_path: Path) -> tuple[Path, Plan]:
    """A fleet and a plan that adds, changes, merges, deletes, and makes and removes folders."""
    root = shop.made(tmp_path, shop.desired(shop.facts(commands=("PlaceOrder",)), shop.facts("payment")))
    shop.edit(root, "services/order/README.md", "Line three.", "Line 3, by hand.")
    shop.commit(root)
    wanted = shop.desired(shop.facts(commands=("CancelOrder",)), shop.facts("shipment"), title="Shops")
    found, diagnostics = plan(root, wanted)
    assert found is not None, diagnostics
    assert {action.kind.value for action in found.actions} == {"add", "change", "merge", "delete"}
    shutil.rmtree(root / ".git")  # planning asks git, applying does not: the copies below stay small
    return root, found


def crashes(root: Path, action: Callable[[], object], copy: Path) -> Iterator[int]:
    """Every way to die: for each, the tree is put back as it was and the action killed one call later."""
    for call in count(1):
        shutil.rmtree(root)
        shutil.copytree(copy, root, symlinks=True)
        if not killed_at(call, action):
            return
        yield call


def test_the_tree_is_old_or_new_wherever_apply_is_killed(changing: tuple[Path, Plan], tmp_path: Path) -> None:
    root, found = changing
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, symlinks=True)
    old = shop.tree(root)
    assert apply(found) == ()
    new = shop.tree(root)
    assert old != new
    seen = []
    for _ in crashes(root, lambda: apply(found), copy):
        assert recover(root) == ()
        now = shop.tree(root)
        assert now in (old, new)
        seen.append(now == new)
        assert not (root / ".fleetgen/apply").exists()
        assert not [folder for folder in root.glob("services/**/") if not any(folder.iterdir())]
    assert len(seen) > 3 * len(found.actions)
    assert seen == sorted(seen), "once committed, always new"
    assert 0 < sum(seen) < len(seen)


def test_recovery_may_be_killed_too(changing: tuple[Path, Plan], tmp_path: Path) -> None:
    root, found = changing
    copy, crashed = tmp_path / "copy", tmp_path / "crashed"
    shutil.copytree(root, copy, symlinks=True)
    old = shop.tree(root)
    assert apply(found) == ()
    new = shop.tree(root)
    twice = 0
    for call in crashes(root, lambda: apply(found), copy):
        if call % 13:  # a sample: the crashes of a crash are many
            continue
        shutil.rmtree(crashed, ignore_errors=True)
        shutil.copytree(root, crashed, symlinks=True)
        for _ in crashes(root, lambda: recover(root), crashed):
            twice += 1
            assert recover(root) == ()
            assert shop.tree(root) in (old, new)
    assert twice > 50


def test_every_command_recovers_first(changing: tuple[Path, Plan]) -> None:
    root, found = changing
    calls = 0
    while not (root / ".fleetgen/apply/journal.json").exists():
        calls += 1
        assert recover(root) == ()
        assert killed_at(calls, lambda: apply(found))
    wanted = shop.desired(shop.facts(commands=("CancelOrder",)), shop.facts("shipment"), title="Shops")
    again, diagnostics = plan(root, wanted)
    assert again is not None, diagnostics
    assert again.empty


def test_recovery_does_not_overwrite_what_was_edited_meanwhile(changing: tuple[Path, Plan]) -> None:
    root, found = changing
    calls = 0
    while not (root / ".fleetgen/apply/journal.json").exists():
        calls += 1
        assert recover(root) == ()
        assert killed_at(calls, lambda: apply(found))
    (root / "README.md").write_text("edited after the crash\n")
    assert [item.code for item in recover(root)] == ["OUT-10"]
    assert plan(root, shop.desired())[0] is None
    assert (root / "README.md").read_text() == "edited after the crash\n"


def test_a_new_fleet_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    wanted = shop.desired()
    assert create(tmp_path / "whole", wanted) == ()
    whole = shop.tree(tmp_path / "whole")
    folder = tmp_path / "fleet"
    for call in count(1):
        killed = killed_at(call, lambda: create(folder, wanted))
        if not killed:
            break
        assert not folder.exists() or shop.tree(folder) == whole
        shutil.rmtree(folder, ignore_errors=True)
    assert shop.tree(folder) == whole
    assert call > 20
