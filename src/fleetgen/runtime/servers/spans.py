"""Spans as plain data, and what is kept of them."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MOST_SPANS = 50_000
MOST_FILE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Times are nanoseconds since 1970; ids are hexadecimal, `parent` empty at a root."""

    trace: str
    id: str
    parent: str
    service: str
    name: str
    kind: str
    start: int
    end: int
    error: str
    attributes: dict[str, Any]
    links: tuple[str, ...] = ()  # span ids


class SpanStore:
    """The newest spans in memory, all of them in a file that is turned over when it is full."""

    def __init__(self, file: Path) -> None:
        """`file` gets one JSON object a line."""
        self._file = file
        self._guard = threading.Lock()
        self._traces: OrderedDict[str, list[Span]] = OrderedDict()
        self._count = 0
        file.parent.mkdir(parents=True, exist_ok=True)

    def add(self, spans: Iterable[Span]) -> None:
        """Keep spans; the oldest traces go when there are too many."""
        new = list(spans)
        with self._guard:
            for span in new:
                self._traces.setdefault(span.trace, []).append(span)
                self._count += 1
            while self._count > MOST_SPANS:
                self._count -= len(self._traces.popitem(last=False)[1])
            self._append(new)

    def trace(self, identity: str) -> list[Span]:
        """The spans of a trace, by start."""
        with self._guard:
            return sorted(self._traces.get(identity, ()), key=lambda span: (span.start, -span.end))

    def summary(self) -> dict[str, int]:
        """How much is kept."""
        with self._guard:
            return {"traces": len(self._traces), "spans": self._count}

    def _append(self, spans: list[Span]) -> None:
        if self._file.exists() and self._file.stat().st_size > MOST_FILE_BYTES:
            self._file.replace(self._file.with_suffix(".old.jsonl"))
        with self._file.open("a") as stream:
            stream.writelines(json.dumps(asdict(span), separators=(",", ":")) + "\n" for span in spans)


def span_of(content: dict[str, Any]) -> Span:
    """The span of a JSON object, as `asdict` made it."""
    return Span(**{**content, "links": tuple(content["links"])})
