from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

import shop
from fleetgen.evolve import journal
from fleetgen.evolve.actions import Plan
from fleetgen.evolve.apply import apply
from fleetgen.evolve.plan import plan

README = "services/order/README.md"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return shop.made(tmp_path)


@pytest.fixture
def made(root: Path) -> Plan:
    found, _ = plan(root, shop.desired(shop.facts(commands=("PlaceOrder", "CancelOrder"))))
    assert found is not None
    return found


def test_twice_is_nothing(root: Path, made: Plan) -> None:
    assert apply(made) == ()
    after = shop.tree(root)
    again, _ = plan(root, shop.desired(shop.facts(commands=("PlaceOrder", "CancelOrder"))))
    assert again is not None
    assert again.empty
    assert apply(again) == ()
    assert shop.tree(root) == after


def test_a_tree_that_moved_on_is_not_written(root: Path, made: Plan) -> None:
    (root / README).write_text("edited after the plan\n")
    before = shop.tree(root)
    assert [item.code for item in apply(made)] == ["OUT-9"]
    assert shop.tree(root) == before


def test_a_link_made_after_the_plan_is_not_followed(root: Path, made: Plan, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (root / "services/order/src").rename(outside)
    (root / "services/order/src").symlink_to(outside)
    before = shop.tree(outside)
    assert {item.code for item in apply(made)} == {"OUT-3"}
    assert shop.tree(outside) == before
    (root / ".fleetgen").rename(tmp_path / "state")
    (root / ".fleetgen").symlink_to(tmp_path / "state")
    (root / "services/order/src").unlink()
    outside.rename(root / "services/order/src")
    assert [item.code for item in apply(made)] == ["OUT-15"]
    assert not (tmp_path / "state/apply").exists()


@pytest.mark.parametrize("name", ["write", "open", "replace", "fsync"])
def test_a_full_disk_leaves_the_old_tree(name: str, root: Path, made: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.tree(root)
    original, calls = getattr(os, name), []

    def full(*arguments: Any, **options: Any) -> Any:
        if name != "open" or arguments[1] & os.O_CREAT:
            calls.append(name)
            if len(calls) == (1 if name == "replace" else 4):
                raise OSError(errno.ENOSPC, "No space left on device")
        return original(*arguments, **options)

    monkeypatch.setattr(os, name, full)
    diagnostics = apply(made)
    assert [item.code for item in diagnostics] == ["OUT-15"]
    assert "No space left" in diagnostics[0].message
    assert shop.tree(root) == before


def test_only_one_writes_at_a_time(root: Path, made: Plan) -> None:
    before = shop.tree(root)
    with journal.exclusive(root):
        assert [item.code for item in apply(made)] == ["OUT-16"]
    assert shop.tree(root) == before
    assert apply(made) == ()


def test_the_umask_decides_who_may_read(root: Path, made: Plan) -> None:
    mask = os.umask(0o077)
    try:
        assert apply(made) == ()
    finally:
        os.umask(mask)
    assert (root / README).stat().st_mode & 0o777 == 0o600


def test_nothing_of_the_staging_is_left_or_seen_by_git(root: Path, made: Plan) -> None:
    assert apply(made) == ()
    assert not (root / ".fleetgen/apply").exists()
    assert ".fleetgen" not in shop.git(root, "status", "--short")
