"""Which questions there are, in the order of a workshop: what the business is, who builds it, what happens in it.

A script is a generator: it yields a question and is sent what the reply to it said. It asks nobody itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleetgen.wizard import ask_contexts, ask_fleet, ask_flow, ask_running
from fleetgen.wizard.forms import Refusal
from fleetgen.wizard.question import Question

Script = Generator[Question, Any, None]


@dataclass(frozen=True)
class Met:
    """A question that was come by, with its reply, if there is one, and what that says or why it cannot stand."""

    question: Question
    reply: str | None
    value: Any = None
    refusal: Refusal | None = None


def script() -> Script:
    """All questions of a fleet."""
    name = yield from ask_fleet.domain()
    legacy = yield from ask_fleet.legacy()
    teams = yield from ask_fleet.teams()
    contexts = yield from ask_contexts.names()
    board = ask_flow.Board()
    for context, subdomain in contexts.items():
        yield from ask_contexts.context(context, subdomain, teams, board)
    yield from ask_flow.policies(board)
    yield from ask_flow.sagas(board)
    if legacy:
        yield from ask_running.evolution(contexts)
    yield from ask_running.stacks(contexts)
    yield from ask_running.platform()
    yield from ask_running.figures()
    yield from ask_fleet.more(name)


def walk(reply_to: Callable[[Question], str | None]) -> Iterator[Met]:
    """Go through the script as far as replies lead: the last one met has none, or one that cannot stand, or is the end.

    `reply_to` gives the reply to a question, or None.
    """
    running = script()
    question = next(running, None)
    while question is not None:
        reply = reply_to(question)
        value, refusal = question.form.read(reply) if reply is not None else (None, None)
        yield Met(question, reply, value, refusal)
        if reply is None or refusal is not None:
            return
        try:
            question = running.send(value)
        except StopIteration:
            return


def values(replies: Mapping[str, str]) -> dict[str, Any]:
    """What all replies say, by the keys of their questions; those that the script does not come by say nothing."""
    met = walk(lambda question: replies.get(question.key))
    return {each.question.key: each.value for each in met if each.reply is not None and each.refusal is None}
