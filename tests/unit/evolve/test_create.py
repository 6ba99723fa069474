from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import shop
from fleetgen.evolve.create import create
from fleetgen.evolve.plan import plan
from fleetgen.render.files import File

SEEDS = {"fleet.yaml": File(b"fleet: shop\n")}


def test_a_new_fleet_is_a_repository_with_one_clean_commit(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "fleet"
    assert create(root, shop.desired(), SEEDS) == ()
    assert shop.git(root, "status", "--short", "--ignored") == ""
    assert shop.git(root, "rev-list", "--count", "HEAD") == "1\n"
    assert set(shop.git(root, "ls-files").split()) == set(shop.tree(root))
    assert (root / "fleet.yaml").read_text() == "fleet: shop\n"
    assert [path.name for path in root.parent.iterdir()] == ["fleet"]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir()
    assert create(tmp_path / "fleet", shop.desired()) == ()
    assert (tmp_path / "fleet/fleet.lock").is_file()


def test_inside_a_repository_no_other_is_made(tmp_path: Path) -> None:
    shop.git(tmp_path, "init", "--quiet")
    assert create(tmp_path / "fleet", shop.desired()) == ()
    assert not (tmp_path / "fleet/.git").exists()
    assert shop.git(tmp_path, "status", "--short") == "?? fleet/\n"


def test_copier_and_plan_work_below_the_top_of_a_repository(tmp_path: Path) -> None:
    shop.git(tmp_path, "init", "--quiet")
    root = tmp_path / "fleet"
    assert create(root, shop.desired()) == ()
    shop.commit(tmp_path)
    shop.edit(root, "services/order/README.md", "Line two.", "Line 2.")
    found, diagnostics = plan(root, shop.desired(shop.facts(commands=("PlaceOrder", "PayOrder"))))
    assert found is None
    assert [(item.code, item.span.file) for item in diagnostics if item.span] == [("OUT-2", "services/order/README.md")]


@pytest.mark.parametrize("what", ["full folder", "file", "link"])
def test_an_occupied_place_is_left_alone(what: str, tmp_path: Path) -> None:
    root = tmp_path / "fleet"
    if what == "full folder":
        root.mkdir()
        (root / "mine").write_text("mine")
    elif what == "file":
        root.write_text("mine")
    else:
        (tmp_path / "elsewhere").mkdir()
        root.symlink_to(tmp_path / "elsewhere")
    before = shop.tree(tmp_path)
    assert [item.code for item in create(root, shop.desired())] == ["OUT-14"]
    assert shop.tree(tmp_path) == before


def test_on_an_error_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = shop.desired(templates=shop.newer({"README.md.jinja": "{{ service.unknown }}"}))
    assert [item.code for item in create(tmp_path / "fleet", broken)] == ["OUT-11"]
    seeds = {"README.md": File(b"twice")}
    assert [item.code for item in create(tmp_path / "fleet", shop.desired(), seeds)] == ["OUT-13"]
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert [item.code for item in create(tmp_path / "fleet", shop.desired())] == ["OUT-15"]
    assert list(tmp_path.iterdir()) == []


def test_same_specification_same_bytes_in_another_place_language_and_order_of_hashes(tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(shop.__file__).parent)!r}); import shop; from pathlib import Path;"
        "assert shop.create(Path(sys.argv[1]), shop.desired(shop.facts(), shop.facts('payment'))) == ()"
    )
    trees = []
    for number, setting in enumerate(
        [
            {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
            {"TZ": "America/New_York", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4242", "GIT_COMMITTER_NAME": "Eve"},
        ]
    ):
        folder = tmp_path / f"place {number}" / "fleet"
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **setting}
        subprocess.run([sys.executable, "-c", script, str(folder)], env=environment, check=True)
        trees.append(shop.tree(folder))
    assert trees[0] == trees[1]
    assert len(trees[0]) > 20
