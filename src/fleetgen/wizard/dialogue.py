"""The state of a questionnaire and its moves: pure, so that it can be kept in a file and tested without a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fleetgen.core.diagnostic import Severity
from fleetgen.spec.load import load_text
from fleetgen.spec.resolve import resolve
from fleetgen.wizard.compose import compose
from fleetgen.wizard.forms import Refusal
from fleetgen.wizard.question import Question
from fleetgen.wizard.script import Met, walk
from fleetgen.wizard.trace import Trace


@dataclass(frozen=True)
class Dialogue:
    """`replies` stand; `drafts` are what a question offers when it is asked: an example, or a reply to think over."""

    replies: Mapping[str, str] = field(default_factory=dict)
    drafts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """The question whose turn it is: what it offers, why an earlier reply no longer stands, and how far one is.

    `of` is how many questions there will be, 0 while that cannot be told.
    """

    question: Question
    offer: str
    refusal: Refusal | None
    number: int
    of: int


def now(dialogue: Dialogue) -> Asked | None:
    """The next question; None when all is said."""
    met = list(walk(lambda question: dialogue.replies.get(question.key)))
    last = met[-1]
    if last.reply is not None and last.refusal is None:
        return None
    offer = dialogue.drafts.get(last.question.key, last.question.default) if last.reply is None else last.reply
    return Asked(last.question, offer, last.refusal, len(met), _length(dialogue))


def _length(dialogue: Dialogue) -> int:
    """How many questions there are if all that is offered is taken; 0 where something has to be said first."""

    def likely(question: Question) -> str:
        offered = dialogue.drafts.get(question.key, question.default)
        return dialogue.replies.get(question.key, offered)

    met = list(walk(likely))
    return len(met) if met[-1].refusal is None else 0


def answered(dialogue: Dialogue) -> tuple[Met, ...]:
    """The questions with a reply that stands."""
    met = walk(lambda question: dialogue.replies.get(question.key))
    return tuple(each for each in met if each.reply is not None and each.refusal is None)


def answer(dialogue: Dialogue, question: Question, reply: str) -> tuple[Dialogue, Refusal | None]:
    """The dialogue with a reply, or the same as before and why it cannot stand."""
    _, refusal = question.form.read(reply)
    given = replace(dialogue, replies={**dialogue.replies, question.key: reply})
    refusal = refusal or (_against_all(given, question) if question.whole else None)
    if refusal is not None:
        return dialogue, refusal
    drafts = {key: text for key, text in dialogue.drafts.items() if key != question.key}
    return replace(given, drafts=drafts), None


def back(dialogue: Dialogue) -> Dialogue:
    """One question back; its reply becomes what it offers. At the first question nothing changes."""
    before = answered(dialogue)
    return reopen(dialogue, before[-1].question.key) if before else dialogue


def drafted(dialogue: Dialogue, question: Question, text: str) -> Dialogue:
    """Keep what was begun to be written for when the question is asked again; an empty text is nothing begun."""
    return replace(dialogue, drafts={**dialogue.drafts, question.key: text}) if text else dialogue


def reopen(dialogue: Dialogue, key: str) -> Dialogue:
    """Ask a question again; what comes after it stays answered as far as it still fits."""
    if key not in dialogue.replies:
        return dialogue
    replies = {each: text for each, text in dialogue.replies.items() if each != key}
    return Dialogue(replies, {**dialogue.drafts, key: dialogue.replies[key]})


def _against_all(dialogue: Dialogue, question: Question) -> Refusal | None:
    """What the specification objects to in this reply, given everything said before."""
    text = compose(dialogue.replies)
    document, found = load_text(text)
    if document is None:
        return None
    _, unresolved = resolve(document)
    trace = Trace(text, tuple(each.question for each in answered(dialogue)))
    for each in (*found, *unresolved):
        if each.severity is Severity.ERROR and each.span is not None:
            owner = trace.question(each.span)
            if owner is not None and owner.key == question.key:
                return Refusal(each.message, each.hint)
    return None
