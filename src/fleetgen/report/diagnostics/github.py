"""Diagnostics as workflow commands of GitHub Actions: annotations on the changed files."""

from __future__ import annotations

from collections.abc import Sequence

from fleetgen.core.diagnostic import Diagnostic, Severity
from fleetgen.report.diagnostics.text import printable

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "notice"}


def github(diagnostics: Sequence[Diagnostic]) -> str:
    """One line each."""
    return "".join(_one(diagnostic) + "\n" for diagnostic in diagnostics)


def _one(diagnostic: Diagnostic) -> str:
    properties = {"title": f"{diagnostic.code} {diagnostic.name}"}
    if diagnostic.span:
        span = diagnostic.span
        place = {"file": span.file, "line": span.line, "endLine": span.line, "col": span.column}
        properties = {key: str(value) for key, value in place.items()} | {
            "endColumn": str(span.column + span.length),
            **properties,
        }
    related = [f"{span}: {said}" for said, span in diagnostic.related]
    lines = [diagnostic.message, *related, *([f"hint: {diagnostic.hint}"] if diagnostic.hint else [])]
    named = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{_COMMANDS[diagnostic.severity]} {named}::{_data(chr(10).join(lines))}"


def _data(value: str) -> str:
    """The percent sign first, or the others would be escaped twice."""
    return printable(value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
