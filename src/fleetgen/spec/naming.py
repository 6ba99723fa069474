"""What a person would call a shape, for messages and the manual."""

from __future__ import annotations

from fleetgen.spec.shape import (
    Anything,
    ByKind,
    Flag,
    Grammar,
    ListOf,
    MapOf,
    Name,
    Quantity,
    Record,
    Shape,
    Text,
    Whole,
    Word,
)


def a(word: str) -> str:
    """With its article."""
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"


def called(shape: Shape) -> str:
    """`a duration`, `the name of an event`, `a text or a mapping`."""
    match shape:
        case Record():
            return f"a mapping ({a(shape.title)})"
        case ByKind():
            inner = [each for each in (shape.scalar, shape.sequence, shape.mapping) if each is not None]
            return " or ".join(called(each) for each in inner)
        case MapOf():
            return "a mapping"
        case ListOf():
            return "a list"
    return _text(shape)


def _text(shape: Shape) -> str:
    match shape:
        case Name():
            return f"the name of {a(shape.of)}"
        case Quantity() | Grammar():
            return a(shape.kind)
        case Text():
            return a(shape.says)
        case Anything():
            return "anything"
    return {Flag: "`true` or `false`", Whole: "a whole number", Word: "a word"}[type(shape)]
