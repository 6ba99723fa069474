"""The specification read by other means than fleetgen's: PyYAML without types, and paths followed key by key."""

from __future__ import annotations

import re
from typing import Any

import yaml

_UNITS = {
    "ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "y": 31536000,
    "%": 0.01, "B": 1, "kB": 1000, "": 1,
}  # fmt: skip


def read(text: str) -> dict[str, Any]:
    """Every scalar is the text that is written."""
    return yaml.load(text, Loader=yaml.BaseLoader)


def at(root: Any, path: str) -> Any:
    """What stands at `a.b[1].c`; None where nothing does."""
    node = root
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if index:
            node = node[int(index)] if isinstance(node, list) and int(index) < len(node) else None
        else:
            node = node.get(key) if isinstance(node, dict) else None
        if node is None:
            return None
    return node


def quantity(text: str) -> float | None:
    """`7d`, `7 d`, `99.99 %`, `1000/min/user`, `5` as a number; rates are a second's, shares 0..1."""
    found = re.fullmatch(r"([\d.]+)\s*([A-Za-z%]*)(?:/(s|min|h|d)(?:/user)?)?", text)
    if found is None or found[2] not in _UNITS:
        return None
    number = float(found[1]) * _UNITS[found[2]]
    return number / {"s": 1, "min": 60, "h": 3600, "d": 86400}[found[3]] if found[3] else number


def title(name: str) -> str:
    return " ".join(word.capitalize() for word in name.split("-"))
