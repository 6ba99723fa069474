from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import shop
from fleetgen.render import bundle
from fleetgen.render.files import File
from fleetgen.render.git import GitError
from fleetgen.render.templates import Templates, from_bundle

SECOND = shop.newer({"README.md.jinja": "# new\n", "bin/start": None, 'odd "name".txt': "x\n"})


def test_same_templates_same_bytes_whatever_the_machine_says(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from fleetgen.render.templates import from_folder;"
        "sys.stdout.buffer.write(from_folder(Path(sys.argv[1]), '1.0.0').bundle())"
    )
    elsewhere = tmp_path / "elsewhere"
    subprocess.run(["cp", "-r", str(shop.FIXTURE), str(elsewhere)], check=True)
    settings = [
        {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {
            "TZ": "America/New_York",
            "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": "2",
            "GIT_AUTHOR_NAME": "Eve",
            "GIT_AUTHOR_DATE": "1",
        },
    ]
    made = {
        subprocess.run(
            [sys.executable, "-c", script, str(elsewhere)],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **setting},
            cwd=tmp_path,
            capture_output=True,
            check=True,
        ).stdout
        for setting in settings
    }
    assert made == {shop.FIRST.bundle()}


def test_a_newer_release_leaves_the_older_as_it_was(tmp_path: Path) -> None:
    first = shop.FIRST.bundle()
    both = SECOND.bundle(first)
    assert bundle.versions(both) == ("1.0.0", "1.1.0")
    assert both == SECOND.bundle(first)
    assert bundle.read(both, "1.0.0") == dict(shop.FIRST.files)
    assert bundle.read(both, "1.1.0") == dict(SECOND.files)
    assert commits(tmp_path / "one", first)["v1.0.0"] == commits(tmp_path / "both", both)["v1.0.0"]


def commits(folder: Path, content: bytes) -> dict[str, str]:
    folder.mkdir()
    (folder / "x.bundle").write_bytes(content)
    shop.git(folder, "clone", "--quiet", "x.bundle", "clone")
    assert shop.git(folder / "clone", "status", "--short") == ""
    refs = shop.git(folder / "clone", "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags").split()
    return dict(zip(refs[::2], refs[1::2], strict=True))


def test_modes_and_bytes_survive() -> None:
    files = {"a/run": File(b"#!/bin/sh\r\n\0\xff", 0o755), "ü b.txt": File(b"no end of line")}
    assert from_bundle(Templates("1.0.0", files).bundle(), "1.0.0").files == files


def test_releases_are_sorted_as_versions() -> None:
    content = None
    for version in ("1.9.0", "1.10.0", "2.0.0rc1"):
        content = Templates(version, {"a": File(version.encode())}).bundle(content)
    assert content is not None
    assert bundle.versions(content) == ("1.9.0", "1.10.0", "2.0.0rc1")


@pytest.mark.parametrize("content", [b"", b"\0", b"<<<<<<< HEAD\n", b"# v2 git bundle\n"])
def test_what_is_no_bundle_is_refused(content: bytes) -> None:
    with pytest.raises(GitError):
        bundle.versions(content)


def test_a_release_is_there_once() -> None:
    with pytest.raises(GitError, match=r"v1\.0\.0 already"):
        shop.FIRST.bundle(shop.FIRST.bundle())
    with pytest.raises(GitError, match=r"does not hold v9"):
        from_bundle(shop.FIRST.bundle(), "9")
