"""Saga steps in their short form: `Do`, `Do / Undo`, `pivot Do`, `call Do`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleetgen.spec.grammar.units import Unreadable

_NAME = r"[A-Za-z][A-Za-z0-9]*"
_STEP = re.compile(rf"(?:(pivot|call|do)\s+)?({_NAME})(?:\s*/\s*({_NAME}))?", re.ASCII)
STEP_PATTERN = r"^((pivot|call) )?[A-Z][A-Za-z0-9]*( */ *([A-Z][A-Za-z0-9]*|none))?$"


@dataclass(frozen=True)
class StepText:
    """A step's words and where they begin in the text."""

    how: str  # do, pivot, call
    do: str
    do_at: int
    undo: str = ""
    undo_at: int = 0


def parse_step(text: str) -> StepText:
    """Reads one step."""
    found = _STEP.fullmatch(text.strip())
    if found is None:
        raise Unreadable(f"`{text}` is not a step", "write `Do`, `Do / Undo`, `pivot Do` or `call Do`")
    lead = len(text) - len(text.lstrip())
    how, do, undo = found.groups()
    return StepText(how or "do", do, lead + found.start(2), undo or "", lead + found.start(3) if undo else 0)
