"""Random histories with a fixed seed: whatever a person and fleetgen do in turn, no byte of the person's is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from histories.history import History, Lost
from histories.replay import Failed, run

SEEDS = range(300)


def test_no_history_loses_a_byte() -> None:
    assert run(SEEDS) == len(SEEDS)


def test_a_seed_is_a_history(tmp_path: Path) -> None:
    stories = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        history = History(tmp_path / name, 7)
        history.live()
        stories.append(history.story)
    assert stories[0] == stories[1]
    assert any("to merge" in line and "0 to merge" not in line for line in stories[0]) or len(stories[0]) > 5


def test_a_failing_history_names_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(history: History) -> None:
        history.story.append("something happened")
        raise Lost("bytes are gone")

    monkeypatch.setattr(History, "live", lost)
    with pytest.raises(Failed, match=r"seed 42: .*bytes are gone[\s\S]*something happened[\s\S]*replay.py 42"):
        run([42])
