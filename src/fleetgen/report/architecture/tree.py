"""Sections of a report as trees of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_UNDER = "="


@dataclass(frozen=True)
class Line:
    """`label: text`, and what belongs below it."""

    label: str
    text: str = ""
    children: tuple[Line, ...] = ()

    @property
    def said(self) -> str:
        """The line itself. Texts of the specification may run over several lines; a branch is one."""
        return flat(f"{self.label}: {self.text}" if self.text else self.label)


@dataclass(frozen=True)
class Section:
    """`[DD-01] title` with its lines."""

    code: str
    title: str
    lines: tuple[Line, ...]


def flat(text: str) -> str:
    """On one line, and without what would end the block of code the tree stands in."""
    return " ".join(text.split()).replace("```", "'''")


def chapter(title: str, sections: Sequence[Section]) -> str:
    """A title, underlined, and its sections."""
    heading = f"{title}:\n{_UNDER * len(title)}"
    return "\n\n".join((f"{heading}\n{_section(sections[0])}", *(_section(section) for section in sections[1:])))


def _section(section: Section) -> str:
    return "\n".join((f"[{section.code}] {section.title}", *_branches(section.lines, "")))


def _branches(lines: Sequence[Line], indent: str) -> Iterator[str]:
    for line in lines:
        last = line is lines[-1]
        yield f"{indent}{'└──' if last else '├──'} {line.said}"
        yield from _branches(line.children, indent + ("    " if last else "│   "))
