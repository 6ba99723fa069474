"""Templates that many people use, from a package index at test time: accepted and equal, or refused with a reason."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

import shop
from fleetgen.render.engine import render
from fleetgen.render.own.accept import accept
from fleetgen.render.own.engine import OwnTemplates
from fleetgen.render.own.source import fetch

pytestmark = pytest.mark.full

PLACE = ".fleetgen/templates/mine.bundle"
# Both packages are under the Apache licence 2.0, and none of their files is kept here.
SAM = ("aws-sam-cli==1.170.0", "samcli/lib/init/templates/cookiecutter-aws-sam-hello-")
KEDRO = ("kedro==1.7.0", "kedro/templates/")
COPIER = "copier==9.19.1"
_LANGUAGES = ("dotnet", "golang", "java-gradle", "java-maven", "nodejs", "python", "ruby")
_PIP = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The unpacked packages by name."""
    folder = tmp_path_factory.mktemp("packages")
    found = {}
    for requirement in (SAM[0], KEDRO[0]):
        target = folder / requirement
        subprocess.run([*_PIP, "--only-binary", ":all:", "--dest", str(target), requirement], check=True)
        with zipfile.ZipFile(next(target.glob("*.whl"))) as wheel:
            wheel.extractall(target)
        found[requirement] = target
    return found


@pytest.mark.parametrize(
    ("package", "folder"),
    [
        *((SAM[0], SAM[1] + name) for name in _LANGUAGES),
        (KEDRO[0], f"{KEDRO[1]}pipeline"),
    ],
)  # fmt: skip
def test_a_popular_cookiecutter_template_renders_as_with_cookiecutter(
    package: str, folder: str, packages: dict[str, Path], tmp_path: Path
) -> None:
    source = packages[package] / folder
    fetched, diagnostics = fetch(str(source))
    assert fetched is not None, diagnostics
    template, diagnostics = accept(fetched)
    assert template is not None, diagnostics
    asked = json.loads((source / "cookiecutter.json").read_text())
    given = {name: "Order" for name in ("project_name", "pipeline_name") if name in asked}
    given |= {"kedro_version": "1.7.0"} if "kedro_version" in asked else {}  # kedro itself answers it
    ours = shop.plain(render(OwnTemplates("1", template.files, PLACE), PLACE, given))
    del ours[".copier-answers.yml"]

    home = tmp_path / "home"
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"cookiecutters_dir": str(home), "replay_dir": str(home), "default_context": {}}))
    made = cookiecutter(
        str(source), no_input=True, extra_context=given, output_dir=str(tmp_path / "made"), config_file=str(config)
    )
    assert ours == shop.tree(Path(made))
    assert len(ours) > 2


def test_a_popular_template_with_a_hook_is_refused_at_the_hook(packages: dict[str, Path]) -> None:
    fetched, _ = fetch(str(packages[KEDRO[0]] / KEDRO[1] / "project"))
    assert fetched is not None
    template, diagnostics = accept(fetched)
    assert template is None
    assert [(item.code, item.span.file.rsplit("/", 2)[-2:]) for item in diagnostics if item.span] == [
        ("TPL-3", ["hooks", "post_gen_project.py"])
    ]


def test_copier_s_own_demonstrations_are_accepted_or_refused_for_what_they_show(tmp_path: Path) -> None:
    subprocess.run(
        [*_PIP, "--no-binary", "copier", "--no-build-isolation", "--dest", str(tmp_path), COPIER], check=True
    )
    with tarfile.open(next(tmp_path.glob("copier-*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    demos = next(tmp_path.glob("copier-*/")) / "tests"
    verdicts = {}
    for demo in sorted(path for path in demos.glob("demo*") if path.is_dir()):
        fetched, found = fetch(str(demo))
        template, found = accept(fetched) if fetched else (None, found)
        verdicts[demo.name] = "accepted" if template else found[0].code
    assert verdicts["demo_exclude"] == "accepted"
    assert verdicts["demo_transclude"] == "accepted"
    assert verdicts["demo_data"] == "TPL-3"
    assert verdicts["demo_extensions_additional"] == "TPL-3"
    assert verdicts["demo_legacy_migrations"] == "TPL-3"
    assert verdicts["demo_invalid"] == "TPL-6"
