"""A fleet's own templates: `.fleetgen/templates/<name>.bundle` holds the releases, `<name>.yaml` the answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from packaging.version import Version
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fleetgen.core.diagnostic import Diagnostic, Span, has_errors
from fleetgen.evolve import findings, journal
from fleetgen.evolve.actions import Action, Kind, Plan
from fleetgen.evolve.apply import apply
from fleetgen.evolve.desired import Desired
from fleetgen.evolve.disk import Blocked, Disk
from fleetgen.evolve.lock import read as read_lock
from fleetgen.evolve.ownership import LOCK, Owner
from fleetgen.evolve.releases import OwnReleases
from fleetgen.render import bundle as bundles
from fleetgen.render.files import File
from fleetgen.render.git import GitError
from fleetgen.render.own import findings as template_findings
from fleetgen.render.own.accept import Accepted, kind_of, unknown_answer

FOLDER = ".fleetgen/templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")
_ABOUT = """\
# Answers to the questions of the template `{name}`, for all its services and for single ones. This file is yours.
# Words like {{team}} stand for what fleet.yaml says of a service; the guide "Your own templates" lists them.
"""

Diagnostics = tuple[Diagnostic, ...]


@dataclass(frozen=True)
class OwnStack:
    """A template of the fleet's own, and the answers that a person gave: for all its services, and by service."""

    name: str
    releases: OwnReleases
    answers: Mapping[str, Any] = field(default_factory=dict)
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: bytes | None = None

    def of(self, service: str) -> dict[str, Any]:
        """What a person answered for a service."""
        return {**self.answers, **self.services.get(service, {})}

    def files(self) -> dict[str, File]:
        """What another fleet needs to have the same stack."""
        files = {self.releases.place: File(self.releases.bundle)}
        return files if self.settings is None else {**files, settings_of(self.name): File(self.settings)}


@dataclass(frozen=True)
class Listed:
    """A line of the list of templates."""

    name: str
    kind: str
    releases: tuple[str, ...]
    services: tuple[str, ...]


def bundle_of(name: str) -> str:
    """Where the releases of a template lie."""
    return f"{FOLDER}/{name}.bundle"


def settings_of(name: str) -> str:
    """Where the answers to a template lie."""
    return f"{FOLDER}/{name}.yaml"


def own_stacks(root: Path) -> tuple[dict[str, OwnStack], Diagnostics]:
    """The own templates of the fleet at `root`, by name."""
    if has_errors(found := journal.recover(root)):
        return {}, found
    disk = Disk(root)
    stacks: dict[str, OwnStack] = {}
    diagnostics: list[Diagnostic] = []
    folder = root / FOLDER
    names = sorted(path.stem for path in folder.glob("*.bundle")) if folder.is_dir() else []
    for name in filter(_NAME.match, names):
        stack, wrong = _stack(disk, name)
        diagnostics += wrong
        if stack:
            stacks[name] = stack
    return stacks, tuple(diagnostics)


def _stack(disk: Disk, name: str) -> tuple[OwnStack | None, Diagnostics]:
    file = disk.look(bundle_of(name))
    if not isinstance(file, File):
        reason = file.reason if isinstance(file, Blocked) else "it is gone"
        return None, (findings.unreadable(bundle_of(name), reason),)
    try:
        releases = OwnReleases(bundle_of(name), file.content)
        releases.newest  # noqa: B018 - a bundle without a release is refused here
    except GitError as error:
        return None, (findings.unreadable(bundle_of(name), str(error)),)
    settings = disk.look(settings_of(name))
    content = settings.content if isinstance(settings, File) else None
    try:
        answers, services = _answers(content)
    except _Wrong as wrong:
        return None, (template_findings.bad_setting(Span(settings_of(name), wrong.line), str(wrong), _SHAPE),)
    return OwnStack(name, releases, answers, services, content), ()


_SHAPE = "write `answers: {question: value}`, and `services: {order: {question: value}}` for one service alone"


class _Wrong(Exception):
    """The file of answers is not one."""

    def __init__(self, what: str, line: int = 1) -> None:
        super().__init__(what)
        self.line = line


def _answers(content: bytes | None) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    if content is None:
        return {}, {}
    try:
        document = YAML(typ="safe", pure=True).load(content.decode()) or {}
    except UnicodeDecodeError as error:
        raise _Wrong("the file is not UTF-8") from error
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _Wrong(
            f"the file is not YAML: {getattr(error, 'problem', error)}", mark.line + 1 if mark else 1
        ) from error
    try:
        document = json.loads(json.dumps(document, default=str))  # answers are recorded: a date is text there
    except (ValueError, RecursionError) as error:
        raise _Wrong("the file refers to itself") from error
    if not isinstance(document, dict) or document.keys() - {"answers", "services"}:
        raise _Wrong("the file has other keys than `answers` and `services`")
    answers, services = document.get("answers") or {}, document.get("services") or {}
    if not isinstance(answers, dict) or not isinstance(services, dict):
        raise _Wrong("`answers` and `services` are not mappings")
    if strange := next((name for name, each in services.items() if not isinstance(each, dict)), None):
        raise _Wrong(f"the answers of service `{strange}` are not a mapping")
    return {str(key): value for key, value in answers.items()}, services


