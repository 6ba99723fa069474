"""A file in memory: what rendering gives and what evolution writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

PLAIN = 0o644
EXECUTABLE = 0o755


@dataclass(frozen=True)
class File:
    """Content and mode. Of the mode only "executable or not" counts, as in git; the rest is the umask's."""

    content: bytes
    mode: int = PLAIN

    def __post_init__(self) -> None:
        """Reduce the mode to the two that git knows."""
        object.__setattr__(self, "mode", EXECUTABLE if self.mode & 0o111 else PLAIN)

    @property
    def executable(self) -> bool:
        """Whether the file can be run."""
        return self.mode == EXECUTABLE

    @cached_property
    def stamp(self) -> Stamp:
        """What makes two files the same."""
        return Stamp(sha256(self.content).hexdigest(), self.executable)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The identity of a file without its content: digest and executable bit."""

    sha256: str
    executable: bool = False


Tree = Mapping[str, File]
