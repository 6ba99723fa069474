"""A template of a person's own as a stack, on the command line: added, generated, updated by fleetgen and by copier."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import own_templates
import shop
from fleetgen.cli.app import app
from fleetgen.core.resources import sample

README = "services/payment/README.md"
PLACE = ".fleetgen/templates/mine.bundle"
SLUG = own_templates.SLUG
KINDS = {"cookiecutter": own_templates.COOKIECUTTER, "copier": own_templates.COPIER}
SOURCES = {"cookiecutter": f"{SLUG}/README.md", "copier": "project/README.md.jinja"}


def run(*command: str, code: int = 0) -> str:
    """Run a command of fleetgen in this process; all it said."""
    result = CliRunner().invoke(app, command)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def specification(tmp_path: Path) -> Path:
    """The starter, with payment from the stack `mine`."""
    source = sample("starter")
    assert source is not None
    folder = tmp_path / "specification"
    folder.mkdir()
    head, tail = (source / "fleet.yaml" if source.is_dir() else source).read_text().split("\n  payment:\n", 1)
    text = f"{head}\n  payment:\n{tail.replace('stack: python', 'stack: mine', 1)}"
    (folder / "fleet.yaml").write_text(text)
    return folder


def made(kind: str, specification: Path) -> Path:
    """A fleet whose payment comes from a template of that kind, committed."""
    template = own_templates.write(specification.parent / "template", KINDS[kind])
    said = run("templates", "add", "mine", str(template), "--set", "port=9090", "--root", str(specification))
    assert f"from a {kind} template, release v1" in said
    root = specification.parent / "fleet"
    run("new", "--spec", str(specification), str(root))
    return root


def newer(kind: str, root: Path) -> str:
    """A newer version of the same template, added."""
    template = root.parent / "template"
    place = template / SOURCES[kind]
    place.write_text(place.read_text() + "\nNewer.\n")
    return run("templates", "add", "mine", str(template), "--root", str(root))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fleet_is_written_with_a_service_of_the_own_stack(kind: str, specification: Path) -> None:
    root = made(kind, specification)
    answers = yaml.safe_load((root / "services/payment/.copier-answers.yml").read_text())
    assert answers["_src_path"] == f"../../{PLACE}"
    assert (answers["project_name"], str(answers["port"]), answers["_commit"]) == ("Payment", "9090", "v1")
    assert "9090" in (root / README).read_text()
    said = run("plan", "--root", str(root))
    assert "TPL-10" in said
    assert "Plan: nothing to do" in said
    assert "services: payment" in run("templates", "list", "--root", str(root))
    assert (root / "contracts/openapi/payment.yaml").is_file()
    assert (root / "deploy/helm/order").is_dir()
    assert not (root / "deploy/helm/payment").exists()
    assert "payment" not in yaml.safe_load((root / "deploy/compose.yaml").read_text())["services"]
    assert "OWN := payment\n" in (root / "Makefile").read_text()
    if kind == "copier":
        assert (root / "services/payment/take_payment.txt").read_text() == "TakePayment in payment\n"


def plain_ends(files: shop.Files) -> shop.Files:
    """A clone has the line ends that the fleet's `.gitattributes` says, whatever the template had."""
    return {path: (content.replace(b"\r\n", b"\n"), mode) for path, (content, mode) in files.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_update_brings_a_newer_version_as_plain_copier_does(kind: str, specification: Path) -> None:
    root = made(kind, specification)
    place = root / README
    place.write_text("By hand.\n" + place.read_text())
    shop.commit(root)
    assert "release v2" in newer(kind, root)
    assert "Plan: nothing to do" in run("plan", "--root", str(root))
    shop.commit(root)
    clone = root.parent / "clone"
    shop.git(root.parent, "clone", "--quiet", "--depth", "1", f"file://{root}", str(clone))

    done = shop.copier_update(clone / "services/payment", root.parent / "home")
    assert done.returncode == 0, done.stderr
    run("update", "--root", str(root))

    assert plain_ends(shop.tree(clone / "services")) == plain_ends(shop.tree(root / "services"))
    text = place.read_text()
    assert text.startswith("By hand.\n")
    assert text.endswith("\nNewer.\n")
    assert "_commit: v2" in (root / "services/payment/.copier-answers.yml").read_text()
    for folder in (root, clone):
        assert "Plan: nothing to do" in run("plan", "--root", str(folder))
    assert "v1, v2" in run("templates", "list", "--root", str(root))


def test_what_both_changed_is_left_as_a_conflict(specification: Path) -> None:
    root = made("cookiecutter", specification)
    place = root / README
    place.write_text(place.read_text().replace("Docker,", "Podman,"))
    shop.commit(root)
    template = root.parent / "template" / SOURCES["cookiecutter"]
    template.write_text(template.read_text().replace("Docker,", "Containers,"))
    run("templates", "add", "mine", str(root.parent / "template"), "--root", str(root))
    shop.commit(root)
    assert f"{README}:" in run("update", "--root", str(root), code=3)
    assert "<<<<<<< before updating" in place.read_text()


def test_a_service_goes_from_one_stack_to_another_and_keeps_what_was_written(specification: Path) -> None:
    root = made("cookiecutter", specification)
    (root / "services/payment/own.txt").write_text("mine\n")
    shop.commit(root)
    shop.edit(root, "fleet.yaml", "stack: mine", "stack: python")
    run("apply", "--root", str(root))
    assert (root / "services/payment/pyproject.toml").is_file()
    assert not (root / "services/payment/logo.png").exists()
    shop.commit(root)
    shop.edit(
        root,
        "fleet.yaml",
        "stack: python\n    aggregates:\n      Payment",
        "stack: mine\n    aggregates:\n      Payment",
    )
    run("apply", "--root", str(root))
    assert (root / "services/payment/logo.png").is_file()
    assert not (root / "services/payment/pyproject.toml").exists()
    assert (root / "services/payment/own.txt").read_text() == "mine\n"
    assert "Plan: nothing to do" in run("plan", "--root", str(root))


def test_the_answers_are_a_person_s_to_change(specification: Path) -> None:
    root = made("cookiecutter", specification)
    place = root / ".fleetgen/templates/mine.yaml"
    place.write_text(place.read_text() + "  author: '{team} of {fleet}'\nservices: {payment: {database: sqlite}}\n")
    run("apply", "--root", str(root))
    text = (root / README).read_text()
    assert "by payments of starter" in text
    assert "sqlite" in text
    place.write_text("answers: [\n")
    assert f"{Path('.fleetgen/templates/mine.yaml')}:" in run("plan", "--root", str(root), code=2)
    place.write_text("answers: {database: oracle}\n")
    said = run("plan", "--root", str(root), code=2)
    assert "database" in said
    assert "OUT-11" in said


def test_a_stack_that_nobody_added_is_said_with_the_command_that_adds_it(specification: Path) -> None:
    said = run("lint", str(specification), code=2)
    assert "STK-1" in said
    assert "`fleetgen templates add mine SOURCE`" in said
    assert "STK-1" in run("new", "--spec", str(specification), str(specification.parent / "fleet"), code=2)
    assert not (specification.parent / "fleet").exists()


def test_a_question_nobody_answered_stops_the_plan_and_says_how(specification: Path) -> None:
    files = {**own_templates.COPIER, "copier.yml": own_templates.COPIER_YML + "licence: {type: str}\n"}
    template = own_templates.write(specification.parent / "template", files)
    run("templates", "add", "mine", str(template), "--root", str(specification))
    root = specification.parent / "fleet"
    said = run("new", "--spec", str(specification), str(root), code=2)
    assert "asks for `licence`" in said
    assert not root.exists()
    run("templates", "add", "mine", str(template), "--set", "payment.licence=MIT", "--root", str(specification))
    run("new", "--spec", str(specification), str(root))
    assert "licence: MIT" in (root / "services/payment/.copier-answers.yml").read_text()


def test_the_same_template_gives_the_same_bundle_and_no_second_release(specification: Path) -> None:
    template = own_templates.write(specification.parent / "template", own_templates.COOKIECUTTER)
    other = specification.parent / "other"
    shutil.copytree(specification, other)
    for root in (specification, other):
        run("templates", "add", "mine", str(template), "--root", str(root))
    bundles = [(root / PLACE).read_bytes() for root in (specification, other)]
    assert bundles[0] == bundles[1]
    assert "release v1" in run("templates", "add", "mine", str(template), "--root", str(specification))
    assert (specification / PLACE).read_bytes() == bundles[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("python",), "TPL-8"),
        (("No Name",), "TPL-8"),
        (("../../x",), "TPL-8"),
        (("mine", "--set", "prot=1"), "did you mean `port`?"),
        (("mine", "--set", "port"), "is not `question=value`"),
        (("mine", "--directory", "no"), "TPL-1"),
        (("mine", "--ref", "v9"), "TPL-1"),
    ],
)
def test_what_cannot_be_added_writes_nothing(arguments: tuple[str, ...], said: str, specification: Path) -> None:
    template = own_templates.write(specification.parent / "template", own_templates.COOKIECUTTER)
    name, *options = arguments
    assert said in run("templates", "add", name, str(template), *options, "--root", str(specification), code=2)
    assert [path.name for path in specification.iterdir()] == ["fleet.yaml"]


