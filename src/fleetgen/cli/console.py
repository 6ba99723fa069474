"""Everything the command line prints: data to standard output, talk to standard error, colour only as an extra."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Any

from rich.console import Console
from rich.text import Text

from fleetgen.cli import streams
from fleetgen.core.diagnostic import Diagnostic, Severity, has_errors
from fleetgen.report.diagnostics import as_json as diagnostics_as_json
from fleetgen.report.diagnostics import github, sarif, segments, summary

talk = Console(stderr=True, highlight=False, soft_wrap=True)


class Exit(IntEnum):
    """Exit codes of every command."""

    CLEAN = 0
    FINDINGS = 1
    FAILURE = 2
    CONFLICTS = 3


class Format(StrEnum):
    """Forms of diagnostics."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


_STYLES = {
    "place": "bold",
    "error": "bold red",
    "warning": "bold yellow",
    "information": "bold cyan",
    "code": "bold",
    "gutter": "dim",
    "caret": "red",
    "hint": "cyan",
}


def show(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], form: Format = Format.TEXT) -> None:
    """Print diagnostics: as text to standard error, in a tool's form to standard output."""
    if form is Format.JSON:
        data(diagnostics_as_json(diagnostics))
    elif form is Format.SARIF:
        data(sarif(diagnostics))
    elif form is Format.GITHUB:
        if diagnostics:
            data(github(diagnostics))
    elif diagnostics:
        written = Text()
        for segment in segments(diagnostics, sources):
            written.append(segment.text, style=_STYLES.get(segment.role, ""))
        talk.print(written, end="")
        say(summary(diagnostics))


def verdict(diagnostics: Sequence[Diagnostic]) -> Exit:
    """Errors fail, warnings are findings, informations are clean."""
    if has_errors(diagnostics):
        return Exit.FAILURE
    return Exit.FINDINGS if any(item.severity is Severity.WARNING for item in diagnostics) else Exit.CLEAN


def say(message: str, style: str = "") -> None:
    """A line to the person."""
    talk.print(Text(message, style=style))


def data(text: str) -> bool:
    """A line of data, untouched and at once; whether anybody reads it."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()
    return streams.still_read()


def json_data(value: Any) -> None:
    """Data for a script."""
    data(json.dumps(value, indent=2, ensure_ascii=False))
