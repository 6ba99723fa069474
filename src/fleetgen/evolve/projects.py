"""The two renderings of a project: as it was given last, and as it is wanted. Rendered only where it matters.

What was rendered last is known from the lock by digest, as long as the answers file on disk is the one the lock speaks
of. After a plain `copier update` it is not: then the recorded answers are rendered with the recorded release, as copier
itself would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fleetgen.evolve.desired import Project, place
from fleetgen.evolve.disk import Blocked, Disk
from fleetgen.evolve.lock import Lock, Rendered
from fleetgen.evolve.ownership import ANSWERS, Owner, owner_of
from fleetgen.evolve.releases import OwnReleases, Releases, newer
from fleetgen.render.answers import load, recorded_source, recorded_version, same_but_release
from fleetgen.render.engine import Draft, engine
from fleetgen.render.files import File, Stamp, Tree
from fleetgen.render.own.engine import OwnDraft


class Unreadable(Exception):
    """The recorded answers of a project are not answers; the text is the path."""


class Rendering:
    """A project's files: digests are at hand, contents are rendered when asked for."""

    def __init__(self, stamps: Mapping[str, Stamp], load_file: Callable[[str], File | None]) -> None:
        self.stamps = dict(stamps)
        self._load = load_file

    @classmethod
    def of(cls, files: Tree) -> Rendering:
        """A rendering that was made."""
        return cls({path: file.stamp for path, file in files.items()}, files.get)

    def file(self, path: str) -> File | None:
        """The content of a path, if it can still be had."""
        file = self._load(path)
        return file if file is not None and file.stamp == self.stamps.get(path) else None


@dataclass(frozen=True)
class Renderings:
    """A project before and after. `new` says that nothing of it was there before."""

    before: Rendering
    after: Rendering
    lock: Rendered
    new: bool
    once: Callable[[str], bool]


class Projects:
    """Renders the projects of one fleet."""

    def __init__(
        self,
        disk: Disk,
        lock: Lock | None,
        releases: Releases,
        target: str,
        *,
        update: bool,
        own: Mapping[str, OwnReleases] | None = None,
    ) -> None:
        self._own = own or {}
        self._disk = disk
        self._locked = lock.projects if lock else {}
        self._releases = releases
        self._target = target
        self._update = update
        self._drafts: dict[str, Draft | OwnDraft] = {}

    def renderings(self, project: Project) -> Renderings:
        """Both renderings of a wanted project."""
        recorded = self._locked.get(project.path)
        answers = self._answers(project.path)
        version = self._version(project.template, answers)
        draft = engine(self._of(project.template).get(version)).draft(project.template, project.answers)
        digest = draft.answers.stamp.sha256
        after = self._after(project, recorded, answers, draft)
        before = self._before(project.path, recorded, answers, after)
        stays = answers is not None and self._stays(project.template, answers)
        if answers is not None and stays and recorded_version(answers.content) != version:
            self._spare(before, after, answers, project.template, version)
        lock = Rendered(project.template, digest, after.stamps)
        return Renderings(before, after, lock, recorded is None and not before.stamps, draft.given_once())

    def gone(self, path: str) -> Rendering:
        """What a project that is no longer wanted was rendered to."""
        return self._before(path, self._locked.get(path), self._answers(path), Rendering.of({}))

    def _answers(self, project: str) -> File | None:
        found = self._disk.look(place(project, ANSWERS))
        return None if isinstance(found, Blocked) else found

    def _of(self, template: str) -> Releases | OwnReleases:
        return self._own.get(template, self._releases)

    def _version(self, template: str, answers: File | None) -> str:
        """`apply` leaves a project at its release; a plain `copier update` may have moved it ahead of the lock."""
        own = self._own.get(template)
        target = own.newest if own else self._target
        recorded = recorded_version(answers.content) if answers else None
        if answers is None or recorded is None or recorded not in self._of(template):
            return target
        if not self._stays(template, answers):  # the service was given another stack
            return target
        return recorded if not self._update or newer(recorded, target) else target

    def _stays(self, template: str, answers: File) -> bool:
        """Whether the project was rendered from the same bundle before."""
        source = recorded_source(answers.content)
        return template == source if template in self._own else source not in self._own

    def _after(
        self, project: Project, recorded: Rendered | None, answers: File | None, draft: Draft | OwnDraft
    ) -> Rendering:
        if recorded is None or recorded.template != project.template:
            return Rendering.of(draft.files())
        if recorded.answers == draft.answers.stamp.sha256:
            return Rendering(recorded.files, draft.file)
        then = recorded_version(answers.content) if answers and recorded.answers == answers.stamp.sha256 else None
        if answers is None or then is None or not same_but_release(answers.content, draft.answers.content):
            return Rendering.of(draft.files())
        return Rendering(draft.stamps(self._of(project.template).get(then), recorded.files), draft.file)

    def _before(self, path: str, recorded: Rendered | None, answers: File | None, after: Rendering) -> Rendering:
        if answers is None:
            if recorded is None or not self._remains(path, recorded):
                return Rendering.of({})
            return Rendering(recorded.files, after.file)
        if recorded and recorded.answers == answers.stamp.sha256:
            return Rendering(recorded.files, lambda wanted: self._again(path, answers).file(wanted))
        return Rendering.of(self._again(path, answers).files())

    def _remains(self, project: str, recorded: Rendered) -> bool:
        return any(self._disk.look(place(project, path)) for path in recorded.files)

    def _again(self, project: str, answers: File) -> Draft | OwnDraft:
        """The recorded answers, to be rendered with the recorded release."""
        if project not in self._drafts:
            given, version = _given(project, answers), recorded_version(answers.content)
            source = recorded_source(answers.content)
            template = source if source in self._own else given.get("template")
            if version is None or template is None:
                raise Unreadable(place(project, ANSWERS))
            self._drafts[project] = engine(self._of(str(template)).get(version)).draft(str(template), given)
        return self._drafts[project]

    def _spare(self, before: Rendering, after: Rendering, answers: File, template: str, version: str) -> None:
        """Leave a person's file alone that the new release excludes with the old answers, as copier does."""
        dropped = [path for path in before.stamps if path not in after.stamps and owner_of(path) is Owner.USER]
        if dropped:
            excluded = engine(self._of(template).get(version)).excluded(template, _given(template, answers))
            for path in filter(excluded, dropped):
                del before.stamps[path]


def _given(project: str, answers: File) -> dict[str, Any]:
    given = load(answers.content)
    if given is None:
        raise Unreadable(place(project, ANSWERS))
    return {name: value for name, value in given.items() if not name.startswith("_")}
