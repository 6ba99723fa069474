"""A question as data: what is asked, how a reply is read, and which part of the specification comes from it."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgen.wizard.forms import Form, Lines

Path = tuple[str, ...]  # keys of the specification, from the root; in a pattern, `*` stands for any


@dataclass(frozen=True)
class Question:
    """One question. `key` names it for ever in one fleet (`contexts/order/purpose`).

    `owns` are the places of the specification that its reply decides. `whole`: the reply is also held against all that
    was said before, as soon as it is given. `reminders` are lines under what explains it: examples, names said before.
    """

    key: str
    topic: str
    text: str
    about: str
    form: Form
    default: str = ""
    owns: tuple[Path, ...] = ()
    whole: bool = False
    reminders: tuple[str, ...] = ()

    @property
    def many(self) -> bool:
        """Whether a reply has several lines."""
        return isinstance(self.form, Lines)


def match(pattern: Path, path: Path) -> tuple[int, bool, int]:
    """How exactly a pattern names a path or what encloses it: segments, whether the last is named, how many are.

    Zero segments: not at all.
    """
    if not pattern or len(pattern) > len(path) or not _fits(pattern, path):
        return 0, False, 0
    return len(pattern), pattern[-1] != "*", sum(part != "*" for part in pattern)


def _fits(pattern: Path, path: Path) -> bool:
    return all("*" in (part, each) or part == each for part, each in zip(pattern, path, strict=False))


def within(questions: tuple[Question, ...], path: Path) -> tuple[Question, ...]:
    """The questions that decide something below a place."""
    return tuple(
        question
        for question in questions
        if any(len(pattern) > len(path) and _fits(path, pattern) for pattern in question.owns)
    )


def owner(questions: tuple[Question, ...], path: Path) -> Question | None:
    """The question that decides a place of the specification."""
    best, found = match((), ()), None
    for question in questions:
        for pattern in question.owns:
            if (grade := match(pattern, path)) > best:
                best, found = grade, question
    return found
