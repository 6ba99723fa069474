"""Diagnostics in SARIF 2.1.0, which code hosts and editors import."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from fleetgen.core.diagnostic import Diagnostic, Severity, Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "note"}


def sarif(diagnostics: Sequence[Diagnostic], version: str = "") -> str:
    """One run with the rules that have results. `version` is that of the tool."""
    rules = {diagnostic.code: _rule(diagnostic) for diagnostic in diagnostics}
    places = {code: place for place, code in enumerate(rules)}
    driver = {"name": "fleetgen", **({"version": version} if version else {}), "rules": list(rules.values())}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, places[diagnostic.code]) for diagnostic in diagnostics],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(diagnostic: Diagnostic) -> dict[str, Any]:
    from fleetgen.analysis.explain import documentation  # noqa: PLC0415 - all rules, and most commands print none

    rule: dict[str, Any] = {
        "id": diagnostic.code,
        "name": diagnostic.name,
        "defaultConfiguration": {"level": _LEVELS[diagnostic.severity]},
    }
    page = documentation().get(diagnostic.code)
    if page:
        rule["shortDescription"] = {"text": page.title}
        rule["fullDescription"] = {"text": page.what}
        rule["help"] = {"text": f"{page.what}\n\n{page.why}", "markdown": page.markdown}
    else:
        rule["shortDescription"] = {"text": diagnostic.name.replace("-", " ")}
    return rule


def _result(diagnostic: Diagnostic, place: int) -> dict[str, Any]:
    said = diagnostic.message + (f"\nhint: {diagnostic.hint}" if diagnostic.hint else "")
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": place,
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": said},
    }
    if diagnostic.span:
        result["locations"] = [{"physicalLocation": _location(diagnostic.span)}]
    if diagnostic.related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(span), "message": {"text": text}}
            for number, (text, span) in enumerate(diagnostic.related, start=1)
        ]
    return result


def _location(span: Span) -> dict[str, Any]:
    region = {"startLine": span.line, "startColumn": span.column, "endColumn": span.column + span.length}
    return {"artifactLocation": {"uri": quote(span.file)}, "region": region}