def test_an_older_version_with_other_content_is_refused(specification: Path) -> None:
    repository = own_templates.write(specification.parent / "template", own_templates.COPIER)
    shop.git(repository, "init", "--quiet")
    shop.commit(repository)
    shop.git(repository, "tag", "v1.2.0")
    address = f"file://{repository}"
    assert "release v1.2.0" in run("templates", "add", "mine", address, "--root", str(specification))
    (repository / "more.txt").write_text("more\n")
    shop.commit(repository)
    shop.git(repository, "tag", "v1.1.0")
    said = run("templates", "add", "mine", address, "--ref", "v1.1.0", "--root", str(specification), code=2)
    assert "TPL-8" in said
    shop.git(repository, "tag", "v1.3.0")
    assert "release v1.3.0" in run("templates", "add", "mine", address, "--root", str(specification))


def test_a_damaged_bundle_is_said(specification: Path) -> None:
    place = specification / PLACE
    place.parent.mkdir(parents=True)
    for content in (b"", b"# v2 git bundle\n\nPACK", b"no bundle"):
        place.write_bytes(content)
        assert "OUT-8" in run("lint", str(specification), code=2)


def test_make_runs_the_service_s_own_makefile(specification: Path) -> None:
    files = {**own_templates.COPIER, "project/Makefile": "test:\n\t@echo tested here\n"}
    template = own_templates.write(specification.parent / "template", files)
    run("templates", "add", "mine", str(template), "--root", str(specification))
    root = specification.parent / "fleet"
    run("new", "--spec", str(specification), str(root))
    done = subprocess.run(["make", "test-payment"], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "tested here"), done.stderr
