"""Answers beside the fleet's folder: written whole or not at all, and not believed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fleetgen.wizard.dialogue import Dialogue
from fleetgen.wizard.journal import Journal

SAID = Dialogue({"fleet": "shop", "vision": "ä\n\x85"}, {"domain": "Selling"})


def test_what_was_kept_comes_back_and_lies_beside_the_folder(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "shop")
    assert journal.load() == (None, "")
    journal.keep(SAID)
    assert journal.load() == (SAID, "")
    assert [path.name for path in tmp_path.iterdir()] == [".shop.fleetgen-answers.json"]
    assert journal.path.stat().st_mode & 0o077 == 0
    journal.remove()
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_it_lies_in_the_nearest_folder_there_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert Journal(tmp_path / "a" / "b" / "c").path == tmp_path / "a" / ".b-c.fleetgen-answers.json"
    (tmp_path / "shop").mkdir()
    assert Journal(tmp_path / "shop").path == tmp_path / ".shop.fleetgen-answers.json"


def test_a_write_that_fails_leaves_the_last_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "shop")
    journal.keep(SAID)

    def broken(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="No space"):
        journal.keep(Dialogue({"fleet": "other"}))
    assert journal.load() == (SAID, "")
    journal.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        json.dumps({"format": 2, "replies": {}, "drafts": {}}),
        json.dumps({"format": 1, "replies": {"fleet": 1}, "drafts": {}}),
        json.dumps({"format": 1, "replies": []}),
        "[" * 100_000,
        "\\ud800",
    ],
)
def test_a_damaged_file_is_told_of_and_not_used(tmp_path: Path, text: str) -> None:
    journal = Journal(tmp_path / "shop")
    journal.path.write_text(text)
    found, damage = journal.load()
    assert found is None and "does not hold answers" in damage


def test_links_are_not_followed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "shop")
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"format": 1, "replies": {"fleet": "other"}, "drafts": {}}))
    journal.path.symlink_to(secret)
    assert journal.load() == (None, "it is a symbolic link")
    before = secret.read_text()
    journal.keep(SAID)
    assert secret.read_text() == before and journal.load() == (SAID, "")
    (tmp_path / f"{journal.path.name}.partial").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic links"):
        journal.keep(Dialogue())
    assert secret.read_text() == before
