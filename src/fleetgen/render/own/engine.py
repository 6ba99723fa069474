"""Renders one release of a person's own template, with the answers that the template asks for.

Answers come as a mapping: what a person set and what an earlier rendering recorded by the names of the questions,
the facts under `service` and `fleet`, and under `SUGGESTED` the values that fleetgen has for usual names of questions.
"""

from __future__ import annotations

import json
import re
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, TypeVar

from fleetgen.render.copier_worker import LocalTemplate
from fleetgen.render.files import File, Stamp
from fleetgen.render.own.accept import lay_out
from fleetgen.render.templates import Templates, TemplatesError

SUGGESTED = "_suggested"
FOLDER = "_folder"  # among the suggestions: the name of the service's folder
ANSWERS = ".copier-answers.yml"
_FACTS = ("service", "fleet")
_FACTS_TYPES = {"yaml", "json"}
_T = TypeVar("_T")
_REQUIRED = re.compile(r'Question "(?P<name>.+)" is required')


@dataclass(frozen=True, eq=False)
class OwnTemplates(Templates):
    """A release of a person's own template, kept in the bundle at `place` in the monorepo."""

    place: str

    @property
    def name(self) -> str:
        """The stack."""
        return Path(self.place).stem


class OwnEngine:
    """Ready to render one release; its files lie in a temporary folder as long as it lives."""

    def __init__(self, templates: OwnTemplates) -> None:
        self._name = templates.name
        folder = Path(mkdtemp(prefix="fleetgen-own-"))
        self._end = weakref.finalize(self, rmtree, folder, ignore_errors=True)
        lay_out(templates.files, folder)
        self._template = LocalTemplate(folder, f"../../{templates.place}", templates.version)
        self._rendered: dict[str, dict[str, File]] = {}

    def draft(self, template: str, answers: Mapping[str, Any]) -> OwnDraft:
        """A service with its answers, of which nothing is rendered yet."""
        return OwnDraft(self, answers)

    def render(self, answers: Mapping[str, Any]) -> dict[str, File]:
        """The files of a service by path, rendered once."""
        key = json.dumps(answers, sort_keys=True)
        if key not in self._rendered:
            self._rendered[key] = self._guarded(lambda data: self._template.copy(_folder(answers), data), answers)
            _check(self._name, self._rendered[key])
        return self._rendered[key]

    def given_once(self, answers: Mapping[str, Any]) -> Callable[[str], bool]:
        """Whether a path is rendered only where it is missing (`_skip_if_exists`)."""
        return self._guarded(lambda data: self._template.given_once(_folder(answers), data), answers)

    def excluded(self, template: str, answers: Mapping[str, Any]) -> Callable[[str], bool]:
        """Whether a path is left out with these answers."""
        return self._guarded(lambda data: self._template.excluded(_folder(answers), data), answers)

    def _guarded(self, act: Callable[[dict[str, Any]], _T], answers: Mapping[str, Any]) -> _T:
        try:
            return act(chosen(self._template.questions(), answers))
        except Exception as error:  # the template is anybody's: whatever its expressions raise is its mistake
            raise TemplatesError(self._reason(error)) from error

    def _reason(self, error: Exception) -> str:
        if match := _REQUIRED.match(str(error)):
            name, settings = match["name"], f".fleetgen/templates/{self._name}.yaml"
            return (
                f"template `{self._name}` asks for `{name}`, which has no default; write `{name}` under `answers` in "
                f"`{settings}`, or say `fleetgen templates add {self._name} SOURCE --set {name}=…`"
            )
        said = " ".join(str(error).split()) or type(error).__name__
        return f"template `{self._name}`: {said}"


@dataclass(frozen=True)
class OwnDraft:
    """A service with its answers; rendered whole when anything of it is asked for."""

    engine: OwnEngine
    given: Mapping[str, Any]

    @property
    def answers(self) -> File:
        """The recorded answers."""
        return self.engine.render(self.given)[ANSWERS]

    def file(self, path: str) -> File | None:
        """One file; nothing where the template does not give it."""
        return self.files().get(path)

    def files(self) -> dict[str, File]:
        """All files, by path."""
        return self.engine.render(self.given)

    def stamps(self, then: Templates, recorded: Mapping[str, Stamp]) -> dict[str, Stamp]:
        """What identifies each file: a template of others may depend on anything, so all of it is rendered."""
        return {path: file.stamp for path, file in self.files().items()}

    def given_once(self) -> Callable[[str], bool]:
        """Whether a path is rendered only where it is missing."""
        return self.engine.given_once(self.given)


def chosen(questions: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Of all answers those that the template asks for; a default that is derived from others wins over a suggestion."""
    suggested = answers.get(SUGGESTED, {})
    data = {}
    for name, question in questions.items():
        if name in answers and (name not in _FACTS or _takes_facts(question) or not isinstance(answers[name], dict)):
            data[name] = answers[name]
        elif (value := suggested.get(_usual(name))) is not None and _takes_text(question):
            data[name] = value
    return data


def _folder(answers: Mapping[str, Any]) -> str:
    """The name of the service's folder, from which a question may derive its default; recorded answers need none."""
    return str(answers.get(SUGGESTED, {}).get(FOLDER, "service"))


def _usual(name: str) -> str:
    return name.lower().replace("-", "_")


def _takes_facts(question: Mapping[str, Any]) -> bool:
    return question.get("type") in _FACTS_TYPES


def _takes_text(question: Mapping[str, Any]) -> bool:
    """Whether a suggestion may answer: a text, freely chosen, that the template does not derive itself."""
    default = question.get("default")
    derived = isinstance(default, str) and ("{{" in default or "{%" in default)
    kind = question.get("type") or ("str" if default is None else type(default).__name__)
    return kind == "str" and not derived and not question.get("choices") and question.get("when") is not False


def _check(name: str, files: Mapping[str, File]) -> None:
    if ANSWERS not in files:
        raise TemplatesError(f"template `{name}` does not record its answers in `{ANSWERS}`")
    if strange := next((path for path in files if ".git" in path.split("/")), ""):
        raise TemplatesError(f"template `{name}` writes `{strange}`, which is git's")
