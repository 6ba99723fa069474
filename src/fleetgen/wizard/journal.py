"""Keeps a dialogue in a file beside the fleet's folder, so that one which was broken off goes on where it was."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fleetgen.evolve.disk import read
from fleetgen.render.files import File
from fleetgen.wizard.dialogue import Dialogue

_FORMAT = 1
_MOST_BYTES = 1 << 20


class Journal:
    """The file for one fleet. Every change replaces it whole: who kills the process finds the last reply that stood."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where the fleet will be; the file lies in the nearest folder above that is there."""
        folder = folder.absolute()
        above = next(parent for parent in folder.parents if parent.is_dir())
        self.path = above / f".{'-'.join(folder.relative_to(above).parts)}.fleetgen-answers.json"
        self._partial = self.path.with_name(f"{self.path.name}.partial")

    def load(self) -> tuple[Dialogue | None, str]:
        """What was kept, and what is wrong with it where it cannot be read; nothing where nothing was kept."""
        found = read(self.path)
        if found is None:
            return None, ""
        if not isinstance(found, File):
            return None, found.reason
        try:
            return _dialogue(json.loads(found.content[:_MOST_BYTES])), ""
        except (ValueError, RecursionError):
            return None, "it does not hold answers of this version of fleetgen"

    def keep(self, dialogue: Dialogue) -> None:
        """Write the dialogue.

        Raises:
            OSError: When the folder cannot be written to.
        """
        data = {"format": _FORMAT, "replies": dict(dialogue.replies), "drafts": dict(dialogue.drafts)}
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(self._partial, flags, 0o600), "w", encoding="utf-8") as stream:
            json.dump(data, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(self._partial, self.path)  # noqa: PTH105 - one call of the system

    def remove(self) -> None:
        """Forget it, when the fleet is written or the answers are given up."""
        self._partial.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def _dialogue(data: Any) -> Dialogue:
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise ValueError("another format")
    return Dialogue(_texts(data.get("replies")), _texts(data.get("drafts")))


def _texts(data: Any) -> dict[str, str]:
    if not isinstance(data, dict) or not all(isinstance(text, str) for text in data.values()):
        raise ValueError("not texts")
    return data
