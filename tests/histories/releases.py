"""Lines of releases of the tiny templates, drawn by a seed: what a fleet lives through on the side of the templates."""

from __future__ import annotations

from functools import cache
from random import Random

import shop
from fleetgen.render.files import EXECUTABLE, PLAIN, File
from fleetgen.render.templates import Templates

LINES = 8  # independent lines of releases
LENGTH = 5  # releases in a line
_TEXT = "".join(f"Line {number} of the guide.\n" for number in range(12)).encode()
_START = {
    **shop.FIRST.files,
    "copier.yml": File(shop.FIRST.files["copier.yml"].content + b"_skip_if_exists: [once.md]\n"),
    f"{shop.SERVICE}/guide.md": File(_TEXT),
    f"{shop.SERVICE}/once.md": File(b"Given once.\n"),
}
# Names that templates give and take; a person writes files of the same names.
NAMES = ("guide.md", "handbook.md", "notes.md", "own.py", "docs/more.md")


@cache
def line(number: int) -> tuple[Templates, ...]:
    """The releases 1.0.0, 1.1.0, … of one line."""
    random = Random(number)
    files, made = dict(_START), []
    for minor in range(LENGTH):
        if minor:
            for _ in range(random.randint(1, 4)):
                random.choice(_CHANGES)(random, files, f"{number}.{minor}.{random.randrange(1000)}")
        made.append(Templates(f"1.{minor}.0", dict(sorted(files.items()))))
    return tuple(made)


def _texts(files: dict[str, File]) -> list[str]:
    """Those whose lines may change: not the answers, not the configuration."""
    known = (path for path, file in files.items() if path.startswith(shop.SERVICE) and b"\0" not in file.content)
    return sorted(path for path in known if ".copier-answers" not in path)


def _lines(random: Random, files: dict[str, File], mark: str) -> None:
    path = random.choice(_texts(files))
    lines = files[path].content.splitlines(keepends=True)
    plain = [place for place, text in enumerate(lines) if b"{" not in text]
    if plain:
        place = random.choice(plain)
        kind = random.choice(("change", "insert", "cut"))
        lines[place : place + (kind != "insert")] = [] if kind == "cut" else [f"# Released {mark}.\n".encode()]
        files[path] = File(b"".join(lines), files[path].mode)


def _rename(random: Random, files: dict[str, File], mark: str) -> None:
    there = [name for name in NAMES if f"{shop.SERVICE}/{name}" in files]
    free = sorted(set(NAMES) - set(there))
    if there and free:
        files[f"{shop.SERVICE}/{random.choice(free)}"] = files.pop(f"{shop.SERVICE}/{random.choice(there)}")


def _drop(random: Random, files: dict[str, File], mark: str) -> None:
    there = [path for path in files if path.rsplit("/", 1)[-1] in {*NAMES, "main.py", "logo.png", "start", "once.md"}]
    if there:
        del files[random.choice(there)]


def _give(random: Random, files: dict[str, File], mark: str) -> None:
    content = random.choice((_TEXT, f"Given by {mark}.\n".encode(), b"\0binary " + mark.encode()))
    files[f"{shop.SERVICE}/{random.choice((*NAMES, 'logo.png', 'once.md', 'bin/start'))}"] = File(content)


def _mode(random: Random, files: dict[str, File], mark: str) -> None:
    path = random.choice(_texts(files))
    files[path] = File(files[path].content, PLAIN if files[path].executable else EXECUTABLE)


_CHANGES = (_lines, _lines, _lines, _rename, _drop, _give, _mode)
