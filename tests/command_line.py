"""The command line in this process: how a command ended, and a process that ends in its middle."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

import shop
from fleetgen.cli.app import app


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


def run(*arguments: str) -> Said:
    done = CliRunner().invoke(app, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)


def edit_spec(fleet: Path, old: str, new: str) -> None:
    shop.edit(fleet, "fleet.yaml", old, new)


class Killed(BaseException):
    """The process ends here."""


def dies_at(patch: pytest.MonkeyPatch, number: int) -> list[str]:
    """Let the process end before the `number`th step that changes the disk; what was done until then."""
    done: list[str] = []

    def before(name: str) -> None:
        original = getattr(os, name)

        def step(*arguments: object, **options: object) -> object:
            if sys._getframe(1).f_globals["__name__"] == "shutil":
                return original(*arguments, **options)
            done.append(name)
            if len(done) == number:
                raise Killed
            return original(*arguments, **options)

        patch.setattr(os, name, step)

    for name in ("replace", "unlink", "fsync"):
        before(name)
    return done