# -- adding


def refused_name(name: str, taken: frozenset[str]) -> Diagnostic | None:
    """Why a stack cannot be called that."""
    if not _NAME.match(name):
        return template_findings.bad_release(
            name, "cannot be the name of a stack", "take a word in kebab-case, like `rust-axum`"
        )
    if name in taken:
        return template_findings.bad_release(name, "is a stack of fleetgen's own", "take another name")
    return None


def add(root: Path, name: str, template: Accepted, version: str, given: Mapping[str, Any]) -> tuple[str, Diagnostics]:
    """Put a release of a template into the fleet, and the answers `given` to the others; the release as it is called.

    `version` is the author's, if there is one; else releases are counted. The same content again is no new release.
    A name in `given` may be `service.question`.
    """
    if unknown := [
        unknown_answer(key, template.questions) for key in given if _question(key) not in template.questions
    ]:
        return "", tuple(unknown)
    stacks, diagnostics = own_stacks(root)
    if has_errors(diagnostics):
        return "", diagnostics
    known = stacks.get(name)
    called, problem = _release(name, template, version, known)
    if problem:
        return "", (problem,)
    actions = [*_appended(Disk(root), name, template, called, known), *_answered(Disk(root), name, known, given)]
    found = apply(Plan(root, tuple(actions))) if actions else ()
    return ("" if has_errors(found) else called), found


def _question(key: str) -> str:
    return key.rsplit(".", 1)[-1]


def _release(name: str, template: Accepted, version: str, known: OwnStack | None) -> tuple[str, Diagnostic | None]:
    if known is None:
        return version or "1", None
    newest = known.releases.newest
    if known.releases.get(newest).files == template.files:
        return newest, None
    if version and Version(version) <= Version(newest):
        what = f"has release v{newest}, and what is added says v{version} but holds something else"
        hint = "give the template a newer tag, or name a revision with `--ref`"
        return "", template_findings.bad_release(name, what, hint)
    return version or str(Version(newest).major + 1), None


def _appended(disk: Disk, name: str, template: Accepted, version: str, known: OwnStack | None) -> Iterator[Action]:
    if known is None or version not in known.releases:
        content = bundles.append(known.releases.bundle if known else None, version, template.files)
        yield _action(disk, bundle_of(name), content, Owner.FLEETGEN)


def _answered(disk: Disk, name: str, known: OwnStack | None, given: Mapping[str, Any]) -> Iterator[Action]:
    if given:
        yield _action(disk, settings_of(name), _settings(name, known.settings if known else None, given), Owner.USER)


def _action(disk: Disk, path: str, content: bytes, owner: Owner) -> Action:
    current = disk.look(path)
    before = current.stamp if isinstance(current, File) else None
    return Action(Kind.CHANGE if before else Kind.ADD, path, owner, before, File(content))


def _settings(name: str, current: bytes | None, given: Mapping[str, Any]) -> bytes:
    """The file of answers with some more, its comments and order kept."""
    yaml = YAML()
    document = (yaml.load(current.decode()) if current else None) or {}
    for key, value in given.items():
        service, _, question = key.rpartition(".")
        place = (
            document.setdefault("services", {}).setdefault(service, {})
            if service
            else document.setdefault("answers", {})
        )
        place[question] = value
    stream = StringIO()
    yaml.dump(document, stream)
    return ((_ABOUT.format(name=name) if current is None else "") + stream.getvalue()).encode()


# -- telling


def listed(root: Path) -> tuple[tuple[Listed, ...], Diagnostics]:
    """The own templates with their releases and the services made from them, as the lock knows."""
    stacks, diagnostics = own_stacks(root)
    file = Disk(root).look(LOCK)
    try:
        projects = read_lock(file.content).projects if isinstance(file, File) else {}
    except ValueError as error:
        return (), (*diagnostics, findings.unreadable(LOCK, str(error)))
    found = []
    for name, stack in stacks.items():
        releases = stack.releases
        services = tuple(
            sorted(path.rsplit("/", 1)[-1] for path, each in projects.items() if each.template == releases.place)
        )
        found.append(Listed(name, kind_of(releases.get(releases.newest).files), releases.known, services))
    return tuple(found), diagnostics


def notes(desired: Desired) -> Iterator[Diagnostic]:
    """What services of own stacks do without, one information a stack."""
    for place in sorted(desired.own):
        services = tuple(project.path.rsplit("/", 1)[-1] for project in desired.projects if project.template == place)
        if services:
            yield template_findings.given_less(Path(place).stem, services)
