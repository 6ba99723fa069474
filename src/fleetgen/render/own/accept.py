"""Decides whether a template can be a stack: its kind, what it may not do, and the copier template that is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Literal

import yaml
from jinja2 import Environment

from fleetgen.core.diagnostic import Diagnostic, Span, has_errors, ordered
from fleetgen.render.copier_worker import LocalTemplate
from fleetgen.render.files import File, Tree
from fleetgen.render.own import cookiecutter, findings
from fleetgen.render.own.inspection import inspect
from fleetgen.render.own.source import Fetched

CopierKind = Literal["copier", "cookiecutter"]

_CONFIGURATIONS = ("copier.yml", "copier.yaml")
_DEFAULT_ANSWERS = ".copier-answers.yml"
_RUNS = {
    "tasks": "run what they do as a step of your Makefile or pipeline instead",
    "migrations": "write down for people what they do; fleetgen and copier merge the files themselves",
    "jinja_extensions": "copy the template and write what they give without them",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True)
class Accepted:
    """A template that can be a stack."""

    kind: CopierKind
    files: Tree
    questions: tuple[str, ...]


def accept(source: Fetched) -> tuple[Accepted | None, tuple[Diagnostic, ...]]:
    """The template as it will be kept, or what stands against it, all of it, with places in the source."""
    if found := tuple(_paths(source)):
        return None, ordered(found)
    kind = _kind(source)
    if kind is None:
        hint = "it needs `copier.yml` or `cookiecutter.json` at its top; name the folder with `--directory`"
        return None, (findings.no_template(source.name, "it has neither of both files", hint),)
    files, converted = cookiecutter.convert(source) if kind == "cookiecutter" else (dict(source.files), ())
    if has_errors(converted) or not files:
        return None, ordered(converted)
    with TemporaryDirectory(prefix="fleetgen-template-") as folder:
        lay_out(files, Path(folder))
        work = _Check(source, kind, files, LocalTemplate(Path(folder), source.name, "0"))
        found = ordered((*converted, *work.findings()))
    if has_errors(found):
        return None, found
    return Accepted(kind, work.completed(), work.questions), found


def kind_of(files: Tree) -> CopierKind:
    """What a kept template was made from."""
    made = files.get("copier.yml")
    return "cookiecutter" if made and made.content.startswith(cookiecutter.MARK.encode()) else "copier"


def lay_out(files: Tree, folder: Path) -> None:
    """Write a tree to a folder."""
    for path, file in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
        place.chmod(file.mode)


def unknown_answer(name: str, questions: tuple[str, ...]) -> Diagnostic:
    """A person answers what the template does not ask."""
    near = get_close_matches(name, questions, 1)
    asked = (
        f"did you mean `{near[0]}`?"
        if near
        else f"it asks for {', '.join(f'`{each}`' for each in questions) or 'nothing'}"
    )
    return findings.bad_setting(None, f"the template does not ask for `{name}`", asked)


def _kind(source: Fetched) -> CopierKind | None:
    if any(name in source.files for name in _CONFIGURATIONS):
        return "copier"
    return "cookiecutter" if cookiecutter.CONFIGURATION in source.files else None


def _paths(source: Fetched) -> Iterator[Diagnostic]:
    for path in source.files:
        if {"..", ".git"} & set(PurePosixPath(path).parts):
            yield findings.leaves_tree(
                source.span(path), f"`{path}` does not stay in the template's folder", "rename it"
            )
        elif _CONTROL.search(path):
            yield findings.leaves_tree(
                Span(source.name), f"the name {path!r} has characters that no path may have", "rename it"
            )


@dataclass
class _Check:
    """The examination of a copier template."""

    source: Fetched
    kind: CopierKind
    files: Tree
    template: LocalTemplate
    questions: tuple[str, ...] = ()
    _suffix: str = ".jinja"
    _subdirectory: str = ""

    def findings(self) -> Iterator[Diagnostic]:
        try:
            settings, asked = self.template.settings(), self.template.questions()
            environment = self.template.environment() if not self._refused(settings) else None
        except Exception as error:  # the file is anybody's: whatever copier makes of it is a finding
            yield self._unreadable(error)
            return
        self._suffix = settings.get("templates_suffix", self._suffix)
        self._subdirectory = settings.get("subdirectory", "")
        self.questions = tuple(name for name, question in asked.items() if question.get("when") is not False)
        yield from self._refused(settings)
        yield from self._secrets(asked)
        if environment is not None:
            yield from self._configuration(environment, {**settings, **asked})
            yield from self._contents(environment)

    def _unreadable(self, error: Exception) -> Diagnostic:
        cause = error.__cause__
        if isinstance(cause, yaml.MarkedYAMLError) and cause.problem_mark:
            return findings.wrong(self._place(cause.problem_mark.line + 1), f"it is not YAML: {cause.problem}")
        return findings.wrong(self._place(1), f"copier cannot read it: {' '.join(str(error).split())}")

    def completed(self) -> Tree:
        """The files, with the one that records the answers where the author left it out: updates start from it."""
        if any("_copier_conf.answers_file" in PurePosixPath(path).name for path in self.files):
            return self.files
        name = f"{cookiecutter.ANSWERS_FILE}{self._suffix}"
        path = (PurePosixPath(self._subdirectory) / name).as_posix()
        return {**self.files, path: File(cookiecutter.ANSWERS_TEXT.encode())}

    def _refused(self, settings: dict[str, Any]) -> list[Diagnostic]:
        found = [
            findings.runs_code(self._place(self._line(f"_{key}")), f"`_{key}`", hint)
            for key, hint in _RUNS.items()
            if settings.get(key)
        ]
        if settings.get("external_data"):
            what = "`_external_data` reads files that another clone may not have"
            hint = "ask for the values, and answer with `--set`"
            found.append(findings.not_repeatable(self._place(self._line("_external_data")), what, hint))
        if settings.get("answers_file", _DEFAULT_ANSWERS) != _DEFAULT_ANSWERS:
            what = f"`_answers_file` is not `{_DEFAULT_ANSWERS}`, where copier and fleetgen look for answers"
            found.append(findings.wrong(self._place(self._line("_answers_file")), what, "leave the setting out"))
        found += self._answers_missing(settings)
        return found

    def _answers_missing(self, settings: dict[str, Any]) -> list[Diagnostic]:
        recorded = any("_copier_conf.answers_file" in PurePosixPath(path).name for path in self.files)
        unusual = "{" in str(settings.get("subdirectory", "")) or any(
            "_string" in key for key in settings.get("envops") or {}
        )
        if recorded or not unusual:
            return []
        what = "no file records the answers, so that services could not be updated"
        hint = "add `{{ _copier_conf.answers_file }}.jinja` that holds `{{ _copier_answers | to_nice_yaml }}`"
        return [findings.wrong(self._place(1), what, hint)]

    def _secrets(self, asked: dict[str, Any]) -> Iterator[Diagnostic]:
        for name, question in asked.items():
            if question.get("secret"):
                what = f"question `{name}` is secret: its answer is not recorded"
                hint = "let the service read secrets from its environment, where it runs"
                yield findings.not_repeatable(self._place(self._line(name)), what, hint)

    def _configuration(self, environment: Environment, document: dict[str, Any]) -> Iterator[Diagnostic]:
        for key, value in document.items():
            line = self._line(key)
            for text in _strings(value):
                yield from inspect(environment, text, partial(self._at_configuration, line), question=True)

    def _contents(self, environment: Environment) -> Iterator[Diagnostic]:
        alone = self.kind == "cookiecutter"
        for path, file in self.files.items():
            origin = self._origin(path)
            for part in PurePosixPath(path).parts:
                yield from inspect(environment, part, partial(self._at_path, origin), alone=alone)
            if path.endswith(self._suffix) and origin in self.source.files:
                try:
                    text = file.content.decode()
                except UnicodeDecodeError:
                    if self._suffix:
                        yield findings.wrong(self.source.span(origin), "a file to be rendered is not UTF-8")
                    continue
                yield from inspect(environment, text, partial(self.source.span, origin), alone=alone)

    def _origin(self, path: str) -> str:
        """The path in the person's own template."""
        return path if path in self.source.files else path.removesuffix(cookiecutter.SUFFIX)

    def _at_configuration(self, line: int, _: int) -> Span:
        """An expression of the configuration stands where its key does."""
        return self._place(line)

    def _at_path(self, path: str, _: int) -> Span:
        return self.source.span(path)

    def _place(self, line: int) -> Span:
        return self.source.span(self._configuration_name, line)

    @property
    def _configuration_name(self) -> str:
        names = (cookiecutter.CONFIGURATION,) if self.kind == "cookiecutter" else _CONFIGURATIONS
        return next(name for name in names if name in self.source.files)

    def _line(self, key: str) -> int:
        """Where a key of the configuration stands, the first line where it is in a file that is included."""
        text = self.source.files[self._configuration_name].content.decode(errors="replace")
        pattern = re.compile(rf"^\s*[\"']?_?{re.escape(key)}[\"']?\s*:")
        return next((number for number, line in enumerate(text.splitlines(), start=1) if pattern.match(line)), 1)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
