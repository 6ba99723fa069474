from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shop
from fleetgen.evolve.merge import Unmergeable, conflict_line, merge
from fleetgen.render.files import File

LINES = st.lists(st.sampled_from(["a", "b", "c", "d", ""]), max_size=12)
BASE = "".join(f"line {number}\n" for number in range(12))
HYPOTHESIS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def merged(current: bytes | str, base: bytes | str, wanted: bytes | str, folder: Path) -> bytes:
    files = [File(side.encode() if isinstance(side, str) else side) for side in (current, base, wanted)]
    return merge(*files, folder).file.content


@HYPOTHESIS
@given(base=LINES, ours=LINES, theirs=LINES)
def test_a_merge_is_what_git_says_and_loses_no_line_of_the_person(
    base: list[str], ours: list[str], theirs: list[str], tmp_path: Path
) -> None:
    sides = {"current": text(ours), "base": text(base), "wanted": text(theirs)}
    for name, content in sides.items():
        (tmp_path / name).write_bytes(content)
    labels = ["-L", "before updating", "-L", "last update", "-L", "after updating"]
    command = ["git", "merge-file", "-p", *labels, "current", "base", "wanted"]
    expected = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    result = merge(*(File(content) for content in sides.values()), tmp_path)
    assert result.file.content == expected.stdout
    assert bool(result.conflict) == bool(expected.returncode)
    if result.conflict:
        for line in ours:
            if line not in base:
                assert line.encode() in result.file.content


@HYPOTHESIS
@given(base=LINES, other=LINES)
def test_one_side_alone_wins(base: list[str], other: list[str], tmp_path: Path) -> None:
    assert merged(text(other), text(base), text(base), tmp_path) == text(other)
    assert merged(text(base), text(base), text(other), tmp_path) == text(other)
    assert merged(text(other), text(base), text(other), tmp_path) == text(other)


def test_distant_edits_are_both_kept(tmp_path: Path) -> None:
    result = merge(
        File(BASE.replace("line 2", "mine").encode()),
        File(BASE.encode()),
        File(BASE.replace("line 9", "theirs").encode()),
        tmp_path,
    )
    assert (result.conflict, result.file.content) == (
        0,
        BASE.replace("line 2", "mine").replace("line 9", "theirs").encode(),
    )


def test_a_conflict_shows_both_and_names_its_line(tmp_path: Path) -> None:
    result = merge(
        File(BASE.replace("line 2\n", "mine\n").encode()),
        File(BASE.encode()),
        File(BASE.replace("line 2\n", "theirs\n").encode()),
        tmp_path,
    )
    assert b"<<<<<<< before updating\nmine\n=======\ntheirs\n>>>>>>> after updating\n" in result.file.content
    assert result.conflict == 3


def test_without_a_base_both_versions_are_shown(tmp_path: Path) -> None:
    result = merge(File(b"mine\n"), None, File(b"theirs\n"), tmp_path)
    assert result.file.content == b"<<<<<<< before updating\nmine\n=======\ntheirs\n>>>>>>> after updating\n"


def test_bytes_that_are_no_text_are_merged_line_by_line_or_not_at_all(tmp_path: Path) -> None:
    latin = b"caf\xe9\n" + BASE.encode()
    assert merged(latin, BASE, BASE.replace("line 9", "theirs"), tmp_path) == latin.replace(b"line 9", b"theirs")
    with pytest.raises(Unmergeable):
        merged(b"\0mine", b"\0base", b"\0theirs", tmp_path)


@pytest.mark.parametrize(
    ("current", "base", "wanted", "result"), [(1, 0, 0, 1), (0, 0, 1, 1), (0, 1, 1, 0), (1, 1, 0, 0), (1, 0, 1, 1)]
)
def test_the_executable_bit_is_merged_too(current: int, base: int, wanted: int, result: int, tmp_path: Path) -> None:
    files = [File(b"x", 0o755 if bit else 0o644) for bit in (current, base, wanted)]
    assert merge(*files, tmp_path).file.executable == bool(result)


def test_the_conflict_style_of_the_repository_is_obeyed_as_copier_does(tmp_path: Path) -> None:
    shop.git(tmp_path, "init", "--quiet")
    shop.git(tmp_path, "config", "merge.conflictStyle", "diff3")
    assert b"||||||| last update\nbase\n" in merged("mine\n", "base\n", "theirs\n", tmp_path)


def test_markers_are_found_only_as_whole_lines() -> None:
    assert conflict_line(b"a\n<<<<<<< before updating\r\n") == 2
    assert conflict_line(b"a\n  <<<<<<< before updating\n") == 0
    assert conflict_line(b"see `<<<<<<< before updating` there\n") == 0
    assert conflict_line(b"a\n>>>>>>> after updating") == 2


def test_git_of_another_repository_in_the_environment_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "GIT_DIR", str(tmp_path / "nowhere"))
    assert merged("mine\n", "base\n", "base\n", tmp_path) == b"mine\n"
    assert b"mine" in merged("mine\n", "base\n", "theirs\n", tmp_path)
