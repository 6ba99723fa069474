"""The table of transitions of orchestrated sagas, as a model: what follows from how participants answer.

It knows nothing of any chassis. Steps before the pivot are tried three times; a step that was refused is not undone,
one that was done or may have been done is, in strict reverse order; a pivot without an answer is asked on; an undo that
is refused waits for an operator. Scripts for it are short enough for the time that the saga has.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rig.players import Answer, Script

TRIES = 3


@dataclass
class Story:
    """How a saga ends, and which attempts of which steps were made, in order."""

    ends: str = "completed"
    attempts: dict[tuple[str, str], int] = field(default_factory=dict)
    statuses: dict[tuple[str, str], str] = field(default_factory=dict)


def story(steps: list[str], pivot: str, script: Script) -> Story:
    """`steps` are those of participants, in order, behind the first one, which has succeeded."""
    told, done = Story(), []
    for step in steps:
        outcome, tries = _forward(script.get((step, False), []), is_pivot=step == pivot)
        told.attempts[step, "forward"] = tries
        told.statuses[step, "forward"] = {"ok": "succeeded", "refused": "failed", "unknown": "timed_out"}[outcome]
        if outcome == "ok":
            done.append(step)
            continue
        if outcome == "unknown":
            done.append(step)
        return _backward(told, [name for name in done if name != pivot], script)
    return told


def _forward(answers: list[Answer], *, is_pivot: bool) -> tuple[str, int]:
    """`ok`, `refused` or `unknown`, and after how many tries. A pivot that may have been done is asked on."""
    number = 0
    while True:
        number += 1
        answer = answers[number - 1] if number <= len(answers) else "ok"
        if answer in ("ok", "twice"):
            return "ok", number
        if answer == "refuse" or (answer == "busy" and number >= TRIES):
            return "refused", number
        if number >= TRIES and not is_pivot:
            return "unknown", number


def _backward(told: Story, done: list[str], script: Script) -> Story:
    told.ends = "compensated"
    for step in reversed(done):
        tries = 0
        for answer in [*script.get((step, True), []), "ok"]:
            tries += 1
            if answer in ("ok", "twice", "refuse"):
                break
        told.attempts[step, "compensate"] = tries
        told.statuses[step, "compensate"] = "failed" if answer == "refuse" else "succeeded"
        if answer == "refuse":
            told.ends = "stuck"
            return told
    return told
