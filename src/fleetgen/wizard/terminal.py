"""Asks in a terminal, with questionary. Knows how a question looks, nothing of what comes next."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any, Protocol

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.report.diagnostics.text import printable
from fleetgen.wizard.dialogue import Asked
from fleetgen.wizard.forms import Line, Refusal

BACK = "<"
Say = Callable[[str, str], None]  # a line, and its style
Show = Callable[[Sequence[Diagnostic], Mapping[str, str]], None]
Judge = Callable[[str], Refusal | None]


class Terminal(Protocol):
    """Whoever is asked."""

    def say(self, line: str, style: str = "") -> None:
        """Tell a line."""

    def show(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, str]) -> None:
        """Tell what was found."""

    def ask(self, asked: Asked, judge: Judge) -> str:
        """The reply to a question, or `<`. `judge` says why one could not stand, while it is being written.

        Raises:
            KeyboardInterrupt, EOFError: When the person leaves.
        """

    def choose(self, text: str, choices: Mapping[str, str]) -> str:
        """One of the choices, by its key; their values are what is read.

        Raises:
            KeyboardInterrupt, EOFError: When the person leaves.
        """


def interactive() -> bool:
    """Whether there is a terminal to ask in: one that can move its cursor."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb"


class Questionary:
    """A terminal of this process: questions are talk, so they go to standard error."""

    def __init__(self, say: Say, show: Show) -> None:
        self._say, self._show, self._topic = say, show, ""

    def say(self, line: str, style: str = "") -> None:
        """Tell a line."""
        self._say(printable(line), style)

    def show(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, str]) -> None:
        """Tell what was found."""
        self._show(diagnostics, sources)

    def ask(self, asked: Asked, judge: Judge) -> str:
        """Ask; a choice is chosen, everything else is written."""
        question = asked.question
        self.say("")
        if question.topic != self._topic:
            self._topic = question.topic
            self.say(f"── {question.topic} ──", "bold")
        for text in (question.about, *question.reminders):
            for line in wrap(text, get_terminal_size().columns, subsequent_indent="  "):
                self.say(line, "dim")
        if asked.refusal is not None:
            self._refuse(asked.refusal)
        text = f"[{asked.number}/{asked.of}] {question.text}" if asked.of else f"[{asked.number}] {question.text}"
        form = question.form
        if isinstance(form, Line) and form.choices:
            offered = asked.offer if asked.offer in form.choices else form.choices[0]
            return self._select(text, {each: each for each in form.choices} | {BACK: "< one question back"}, offered)
        return self._write(text, asked.offer, judge, many=question.many)

    def choose(self, text: str, choices: Mapping[str, str]) -> str:
        """Let the person choose."""
        return self._select(text, choices, next(iter(choices)))

    def _refuse(self, refusal: Refusal) -> None:
        self.say(f"✗ {refusal.message}", "red")
        if refusal.hint:
            self.say(f"  {refusal.hint}", "cyan")

    def _select(self, text: str, choices: Mapping[str, str], offered: str) -> str:
        import questionary  # noqa: PLC0415 - half a second that `--help` need not wait for

        listed = [questionary.Choice(printable(title), value=key) for key, title in choices.items()]
        with _on_standard_error():
            prompt = questionary.select(text, choices=listed, default=offered, instruction="(arrows, Enter)")
            return str(prompt.unsafe_ask())

    def _write(self, text: str, offer: str, judge: Judge, *, many: bool) -> str:
        import questionary  # noqa: PLC0415

        with _on_standard_error():
            prompt = questionary.text(
                text,
                default=offer,
                multiline=many,
                instruction="(one a line; Enter on an empty line ends)\n" if many else None,
                key_bindings=self._keys(judge, many=many),
                prompt_continuation=" ",
            )
            return str(prompt.unsafe_ask())

    def _keys(self, judge: Judge, *, many: bool) -> Any:
        """Enter: what cannot stand is refused at once and stays to be mended; else a new line, or the end."""
        from prompt_toolkit.application import run_in_terminal  # noqa: PLC0415
        from prompt_toolkit.key_binding import KeyBindings  # noqa: PLC0415

        keys = KeyBindings()

        @keys.add("enter")
        def _enter(event: Any) -> None:
            buffer = event.current_buffer
            document = buffer.document
            ends = not many or not document.current_line.strip() or document.current_line.strip() == BACK
            if is_back(buffer.text):
                buffer.validate_and_handle()
            elif (refusal := judge(buffer.text)) is not None and (ends or refusal.line <= document.cursor_position_row):
                run_in_terminal(lambda: self._refuse(refusal))
                if many and buffer.text.strip():
                    line = document.lines[refusal.line]
                    buffer.cursor_position = document.translate_row_col_to_index(refusal.line, len(line))
            elif ends:
                buffer.validate_and_handle()
            else:
                buffer.insert_text("\n")

        return keys


def is_back(reply: str) -> bool:
    """Whether the last line of a reply asks to go back."""
    return reply.strip().rpartition("\n")[2].strip() == BACK


def unfinished(reply: str) -> str:
    """What was written before the line that asks to go back."""
    return reply.strip().rpartition("\n")[0]


@contextmanager
def _on_standard_error() -> Iterator[None]:
    from prompt_toolkit.application import create_app_session  # noqa: PLC0415
    from prompt_toolkit.output import create_output  # noqa: PLC0415

    with create_app_session(output=create_output(stdout=sys.stderr)):
        yield
