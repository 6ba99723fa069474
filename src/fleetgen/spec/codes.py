"""The catalogue of what can be wrong with a specification before any rule looks at it, and its collector."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import Enum

from fleetgen.core.diagnostic import Diagnostic, Severity, Span, has_errors, ordered


class Code(Enum):
    """`SPEC-n`: number, stable name, what it is about. Numbers are never given twice."""

    UNREADABLE_FILE = (1, "unreadable-file", "the file is missing or cannot be read")
    NOT_UTF8 = (2, "not-utf-8", "the file is not text in UTF-8")
    EMPTY_FILE = (3, "empty-file", "the file says nothing")
    FILE_TOO_LARGE = (4, "file-too-large", "the file is larger than any specification written by people")
    TAB = (5, "tab", "a tab indents a line; YAML wants spaces")
    BROKEN_YAML = (6, "broken-yaml", "the file is not valid YAML")
    DUPLICATE_KEY = (7, "duplicate-key", "a key stands twice in one mapping")
    ANCHOR = (8, "anchor", "anchors, aliases and merges are not part of the grammar")
    AMBIGUOUS_SCALAR = (9, "ambiguous-scalar", "a bare word that YAML readers understand in different ways")
    SEVERAL_DOCUMENTS = (10, "several-documents", "one file holds several YAML documents")
    TAG = (11, "tag", "tags are not part of the grammar")
    TOO_DEEP = (12, "too-deep", "mappings or lists are nested deeper than the grammar")
    UNKNOWN_KEY = (13, "unknown-key", "a key that the grammar does not know")
    MISSING_KEY = (14, "missing-key", "a key without which the element means nothing")
    WRONG_KIND = (15, "wrong-kind", "a list, mapping or text where the grammar wants another")
    UNKNOWN_WORD = (16, "unknown-word", "a word that is not among the choices")
    BAD_QUANTITY = (17, "bad-quantity", "a number, duration, size, rate or share that cannot be read")
    BAD_NAME = (18, "bad-name", "a name in the wrong form")
    NAME_TOO_LONG = (19, "name-too-long", "a name too long for DNS, Kafka or SQL")
    RESERVED_NAME = (20, "reserved-name", "a name that a system or generated code needs for itself")
    DUPLICATE_NAME = (21, "duplicate-name", "two names that some system cannot tell apart")
    UNKNOWN_REFERENCE = (22, "unknown-reference", "a name of something that does not exist")
    BAD_TYPE = (23, "bad-type", "a field type that does not exist")
    BAD_EXPRESSION = (24, "bad-expression", "an expression that cannot be read")
    EXPRESSION_TYPE = (25, "expression-type", "an expression whose parts do not fit together")
    BAD_STEP = (26, "bad-step", "a saga step that cannot be read or carried out")
    BAD_RELATION = (27, "bad-relation", "a line of the context map that cannot be read")
    BAD_SCHEDULE = (28, "bad-schedule", "a schedule that cannot be read")
    UNBOUND_INPUT = (29, "unbound-input", "an input of a command that nothing supplies")
    BAD_BINDING = (30, "bad-binding", "an input bound to something that is not there or of another type")
    NO_TARGET = (31, "no-target", "a policy whose event does not say which aggregate is meant")
    CONFLICTING_KEYS = (32, "conflicting-keys", "keys that exclude each other")
    UNSET_FIELD = (33, "unset-field", "a new aggregate would lack a field")
    EVENT_CONTENTS = (34, "event-contents", "one event with different contents, or a field it cannot carry")
    NEVER_REFUSES = (35, "never-refuses", "a rejection that no condition or invariant can cause", Severity.WARNING)
    FIXED_FIELD = (36, "fixed-field", "a command would change a field that identifies or orders")

    def __init__(self, number: int, kebab: str, about: str, severity: Severity = Severity.ERROR) -> None:
        self.number = number
        self.kebab = kebab
        self.about = about
        self.severity = severity

    @property
    def code(self) -> str:
        """As printed."""
        return f"SPEC-{self.number}"


class Problems:
    """Collects diagnostics; every part of loading and resolving reports here and goes on."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []

    def add(
        self, code: Code, message: str, span: Span, hint: str = "", related: Iterable[tuple[str, Span]] = ()
    ) -> None:
        """Report one finding, as grave as its code."""
        self._found.append(Diagnostic(code.code, code.kebab, code.severity, message, span, hint, tuple(related)))

    @property
    def has_errors(self) -> bool:
        """Whether anything reported must stop what follows."""
        return has_errors(self._found)

    @property
    def found(self) -> tuple[Diagnostic, ...]:
        """Sorted, each once."""
        return ordered(self._found)


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice a person most likely meant, if any is near."""
    table = {choice.lower(): choice for choice in sorted(choices, reverse=True)}
    found = difflib.get_close_matches(word.lower(), table, n=1, cutoff=0.6)
    return table[found[0]] if found else None


def choose(word: str, choices: Iterable[str], *, most: int = 12) -> str:
    """A hint: the nearest choice, or all where there are few."""
    known = list(dict.fromkeys(choices))
    near = nearest(word, known)
    if near:
        return f"write `{near}`"
    if not known:
        return ""
    listed = ", ".join(f"`{choice}`" for choice in known[:most])
    return f"choose from {listed}" + (", …" if len(known) > most else "")
