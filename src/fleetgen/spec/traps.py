"""Bare words that YAML 1.1 and 1.2 readers understand differently. Only texts; knows neither files nor grammar."""

from __future__ import annotations

import re

_TRUE = frozenset({"on", "yes", "y"})
_FALSE = frozenset({"off", "no", "n"})
_RADIX = re.compile(r"[-+]?0[xX][0-9a-fA-F_]+|[-+]?0[bB][01_]+|[-+]?0[oO][0-7_]+")
_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_UNDERSCORE = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")
_EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
_SOME = "is a number to some readers only"
_FORMS = (
    (_RADIX, _SOME, 'write it in decimal or `"{text}"`'),
    (_UNDERSCORE, _SOME, "write `{digits}`"),
    (_SEXAGESIMAL, "is a number to base 60 to some readers", "{sixties}"),
    (_SPECIAL, "is not a number a fleet can use", "write a finite number"),
    (_TIMESTAMP, "is a date to some readers, a text to others", 'write `"{text}"`'),
    (_EXPONENT, _SOME, 'write it without an exponent or `"{text}"`'),
)


def trap(text: str) -> tuple[str, str] | None:
    """What is ambiguous about a bare word and what to write, or None."""
    lower = text.lower()
    if lower in _TRUE or lower in _FALSE:
        truth = "true" if lower in _TRUE else "false"
        return f"bare `{text}` is a truth value to some readers, a text to others", f'write `{truth}` or `"{text}"`'
    if not text or text[0] not in "+-.0123456789":
        return None
    return _number(text)


def _number(text: str) -> tuple[str, str] | None:
    if _OCTAL.fullmatch(text) and text.strip("+-0_"):
        plain = text.lstrip("+-").replace("_", "").lstrip("0")
        return f"bare `{text}` is an octal number to some readers", f'write `{plain}` or `"{text}"`'
    for form, said, hint in _FORMS:
        if form.fullmatch(text):
            return f"bare `{text}` {said}", hint.format(text=text, digits=text.replace("_", ""), sixties=_sixties(text))
    return None


def _sixties(text: str) -> str:
    parts = text.split(":")
    if len(parts) == 2 and parts[0].isdigit() and parts[1].isdigit():
        return f'write `{int(parts[0]) * 60 + int(parts[1])}s` for a duration, or `"{text}"`'
    return f'write `"{text}"`'
