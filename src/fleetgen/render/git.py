"""Runs git. Plumbing runs apart from the user's configuration; what touches the user's repository keeps it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# A hook or an alias may have set these for another repository.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
_APART = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


class GitError(Exception):
    """Git is missing or refused; the text is its own."""


def own_environment() -> dict[str, str]:
    """The environment without what points git at another repository."""
    return {name: value for name, value in os.environ.items() if name not in _FOREIGN}


def git(
    arguments: Sequence[str | Path],
    folder: Path,
    *,
    data: bytes | None = None,
    apart: bool = False,
    allowed: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run one git command in `folder` and return its output; `apart` leaves the user's configuration out."""
    result = run(arguments, folder, data=data, apart=apart, environment=environment)
    if result.returncode not in allowed:
        message = result.stderr.decode(errors="replace").strip() or f"exit code {result.returncode}"
        raise GitError(f"git {arguments[0]}: {message}")
    return result.stdout


def run(
    arguments: Sequence[str | Path],
    folder: Path,
    *,
    data: bytes | None = None,
    apart: bool = False,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run one git command and return whatever it gave, for callers to whom the exit code is an answer."""
    variables = own_environment()
    variables |= _APART if apart else {"LC_ALL": "C"}
    variables |= environment or {}
    try:
        return subprocess.run(
            ["git", *map(str, arguments)],
            cwd=folder,
            input=data or b"",
            capture_output=True,
            env=variables,
            check=False,
        )
    except OSError as error:
        raise GitError(f"git cannot be run: {error}") from error
