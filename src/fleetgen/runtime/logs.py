"""Logs: one file a process, read together with the name of the process before each line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder

_PAUSE = 0.2
_TAIL = 256 * 1024


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a process."""

    name: str
    text: str


def logs(
    root: Path,
    names: tuple[str, ...] = (),
    follow: bool = False,
    lines: int = 20,
    going_on: Callable[[], bool] = lambda: True,
) -> Iterator[LogLine]:
    """The last `lines` of each process, and with `follow` what comes, while `going_on()`. No names: all."""
    folder = FleetFolder(root)
    _check(folder, names)
    readers: dict[str, _Reader] = {}
    for name in _present(folder, names):
        yield from (LogLine(name, line) for line in last_lines(folder.log(name), lines))
        readers[name] = _Reader(folder.log(name), at_end=True)
    while follow and going_on():
        for name in _present(folder, names):
            reader = readers.setdefault(name, _Reader(folder.log(name), at_end=False))
            yield from (LogLine(name, line) for line in reader.new_lines())
        time.sleep(_PAUSE)


def _present(folder: FleetFolder, names: tuple[str, ...]) -> list[str]:
    found = sorted(path.stem for path in folder.logs.glob("*.log") if not path.stem.endswith(".old"))
    return [name for name in found if not names or name in names]


def _check(folder: FleetFolder, names: tuple[str, ...]) -> None:
    known = _present(folder, ())
    for name in names:
        if name not in known:
            there = ", ".join(f"`{each}`" for each in known)
            hint = f"there are {there}" if known else "start the fleet with `fleetgen up`"
            raise RuntimeProblem(f"there is no log of `{name}`", hint)


def last_lines(path: Path, count: int) -> tuple[str, ...]:
    """The end of a log."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(text.splitlines()[-count:]) if count else ()


class _Reader:
    """Whole lines as they come; goes on with the new file when the log was turned over."""

    def __init__(self, path: Path, at_end: bool) -> None:
        self._path = path
        self._rest = b""
        self._stream: BinaryIO = path.open("rb")
        if at_end:
            self._stream.seek(0, os.SEEK_END)

    def new_lines(self) -> Iterator[str]:
        *whole, self._rest = (self._rest + self._stream.read()).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
        if self._path.exists() and self._path.stat().st_ino != os.fstat(self._stream.fileno()).st_ino:
            self._stream.close()
            self._stream = self._path.open("rb")
