"""A language under test, as its description says: how services are built and started."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fleetgen.runtime.monorepo import LocalService
from fleetgen.runtime.tools import plain_environment, uv

Build = Literal["conformance", "plain"]
HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Subject:
    """One language. `stack` is what the probe domain is generated with."""

    language: str
    stack: str
    commands: tuple[tuple[str, ...], ...]
    starts: Mapping[Build, tuple[str, ...]]
    environment: Mapping[str, str]

    def build(self, root: Path) -> None:
        """Build all services of a monorepo; `subprocess.CalledProcessError` says what failed."""
        for command in self.commands:
            filled = [self._filled(word, root) for word in command]
            subprocess.run(filled, cwd=root, env=plain_environment({}), check=True, timeout=600)

    def start(self, kind: Build, root: Path, service: LocalService) -> tuple[tuple[str, ...], dict[str, str]]:
        """Program with arguments, and the variables that this language needs."""
        words = tuple(self._filled(word, root, service) for word in self.starts[kind])
        return words, {name: self._filled(text, root, service) for name, text in self.environment.items()}

    def mutant(self, name: str) -> Path:
        """The patch that makes this language's chassis wrong in that way, in paths of the generated monorepo."""
        return HERE.parent / self.stack / "conformance" / "mutants" / f"{name}.patch"

    def _filled(self, text: str, root: Path, service: LocalService | None = None) -> str:
        places = {"root": str(root), "here": str(HERE.parent / self.stack), "python": sys.executable, "uv": str(uv())}
        if service is not None:
            places |= {"service": service.name, "package": service.facts.package}
        for name, value in places.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def read_subject(path: Path) -> Subject:
    """The description in a `.toml` file."""
    content = tomllib.loads(path.read_text())
    return Subject(
        language=content["language"],
        stack=content["stack"],
        commands=tuple(tuple(command) for command in content["build"]["commands"]),
        starts={kind: tuple(words) for kind, words in content["start"].items()},
        environment=content.get("environment", {}),
    )
