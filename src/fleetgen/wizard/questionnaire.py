"""Leads a person through the questions to a specification: keeps every reply, shows what is wrong, goes back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fleetgen.core.diagnostic import Severity, has_errors
from fleetgen.wizard import dialogue as state
from fleetgen.wizard.dialogue import Asked, Dialogue
from fleetgen.wizard.forms import Refusal
from fleetgen.wizard.journal import Journal
from fleetgen.wizard.review import Review, review, summary
from fleetgen.wizard.terminal import Terminal, is_back, unfinished

_WRITE, _SHOW, _BACK, _LEAVE = "write", "show", "back", "leave"
_GO_ON = "go-on"


class Left(Exception):
    """The person went away; what was said, if anything, is kept."""


@dataclass
class Questionnaire:
    """One fleet that is asked about."""

    folder: Path
    terminal: Terminal
    journal: Journal

    def run(self, example: Dialogue) -> str:
        """The specification that the person confirmed; `example` is what questions offer to begin with.

        Raises:
            Left: When the person leaves.
            OSError: When the answers cannot be kept.
        """
        try:
            return self._finished(self._begun(example))
        except (KeyboardInterrupt, EOFError, Left):
            kept, _ = self.journal.load()
            if kept is None or not kept.replies:
                self.journal.remove()
            raise Left from None

    def _begun(self, example: Dialogue) -> Dialogue:
        """What was kept, if the person wants to go on with it; what is kept can be, before the first question."""
        kept, damage = self.journal.load()
        if damage:
            self.terminal.say(f"{self.journal.path} is not used: {damage}", "yellow")
        if kept is not None and kept.replies:
            choices = {
                "on": f"go on after {len(state.answered(kept))} answers",
                "anew": "begin anew and forget them",
            }
            if self.terminal.choose(f"Answers for {self.folder} were kept.", choices) == "on":
                return kept
        self.journal.keep(example)
        self.terminal.say(
            "Enter takes what is offered; `<` goes one question back; Ctrl-C leaves, and the answers are kept.", "cyan"
        )
        return example

    def _finished(self, dialogue: Dialogue) -> str:
        """Ask until nothing is left to ask and the person says to write."""
        while True:
            asked = state.now(dialogue)
            if asked is not None:
                dialogue = self._asked(dialogue, asked)
                self.journal.keep(dialogue)
                continue
            found = review(dialogue)
            said = self._found(found) or self._confirmed(found)
            if said == _WRITE:
                return found.text
            dialogue = state.back(dialogue) if said == _BACK else state.reopen(dialogue, said)
            self.journal.keep(dialogue)

    def _asked(self, dialogue: Dialogue, asked: Asked) -> Dialogue:
        def judge(reply: str) -> Refusal | None:
            return asked.question.form.read(reply)[1]

        while True:
            reply = self.terminal.ask(asked, judge)
            if is_back(reply):
                return state.back(state.drafted(dialogue, asked.question, unfinished(reply)))
            moved, refusal = state.answer(dialogue, asked.question, reply.strip("\n"))
            if refusal is None:
                return moved
            asked = Asked(asked.question, reply, refusal, asked.number, asked.of)

    def _found(self, found: Review) -> str:
        """The key of a question to go back to; empty where nothing is in the way of writing."""
        if not found.checked.diagnostics:
            return ""
        self.terminal.say("")
        self.terminal.show(found.checked.diagnostics, found.checked.sources)
        if all(each.severity is Severity.INFORMATION for each in found.checked.diagnostics):
            return ""
        choices = {question.key: f"back to: {question.text}" for question in found.concerned}
        if not has_errors(found.checked.diagnostics):
            choices[_GO_ON] = "go on with the answers as they are"
        choices[_LEAVE] = "leave; the answers are kept"
        chosen = self.terminal.choose("What next?", choices)
        if chosen == _LEAVE:
            raise Left
        return "" if chosen == _GO_ON else chosen

    def _confirmed(self, found: Review) -> str:
        assert found.checked.fleet is not None
        self.terminal.say("")
        self.terminal.say(f"Into {self.folder}:", "bold")
        for line in summary(found.checked.fleet):
            self.terminal.say(line)
        choices = {
            _WRITE: "write it",
            _SHOW: "show fleet.yaml first",
            _BACK: "< one question back",
            _LEAVE: "leave; the answers are kept",
        }
        while (chosen := self.terminal.choose("Write this fleet?", choices)) == _SHOW:
            self.terminal.say(found.text)
        if chosen == _LEAVE:
            raise Left
        return chosen
