"""What stands between the last reply and the first file: findings with their way back, and what will be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleetgen.core.diagnostic import Severity
from fleetgen.core.names import kebab
from fleetgen.model.fleet import Fleet
from fleetgen.pipeline import Checked, check_text
from fleetgen.wizard.compose import compose
from fleetgen.wizard.dialogue import Dialogue, answered
from fleetgen.wizard.question import Question
from fleetgen.wizard.trace import Trace


@dataclass(frozen=True)
class Review:
    """A composed specification, what is said against it, and the questions that could mend that, each once."""

    text: str
    checked: Checked
    concerned: tuple[Question, ...]


def review(dialogue: Dialogue) -> Review:
    """Check everything as `new --spec` would. What is said for information only asks nobody to go back."""
    text = compose(dialogue.replies)
    checked = check_text(text)
    trace = Trace(text, tuple(each.question for each in answered(dialogue)))
    grave = (finding for finding in checked.diagnostics if finding.severity is not Severity.INFORMATION)
    questions = (question for finding in grave for question in trace.concerned(finding))
    return Review(text, checked, tuple(dict.fromkeys(questions)))


def summary(fleet: Fleet) -> Iterator[str]:
    """What will be written, a line each."""
    for service in fleet.services:
        commands = sum(len(each.commands) for each in service.aggregates)
        events = sum(len(each.events) for each in service.aggregates)
        kept = _count(len(service.aggregates), "aggregate")
        told = f"{kept}, {_count(commands, 'command')}, {_count(events, 'event')}"
        yield _row(f"services/{kebab(service.name)}", f"{service.stack}: {told}")
    for stack in sorted({service.stack for service in fleet.services}):
        yield _row(f"libs/chassis-{stack}", f"the library below the {stack} services")
    yield _row("contracts, deploy, docs", "schemas and APIs, charts, the architecture report")
    yield _row("fleet.yaml", "the specification: edit it, and `fleetgen plan` says what follows")


def _row(what: str, told: str) -> str:
    return f"  {what:<28}{told}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
