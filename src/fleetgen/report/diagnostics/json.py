"""Diagnostics for a script: one JSON object, its shape kept within `version`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fleetgen.core.diagnostic import Diagnostic, Span

VERSION = 1


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """`{"version", "diagnostics": [{code, name, severity, message, span, hint, related}]}`; `span` may be null."""
    listed = [_one(diagnostic) for diagnostic in diagnostics]
    return json.dumps({"version": VERSION, "diagnostics": listed}, indent=2, ensure_ascii=False) + "\n"


def _one(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "name": diagnostic.name,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "span": _span(diagnostic.span) if diagnostic.span else None,
        "hint": diagnostic.hint,
        "related": [{"message": said, "span": _span(span)} for said, span in diagnostic.related],
    }


def _span(span: Span) -> dict[str, Any]:
    return {"file": span.file, "line": span.line, "column": span.column, "length": span.length}
