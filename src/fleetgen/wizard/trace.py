"""From a place in the composed text back to the question that made it."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.core.diagnostic import Diagnostic, Span
from fleetgen.spec.load import load_text
from fleetgen.spec.node import Mapping, Node, Sequence
from fleetgen.wizard.question import Path, Question, owner


class Trace:
    """The places of one text. `questions` are those whose replies it was composed of."""

    def __init__(self, text: str, questions: tuple[Question, ...]) -> None:
        self._questions = questions
        document, _ = load_text(text)
        self._places = list(_places(document.root, ())) if document is not None else []

    def question(self, span: Span) -> Question | None:
        """The question that decides what stands at a place."""
        at = (span.line, span.column)
        path: Path = ()
        for place, candidate in self._places:
            if place <= at:
                path = candidate
        return owner(self._questions, path)

    def concerned(self, diagnostic: Diagnostic) -> tuple[Question, ...]:
        """The questions that could mend a finding, the nearest first, each once."""
        spans = [diagnostic.span, *(span for _, span in diagnostic.related)]
        found = (self.question(span) for span in spans if span is not None)
        return tuple(dict.fromkeys(question for question in found if question is not None))


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
