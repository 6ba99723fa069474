"""The leaves as data: what each says and what bears it out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fleetgen.report.architecture.leaf import Leaf, Written
from fleetgen.report.architecture.trees import TITLE, Report


def leaves(report: Report, *, places: bool = False) -> list[dict[str, Any]]:
    """Every leaf with its section, its labels and its sources. `places` adds line and column of what is written."""
    return [_data(section, labels, leaf, places) for section, labels, leaf in walk(report)]


def walk(report: Report) -> Iterator[tuple[str, tuple[str, ...], Leaf]]:
    """Every leaf with the code of its section and the labels that lead to it."""
    for leaf in (*report.head, *report.promises):
        yield TITLE, (str(leaf.label[0]),), leaf
    for chapter in report.chapters:
        for section in chapter.sections:
            yield from ((section.code, labels, leaf) for labels, leaf in section.walk())


def sources_json(report: Report) -> str:
    """The file beside the pages, one leaf a line. It names no line of the specification: the next edit there would make
    it wrong.
    """
    lines = ",\n".join(json.dumps(leaf, ensure_ascii=False) for leaf in leaves(report))
    return f'{{"leaves": [\n{lines}\n]}}\n'


def _data(section: str, labels: tuple[str, ...], leaf: Leaf, places: bool) -> dict[str, Any]:
    sources = []
    for fact in leaf.facts:
        data = {"text": fact.text, **fact.source.data()}
        if places and isinstance(fact.source, Written):
            data |= {"line": fact.source.span.line, "column": fact.source.span.column}
        sources.append(data)
    return {"section": section, "labels": list(labels), "says": leaf.said, "sources": sources}
