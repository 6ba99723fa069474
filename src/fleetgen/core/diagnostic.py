"""What fleetgen has to say about an input: frozen data, printed by the command line only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath


class Severity(StrEnum):
    """How much a diagnostic weighs. Only an error stops the pipeline."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file: 1-based line and column; `length` is in characters, on that line."""

    file: str
    line: int = 1
    column: int = 1
    length: int = 1

    def __post_init__(self) -> None:
        """Keep paths portable, so that output does not differ between machines."""
        object.__setattr__(self, "file", str(PurePosixPath(self.file)))

    def __str__(self) -> str:
        """`file:line:column`, as editors understand it."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    `code` is stable and can be searched (`SPEC-3`, `SAGA-1`, `OUT-2`), `name` says the same in
    kebab-case, `message` is one sentence in lower case without a full stop, names in backticks.
    `hint` says what to write instead; `related` are other places that take part.
    """

    code: str
    name: str
    severity: Severity
    message: str
    span: Span | None = None
    hint: str = ""
    related: tuple[tuple[str, Span], ...] = ()

    @property
    def sort_key(self) -> tuple[str, int, int, int, str, str]:
        """By place, then weight, then code: the order in which a person mends a file."""
        place = self.span or Span("")
        return (place.file, place.line, place.column, self.severity.rank, self.code, self.message)


def ordered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort and deduplicate, so that the same input always reads the same."""
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda item: item.sort_key))


def has_errors(diagnostics: Sequence[Diagnostic]) -> bool:
    """Whether the pipeline must stop before it writes."""
    return any(item.severity is Severity.ERROR for item in diagnostics)
