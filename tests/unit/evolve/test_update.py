from __future__ import annotations

from pathlib import Path

import pytest

import shop
from fleetgen.evolve.apply import apply
from fleetgen.evolve.plan import plan
from fleetgen.evolve.update import pull_templates, releases, update, used_templates
from fleetgen.render import bundle
from fleetgen.render.engine import Draft

README = "services/order/README.md"
NEWER = shop.newer({"README.md.jinja": shop.source("README.md.jinja").replace("with make.", "with make up.")})
BUNDLE = ".fleetgen/templates.bundle"
MACROS = "service-templates/macros/types.jinja"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return shop.made(tmp_path, shop.desired(shop.facts(), shop.facts("payment")))


def wanted() -> shop.Desired:
    return shop.desired(shop.facts(), shop.facts("payment"))


def test_all_projects_go_to_the_new_release_at_once(root: Path) -> None:
    found, diagnostics = update(root, wanted(), NEWER)
    assert found is not None, diagnostics
    assert apply(found) == ()
    for project in (".", "libs/chassis-shop", "services/order", "services/payment"):
        assert "_commit: v1.1.0" in (root / project / ".copier-answers.yml").read_text()
    assert "make up." in (root / README).read_text()
    assert releases(root) == ("1.0.0", "1.1.0")
    again, _ = update(root, wanted(), NEWER)
    assert again is not None
    assert again.empty


