from __future__ import annotations

import os
from pathlib import Path

from fleetgen.evolve.disk import Blocked, Disk
from fleetgen.render.files import File


def test_files_and_modes_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/run").write_bytes(b"x")
    (tmp_path / "a/run").chmod(0o700)
    disk = Disk(tmp_path)
    assert disk.look("a/run") == File(b"x", 0o755)
    assert disk.look("a/none") is None
    assert disk.look("b/c/none") is None


def test_nothing_is_read_through_a_link(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "secret").write_text("secret")
    (root / "folder").symlink_to(outside)
    (root / "inside").mkdir()
    (root / "alias").symlink_to("inside")
    (root / "file").symlink_to(outside / "secret")
    (root / "broken").symlink_to("nowhere")
    disk = Disk(root)
    for path in ("folder/secret", "folder/new", "alias/x", "file", "broken", "folder/deep/er"):
        assert isinstance(disk.look(path), Blocked), path


def test_what_is_no_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    disk = Disk(tmp_path)
    for path, reason in {"folder": "a folder", "file/below": "not a folder", "pipe": "not a plain file"}.items():
        found = disk.look(path)
        assert isinstance(found, Blocked), path
        assert reason in found.reason
