"""A question as data: what is asked, how a reply is read, and which part of the specification comes from it."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgen.wizard.forms import Form, Lines

Path = tuple[str, ...]  # keys of the specification, from the root; in a pattern, `*` stands for any


@dataclass(frozen=True)
class Question:
    """One question. `key` names it for ever in one fleet (`contexts/order/purpose`).

    `owns` are the places of the specification that its reply decides. `whole`: the reply is also held against all that
    was said before, as soon as it is given.
    """

    key: str
    topic: str
    text: str
    about: str
    form: Form
    default: str = ""
    owns: tuple[Path, ...] = ()
    whole: bool = False

    @property
    def many(self) -> bool:
        """Whether a reply has several lines."""
        return isinstance(self.form, Lines)


def match(pattern: Path, path: Path) -> tuple[int, int]:
    """How exactly a pattern names a path or what encloses it: segments, then those without `*`; (0, 0) for not."""
    if len(pattern) > len(path) or any(p not in ("*", each) for p, each in zip(pattern, path, strict=False)):
        return 0, 0
    return len(pattern), sum(part != "*" for part in pattern)


def owner(questions: tuple[Question, ...], path: Path) -> Question | None:
    """The question that decides a place of the specification."""
    best, found = (0, 0), None
    for question in questions:
        for pattern in question.owns:
            if (grade := match(pattern, path)) > best:
                best, found = grade, question
    return found
