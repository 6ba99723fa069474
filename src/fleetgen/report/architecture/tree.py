"""Chapters as trees of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleetgen.report.architecture.leaf import Chapter, Leaf, Section

_UNDER = "="


def chapter(of: Chapter) -> str:
    """A title, underlined, and its sections."""
    return f"{of.title}\n{_UNDER * len(of.title)}\n" + "\n\n".join(_section(section) for section in of.sections)


def _section(section: Section) -> str:
    return "\n".join((section.heading, *_branches(section.leaves, "")))


def _branches(leaves: Sequence[Leaf], indent: str) -> Iterator[str]:
    for place, leaf in enumerate(leaves, start=1):
        last = place == len(leaves)
        yield f"{indent}{'└──' if last else '├──'} {leaf.said}"
        yield from _branches(leaf.children, indent + ("    " if last else "│   "))
