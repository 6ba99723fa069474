"""What plain copier does wrong in a monorepo, and that `fleetgen update` does not: both in the same test."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

import shop
from fleetgen.cli.outcome import carry_out
from fleetgen.evolve.actions import Plan
from fleetgen.evolve.apply import apply
from fleetgen.evolve.update import pull_templates, update
from fleetgen.render.templates import Templates

ORDER, PAYMENT = "services/order", "services/payment"
FIRST = shop.newer({"guide.md": "one\ntwo\nthree\nfour\nfive\nsix\n"}, "1.0.0")
NEW_STEP = {"README.md.jinja": shop.source("README.md.jinja").replace("with make.", "with make up.")}
MARKER = "<<<<<<< before updating"


@dataclass(frozen=True)
class Fleets:
    """Two copies of one fleet: one for copier's command, one for fleetgen."""

    theirs: Path
    ours: Path
    home: Path

    def copier(self, service: str) -> int:
        return shop.copier_update(self.theirs / service, self.home).returncode

    def plan(self, release: Templates) -> Plan:
        found, diagnostics = update(self.ours, wanted(), release)
        assert found is not None, diagnostics
        return found


def wanted() -> shop.Desired:
    return shop.desired(shop.facts(), shop.facts("payment"), templates=FIRST)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return shop.made(tmp_path, wanted())


def fleets(origin: Path, release: Templates) -> Fleets:
    """After the person's commit: the release is at hand for both."""
    shop.commit(origin)
    ours = origin.parent / "ours"
    shutil.copytree(origin, ours, symlinks=True)
    pull_templates(origin, release)
    shop.commit(origin)
    return Fleets(origin, ours, origin.parent / "home")


def text(root: Path, path: str) -> str:
    return (root / path).read_text()


def test_conflicts_are_told_by_the_exit_code(origin: Path) -> None:
    release = shop.newer(NEW_STEP, of=FIRST)
    shop.edit(origin, f"{ORDER}/README.md", "with make.", "by hand.")
    both = fleets(origin, release)

    assert both.copier(ORDER) == 0
    assert MARKER in text(both.theirs, f"{ORDER}/README.md")

    with pytest.raises(typer.Exit) as ended:
        carry_out(both.plan(release))
    assert ended.value.exit_code == 3
    assert MARKER in text(both.ours, f"{ORDER}/README.md")


def test_a_conflict_does_not_stop_the_next_service(origin: Path) -> None:
    release = shop.newer(NEW_STEP, of=FIRST)
    shop.edit(origin, f"{ORDER}/README.md", "with make.", "by hand.")
    both = fleets(origin, release)

    assert both.copier(ORDER) == 0
    assert both.copier(PAYMENT) != 0
    assert "make up." not in text(both.theirs, f"{PAYMENT}/README.md")

    assert [item.code for item in apply(both.plan(release))] == ["OUT-4"]
    assert "make up." in text(both.ours, f"{PAYMENT}/README.md")
    later = shop.newer({"guide.md": "uno\ntwo\nthree\nfour\nfive\nsix\n"}, "1.2.0", of=release)
    assert apply(both.plan(later)) == (), "a conflict that is still there matters to its own file only"
    assert text(both.ours, f"{PAYMENT}/guide.md").startswith("uno\n")


def test_what_an_update_deleted_stays_deleted_without_a_commit(origin: Path) -> None:
    release = shop.newer({"guide.md": None}, of=FIRST)
    both = fleets(origin, release)

    assert both.copier(ORDER) == 0
    assert not (both.theirs / ORDER / "guide.md").exists()
    assert both.copier(PAYMENT) == 0
    assert (both.theirs / ORDER / "guide.md").exists(), "back again"

    assert apply(both.plan(release)) == ()
    assert apply(both.plan(shop.newer(NEW_STEP, "1.2.0", of=release))) == ()
    assert "make up." in text(both.ours, f"{PAYMENT}/README.md")
    assert not (both.ours / ORDER / "guide.md").exists()
    assert not (both.ours / PAYMENT / "guide.md").exists()


def test_bytes_that_are_not_utf_8_are_kept(origin: Path) -> None:
    release = shop.newer({"guide.md": "one\ntwo\nthree\nfour\nfive\nnewer\n"}, of=FIRST)
    (origin / ORDER / "guide.md").write_bytes(b"caf\xe9\ntwo\nthree\nfour\nfive\nsix\n")
    both = fleets(origin, release)

    both.copier(ORDER)
    assert b"caf\xe9" not in (both.theirs / ORDER / "guide.md").read_bytes()

    assert apply(both.plan(release)) == ()
    assert (both.ours / ORDER / "guide.md").read_bytes() == b"caf\xe9\ntwo\nthree\nfour\nfive\nnewer\n"


def test_a_changed_binary_is_kept(origin: Path) -> None:
    release = shop.newer(NEW_STEP, of=FIRST)
    (origin / ORDER / "logo.png").write_bytes(b"\0mine")
    both = fleets(origin, release)

    assert both.copier(ORDER) == 0
    assert (both.theirs / ORDER / "logo.png").read_bytes() != b"\0mine"

    assert apply(both.plan(release)) == ()
    assert (both.ours / ORDER / "logo.png").read_bytes() == b"\0mine"
    assert "make up." in text(both.ours, f"{ORDER}/README.md")


def test_a_stray_reject_file_harms_nothing(origin: Path) -> None:
    """Of an update that somebody else left in the middle: the edit beside it is not committed yet."""
    release = shop.newer({"guide.md": "one\ntwo\nthree\nfour\nfive\nnewer\n"}, of=FIRST)
    both = fleets(origin, release)
    for fleet in (both.theirs, both.ours):
        shop.edit(fleet, f"{PAYMENT}/README.md", "Line two.", "Line 2, by hand.")
        (fleet / PAYMENT / "README.md.rej").write_text("stray\n")

    both.copier(ORDER)
    assert "by hand" not in text(both.theirs, f"{PAYMENT}/README.md")

    assert apply(both.plan(release)) == ()
    assert "by hand" in text(both.ours, f"{PAYMENT}/README.md")
    assert text(both.ours, f"{PAYMENT}/README.md.rej") == "stray\n"
    assert "newer" in text(both.ours, f"{ORDER}/guide.md")


@pytest.mark.parametrize(
    "release",
    [
        shop.newer({"guide.md": None}, of=FIRST),
        shop.newer({"guide.md": None, "handbook.md": FIRST.files[f"{shop.SERVICE}/guide.md"].content}, of=FIRST),
    ],
    ids=["deleted", "renamed"],
)
def test_an_edit_outlives_the_file_of_the_template(origin: Path, release: Templates) -> None:
    shop.edit(origin, f"{ORDER}/guide.md", "two", "two, by hand")
    both = fleets(origin, release)

    assert both.copier(ORDER) == 0
    assert not [path for path, (content, _) in shop.tree(both.theirs).items() if b"two, by hand" in content]

    made, diagnostics = update(both.ours, wanted(), release)
    assert made is not None
    assert [(item.code, item.span.file) for item in diagnostics if item.span] == [("OUT-6", f"{ORDER}/guide.md")]
    assert apply(made) == ()
    assert "two, by hand" in text(both.ours, f"{ORDER}/guide.md")
    assert not (both.ours / PAYMENT / "guide.md").exists()
