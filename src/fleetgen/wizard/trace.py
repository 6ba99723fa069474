"""From a place in the composed text back to the question that made it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleetgen.core.diagnostic import Diagnostic, Span
from fleetgen.spec.load import load_text
from fleetgen.spec.node import Mapping, Node, Sequence
from fleetgen.wizard.question import Path, Question, owner, within


class Trace:
    """The places of one text. `questions` are those whose replies it was composed of."""

    def __init__(self, text: str, questions: tuple[Question, ...]) -> None:
        self._questions = questions
        document, _ = load_text(text)
        self._places = list(_places(document.root, ())) if document is not None else []

    def question(self, span: Span) -> Question | None:
        """The question that decides what stands at a place."""
        return owner(self._questions, self._path(span))

    def concerned(self, diagnostic: Diagnostic) -> tuple[Question, ...]:
        """The questions that could mend a finding, the likeliest first, each once.

        These are the one that made the place, those of the same element that the finding speaks of, and those that made
        the other places that take part. A finding about an element as a whole is mended by what it speaks of.
        """
        if diagnostic.span is None:
            return ()
        path = self._path(diagnostic.span)
        spoken = self._spoken_of(diagnostic, _element(path))
        here = [owner(self._questions, path)]
        found = [*spoken, *here] if path == _element(path) else [*here, *spoken]
        found += [self.question(span) for _, span in diagnostic.related]
        return tuple(dict.fromkeys(question for question in found if question is not None))

    def _path(self, span: Span) -> Path:
        at = (span.line, span.column)
        return max((place for place in self._places if place[0] <= at), default=(at, ()))[1]

    def _spoken_of(self, diagnostic: Diagnostic, element: Path) -> list[Question]:
        text = f"{diagnostic.message} {diagnostic.hint}"
        return [
            question
            for question in within(self._questions, element)
            if element and any(_names(text, pattern[-1]) for pattern in question.owns)
        ]


def _names(text: str, key: str) -> bool:
    """Whether a text speaks of a key, in the singular or plural."""
    return key != "*" and re.search(rf"\b{re.escape(key.removesuffix('s'))}", text) is not None


def _element(path: Path) -> Path:
    """The aggregate, context or saga that a place belongs to."""
    if path[:1] == ("contexts",):
        return path[:4] if path[2:3] == ("aggregates",) and len(path) > 3 else path[:2]
    return path[:2] if path[:1] == ("sagas",) else ()


def _places(node: Node, path: Path) -> Iterator[tuple[tuple[int, int], Path]]:
    """Where each part begins, in the order of the text."""
    if isinstance(node, Mapping):
        for key, value in node:
            inner = (*path, key.text)
            yield (key.span.line, key.span.column), inner
            yield from _places(value, inner)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            inner = (*path, str(index))
            yield (item.span.line, item.span.column), inner
            yield from _places(item, inner)
