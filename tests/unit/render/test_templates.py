from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import shop
from fleetgen.core.resources import resources, sample, samples
from fleetgen.render.templates import TemplatesError, from_folder, installed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(shop.FIXTURE, tmp_path / "templates")
    return tmp_path / "templates"


def test_the_configuration_stands_at_the_root() -> None:
    assert "copier.yml" in shop.FIRST.files
    assert not any(path.endswith("service-templates/copier.yml") for path in shop.FIRST.files)
    assert {path.split("/")[0] for path in shop.FIRST.files} == {"copier.yml", "blueprints", "service-templates"}


def test_what_tools_leave_behind_is_no_template(folder: Path) -> None:
    for litter in (
        "__pycache__/x.cpython-311.pyc",
        ".mypy_cache/a",
        ".venv/b",
        "src/.pytest_cache/c",
        "x.pyc",
        "conformance/d.py",
    ):
        path = folder / "service-templates/shop/chassis" / litter
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("litter")
    assert from_folder(folder, "1.0.0").digest == shop.FIRST.digest


def test_the_digest_sees_content_name_and_mode(folder: Path) -> None:
    digests = {shop.FIRST.digest}
    start = folder / "service-templates/shop/service/bin/start"
    start.chmod(0o644)
    digests.add(from_folder(folder, "1.0.0").digest)
    start.write_text("other")
    digests.add(from_folder(folder, "1.0.0").digest)
    start.rename(start.with_name("go"))
    digests.add(from_folder(folder, "1.0.0").digest)
    assert len(digests) == 4


def test_links_and_a_missing_configuration_are_refused(folder: Path) -> None:
    link = folder / "blueprints/monorepo/link"
    link.symlink_to("/etc/passwd")
    with pytest.raises(TemplatesError, match="symbolic link"):
        from_folder(folder, "1.0.0")
    link.unlink()
    (folder / "service-templates/copier.yml").unlink()
    with pytest.raises(TemplatesError, match=r"copier\.yml is missing"):
        from_folder(folder, "1.0.0")


def test_resources_are_found() -> None:
    assert (resources() / "service-templates").is_dir()
    assert "starter" in samples()
    starter = sample("starter")
    assert starter is not None
    assert starter.is_file()
    assert sample("../secrets") is None
    assert sample("nowhere") is None


def test_fleetgen_carries_its_templates() -> None:
    assert "copier.yml" in installed().files
