"""What the process was given to write to: a terminal, a file, a pipe whose reader has gone, nothing at all.

A command that writes a fleet must not stop half way because nobody reads what it says (`fleetgen apply | head -1`), and
data is UTF-8 wherever it is written, as every file of a fleet is.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO


class _Lasting(io.FileIO):
    """Swallows what can no longer be told: for standard output when its reader has gone, for talk on any error."""

    def __init__(self, number: int, forgives: type[OSError]) -> None:
        super().__init__(number, "w", closefd=False)
        self.forgives = forgives
        self.gone = False

    def write(self, content: Any) -> int:
        """Write, or do as if."""
        if not self.gone:
            try:
                return super().write(content)
            except OSError as error:
                self.gone = True  # told once: what is still buffered must not fail again when the process ends
                if not isinstance(error, self.forgives):
                    raise
        return memoryview(content).nbytes


def settle() -> None:
    """Put both streams into a state in which writing goes on whatever the other side does."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed by the caller; a file of ours must not take its number
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _settled(sys.stdout, 1, BrokenPipeError)
    sys.stderr = _settled(sys.stderr, 2, OSError)


def still_read() -> bool:
    """Whether anybody reads standard output yet."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return not getattr(raw, "gone", False)


def _settled(stream: TextIO | None, number: int, forgives: type[OSError]) -> TextIO:
    if isinstance(stream, io.TextIOWrapper) and stream.isatty():
        stream.reconfigure(errors="backslashreplace")
        return stream
    lasting = io.BufferedWriter(_Lasting(number, forgives))
    return io.TextIOWrapper(lasting, encoding="utf-8", errors="backslashreplace", line_buffering=number == 2)
