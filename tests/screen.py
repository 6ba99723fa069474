"""A person at a real terminal: a screen that is read, and keys that are pressed when a prompt is there."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pexpect
import pyte

ROWS, COLUMNS = 60, 130
PATIENCE = 60.0
UP, DOWN = "\x1b[A", "\x1b[B"


def _without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}


class _Screen(pyte.HistoryScreen):
    """Answers what programs ask a terminal, as its place of the cursor."""

    def __init__(self, reply: Callable[[str], Any]) -> None:
        super().__init__(COLUMNS, ROWS, history=2000)
        self._reply = reply

    def write_process_input(self, data: str) -> None:
        self._reply(data)


class Person:
    """Runs `fleetgen` in a terminal of its own."""

    def __init__(self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self.child: pexpect.spawn[bytes] = pexpect.spawn(
            sys.executable,
            ["-m", "fleetgen.cli.main", *arguments],
            cwd=str(cwd),
            # The terminal's own size, not the one that a runner of tests tells its workers.
            env={**_without(os.environ, "COLUMNS", "LINES"), "TERM": "xterm", **(env or {})},
            dimensions=(ROWS, COLUMNS),
            timeout=PATIENCE,
        )
        self._screen = _Screen(self.child.send)
        self._stream = pyte.ByteStream(self._screen)

    # -- what is read

    def lines(self) -> list[str]:
        """Everything that was written, what has scrolled away too."""
        above = ["".join(line[x].data for x in range(COLUMNS)) for line in self._screen.history.top]
        return [line.rstrip() for line in (*above, *self._screen.display)]

    def text(self) -> str:
        return "\n".join(self.lines())

    def sees(self, pattern: str) -> re.Match[str]:
        """Wait until the last prompt, or what stands below it, matches."""
        while not (found := re.search(pattern, self.below(), re.DOTALL)):
            self._read(pattern)
        return found

    def reads(self, pattern: str) -> re.Match[str]:
        """Wait until anything that was written matches."""
        while not (found := re.search(pattern, self.text(), re.DOTALL)):
            self._read(pattern)
        return found

    def _prompt(self) -> int:
        """The line of the last prompt."""
        return max((index for index, line in enumerate(self.lines()) if line.startswith("? ")), default=0)

    def _read(self, wanted: str) -> None:
        try:
            self._stream.feed(self.child.read_nonblocking(65536, PATIENCE))
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            raise AssertionError(f"{wanted!r} was not seen ({type(error).__name__}):\n{self.text()}") from None

    # -- what is done

    def press(self, keys: str) -> None:
        self.child.send(keys)

    def answers(self, question: str, reply: str | None = None) -> None:
        """Wait for the question and write a reply; None takes what is offered."""
        self.sees(rf"^\? .*{question}")
        many = "empty line ends" in self.lines()[self._prompt()]
        if reply is not None:
            self.child.send("\x15\x7f" * 20 if many else "\x15")  # as many lines as any question offers
            self.child.send(reply.replace("\n", "\r"))
        self.child.send("\x1b\r" if many else "\r")

    def chooses(self, question: str, choice: str) -> None:
        """Move to a choice and take it."""
        self.sees(rf"^\? .*{question}")
        while not re.search(rf"^ » {choice}", self.below(), re.MULTILINE):
            before = self.below()
            self.child.send(DOWN)
            while self.below() == before:
                self._read(choice)
        self.child.send("\r")

    def below(self) -> str:
        return "\n".join(self.lines()[self._prompt() :])

    def ends(self) -> int:
        """Wait for the end; the exit code, or minus the signal."""
        while True:
            try:
                self._stream.feed(self.child.read_nonblocking(65536, PATIENCE))
            except pexpect.EOF:
                break
        self.child.wait()
        status = self.child.exitstatus
        return status if status is not None else -int(self.child.signalstatus)

    def kill(self) -> None:
        self.child.kill(signal.SIGKILL)
        self.child.wait()

    def close(self) -> None:
        self.child.close(force=True)
