"""What a person does to a fleet between two runs of fleetgen. Each edit leaves something that nobody else writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fleetgen.evolve.merge import conflict_line
from fleetgen.evolve.ownership import Owner, owner_of
from histories.releases import NAMES

_STATE = ("fleet.lock", ".fleetgen/", ".git/")


@dataclass
class Hand:
    """Edits the fleet at `root`; `marks` are the byte strings that were written and not taken away again."""

    root: Path
    random: Random
    seed: int

    def __post_init__(self) -> None:
        self.marks: set[bytes] = set()
        self._count = 0

    def edit(self, services: list[str]) -> str:
        """One edit; what was done, for the story."""
        kind = self.random.choice(_EDITS)
        path = self._own_path(services) if kind is Hand.write else self._file(generated=kind is Hand.trespass)
        if path:
            kind(self, path)
        return f"{kind.__name__} {path}"

    def paths(self) -> list[str]:
        """Every plain file a person could edit."""
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name != ".git"]
            for name in names:
                full = Path(folder, name)
                path = full.relative_to(self.root).as_posix()
                if not path.startswith(_STATE) and name != ".copier-answers.yml" and not full.is_symlink():
                    found.append(path)
        return sorted(found)

    def resolve(self, path: str) -> None:
        """Take one of the sides of each conflict, or both."""
        side = self.random.choice(("mine", "theirs", "both"))
        kept, now = [], ""
        for text in (self.root / path).read_bytes().splitlines(keepends=True):
            if text.startswith(b"<<<<<<< "):
                now = "mine"
            elif text.startswith(b">>>>>>> "):  # the mark before it may have been edited away
                now = ""
            elif text.startswith(b"=======") and now:
                now = "theirs"
            elif side in (now, "both") or not now:
                kept.append(text)
        assert not conflict_line(b"".join(kept))
        self._put(path, b"".join(kept))

    def move_aside(self, path: str) -> None:
        """Give an edited generated file a name of one's own."""
        self._count += 1
        (self.root / path).replace(self.root / f"{path}.mine{self._count}")

    def _file(self, *, generated: bool) -> str:
        owner = Owner.FLEETGEN if generated else Owner.USER
        known = [path for path in self.paths() if owner_of(path) is owner]
        return self.random.choice(known) if known else ""

    def _own_path(self, services: list[str]) -> str:
        path = f"services/{self.random.choice(services)}/{self.random.choice(NAMES)}"
        return "" if os.path.lexists(self.root / path) else path

    def _mark(self) -> bytes:
        self._count += 1
        accent = b"caf\xe9-" if self.random.random() < 0.2 else b""  # no UTF-8
        mark = accent + f"mine-{self.seed}-{self._count}.".encode()
        self.marks.add(mark)
        return mark

    def _read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def _put(self, path: str, content: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def insert(self, path: str) -> None:
        lines = self._read(path).splitlines(keepends=True)
        lines.insert(self.random.randint(0, len(lines)), self._mark() + b"\n")
        self._put(path, b"".join(lines))

    def alter(self, path: str) -> None:
        lines = self._read(path).splitlines(keepends=True) or [b""]
        lines[self.random.randrange(len(lines))] = self._mark() + b"\n"
        self._put(path, b"".join(lines))

    def cut(self, path: str) -> None:
        lines = self._read(path).splitlines(keepends=True) or [b""]
        start = self.random.randrange(len(lines))
        del lines[start : start + self.random.randint(1, 4)]
        self._put(path, b"".join(lines))

    def delete(self, path: str) -> None:
        (self.root / path).unlink()

    def rename(self, path: str) -> None:
        target = f"{path.rsplit('/', 1)[0]}/{self.random.choice(('mine.txt', *NAMES))}" if "/" in path else "mine.txt"
        if not os.path.lexists(self.root / target):
            (self.root / target).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).replace(self.root / target)

    def link(self, path: str) -> None:
        if not os.path.lexists(self.root / f"{path}.real"):
            (self.root / path).replace(self.root / f"{path}.real")
            (self.root / path).symlink_to(f"{Path(path).name}.real")

    def mode(self, path: str) -> None:
        (self.root / path).chmod((self.root / path).stat().st_mode ^ 0o111)

    def binary(self, path: str) -> None:
        self._put(path, b"\0" + self._mark())

    def windows(self, path: str) -> None:
        self._put(path, self._read(path).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    def last_line(self, path: str) -> None:
        self._put(path, self._read(path) + self._mark())

    def empty(self, path: str) -> None:
        self._put(path, b"")

    def write(self, path: str) -> None:
        self._put(path, self._mark() + b" is my own.\n")

    def trespass(self, path: str) -> None:
        self._put(path, self._read(path) + self._mark() + b"\n")


_EDITS = (
    *(3 * [Hand.insert, Hand.alter]), *(2 * [Hand.cut, Hand.write, Hand.delete, Hand.rename]),
    Hand.mode, Hand.binary, Hand.windows, Hand.last_line, Hand.empty, Hand.link, Hand.trespass,
)  # fmt: skip