@pytest.mark.parametrize("edited", [False, True])
def test_only_what_a_release_changed_is_rendered_and_the_result_is_the_whole(
    edited: bool, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    macro = shop.FIRST.files[MACROS].content.decode().replace('"int": "int"', '"int": "float"')
    release = shop.newer({MACROS: macro, "logo.png": b"new"})
    whole = shop.made(tmp_path / "anew", shop.desired(shop.facts(), shop.facts("payment"), templates=release))
    if edited:
        shop.edit(root, README, "Line two.", "Line 2.")
        shop.edit(whole, README, "Line two.", "Line 2.")
        shop.commit(root)
    rendered: set[str] = set()
    original = Draft.file
    monkeypatch.setattr(Draft, "file", lambda draft, path: (rendered.add(path), original(draft, path))[1])  # type: ignore[func-returns-value]
    found, diagnostics = update(root, wanted(), release)
    assert found is not None, diagnostics
    assert apply(found) == ()
    messages = {f"src/shop_{service}/gen/messages.py" for service in ("order", "payment")}
    assert rendered == {".copier-answers.yml", "logo.png", *messages}
    kept = {path: content for path, content in shop.tree(root).items() if "templates.bundle" not in path}
    assert kept == {path: content for path, content in shop.tree(whole).items() if "templates.bundle" not in path}


def test_apply_stays_at_the_release_of_the_fleet(root: Path) -> None:
    """A newer fleetgen changes nothing until somebody says `update`."""
    carried = shop.desired(shop.facts(), shop.facts("payment"), shop.facts("shipment"), templates=NEWER)
    shop.applied(root, carried)
    assert "with make." in (root / "services/shipment/README.md").read_text()
    assert "_commit: v1.0.0" in (root / "services/shipment/.copier-answers.yml").read_text()
    assert releases(root) == ("1.0.0",)


def test_a_new_fact_and_a_new_release_in_one_step_keep_an_edit(root: Path) -> None:
    shop.edit(root, README, "Line two.", "Line 2.")
    shop.commit(root)
    found, _ = update(root, shop.desired(shop.facts(commands=("PlaceOrder", "PayOrder")), shop.facts("payment")), NEWER)
    assert found is not None
    assert found.yours == ("services/order/src/shop_order/application/pay_order.py",)
    assert apply(found) == ()
    text = (root / README).read_text()
    assert all(part in text for part in ("Line 2.", "- PayOrder", "make up."))


def test_an_edit_outlives_a_file_that_the_template_drops_or_renames(root: Path) -> None:
    shop.edit(root, README, "Line two.", "Line 2.")
    shop.commit(root)
    renamed = shop.newer({"README.md.jinja": None, "READ.md.jinja": shop.source("README.md.jinja")})
    found, diagnostics = update(root, wanted(), renamed)
    assert found is not None
    assert [(item.code, item.span.file) for item in diagnostics if item.span] == [("OUT-6", README)]
    assert apply(found) == ()
    assert "Line 2." in (root / README).read_text()
    assert "Line two." in (root / "services/order/READ.md").read_text()
    assert not (root / "services/payment/README.md").exists()


def test_bytes_that_are_not_utf_8_outlive_an_update(root: Path) -> None:
    content = (root / README).read_bytes().replace(b"Line two.", b"Caf\xe9.")
    (root / README).write_bytes(content)
    shop.commit(root)
    found, _ = update(root, wanted(), NEWER)
    assert found is not None
    assert apply(found) == ()
    assert (root / README).read_bytes() == content.replace(b"with make.", b"with make up.")


def test_a_conflict_in_one_service_does_not_stop_the_others(root: Path) -> None:
    shop.edit(root, README, "Start it with make.", "Start it by hand.")
    shop.commit(root)
    found, _ = update(root, wanted(), NEWER)
    assert found is not None
    assert [item.code for item in apply(found)] == ["OUT-4"]
    assert "make up." in (root / "services/payment/README.md").read_text()
    assert "_commit: v1.1.0" in (root / "services/payment/.copier-answers.yml").read_text()


def test_a_stray_reject_file_elsewhere_throws_nothing_away(root: Path) -> None:
    shop.edit(root, "services/payment/README.md", "Line two.", "Line 2.")
    (root / "services/payment/README.md.rej").write_text("stray\n")
    shop.commit(root)
    found, _ = update(root, wanted(), NEWER)
    assert found is not None
    assert apply(found) == ()
    assert "Line 2." in (root / "services/payment/README.md").read_text()
    assert (root / "services/payment/README.md.rej").read_text() == "stray\n"


def test_templates_are_pulled_without_touching_anything_else(root: Path) -> None:
    before = shop.tree(root)
    assert pull_templates(root, NEWER) == ("1.1.0", ())
    after = shop.tree(root)
    assert {path for path in after if after[path] != before.get(path)} == {BUNDLE}
    assert bundle.versions((root / BUNDLE).read_bytes()) == ("1.0.0", "1.1.0")
    assert pull_templates(root, NEWER) == (None, ())
    found, _ = plan(root, wanted())
    assert found is not None
    assert found.empty


def test_the_release_in_use_is_told(root: Path) -> None:
    used, _ = used_templates(root, NEWER)
    assert used is not None
    assert (used.version, used.digest) == ("1.0.0", shop.FIRST.digest)
    assert used_templates(root.parent, NEWER) == (NEWER, ())
    (root / BUNDLE).unlink()
    assert [item.code for item in used_templates(root, NEWER)[1]] == ["OUT-8"]
    assert [item.code for item in plan(root, shop.desired(templates=NEWER))[1]] == ["OUT-8"]


def test_the_release_in_use_is_that_of_an_update_that_was_killed_after_its_commit(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the files of the whole fleet would be rendered with the old release, beside projects of the new one."""
    found, _ = update(root, wanted(), NEWER)
    assert found is not None

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("fleetgen.evolve.journal._carry_out", killed)
        apply(found)
    assert used_templates(root, NEWER) == (NEWER, ())
    assert "_commit: v1.1.0" in (root / ".copier-answers.yml").read_text()


def test_an_update_needs_a_fleet(tmp_path: Path) -> None:
    found, diagnostics = update(tmp_path, wanted(), NEWER)
    assert found is None
    assert [item.code for item in diagnostics] == ["OUT-17"]


def test_a_project_ahead_of_the_release_is_not_taken_back(root: Path) -> None:
    newest = shop.newer({}, "2.0.0")
    pull_templates(root, newest)
    answers = root / "services/order/.copier-answers.yml"
    answers.write_text(answers.read_text().replace("v1.0.0", "v2.0.0"))
    shop.commit(root)
    found, _ = update(root, wanted(), NEWER)
    assert found is not None
    apply(found)
    assert "_commit: v2.0.0" in answers.read_text()
