"""Renders a folder of templates with answers, in memory, as copier would on disk: same paths, bytes and modes.

One engine serves all projects of a release, so that a template is parsed once, however many services there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import PurePosixPath
from typing import Any
from unicodedata import normalize

from jinja2 import FunctionLoader, Template, TemplateError, TemplateSyntaxError
from pathspec import PathSpec

from fleetgen.render import copier_internals as copier
from fleetgen.render.configuration import Configuration, parse
from fleetgen.render.files import File, Stamp
from fleetgen.render.own.engine import OwnEngine, OwnTemplates
from fleetgen.render.templates import Templates, TemplatesError
from fleetgen.render.unchanged import Unchanged

ANSWERS = ".copier-answers.yml"
_Context = dict[str, Any]


@dataclass(frozen=True)
class _Source:
    """A file of a template folder: the parts of its target path, compiled where they must be, and its body.

    The body of a template is compiled when it is asked for: a plan of nothing needs the answers' only.
    """

    name: str
    parts: tuple[str | Template, ...]
    body: bytes | Callable[[], Template]
    mode: int


@dataclass(frozen=True)
class _Piece:
    """A file that a folder gives: its source, and the variables that a `yield` in the path bound."""

    source: _Source
    bound: _Context


def render(templates: Templates, template: str, answers: Mapping[str, Any]) -> dict[str, File]:
    """Render the template folder `template` (`service-templates/python/service`) to files by path.

    Raises:
        TemplatesError: When the templates cannot be rendered with these answers: a bug of theirs, or of the facts.
    """
    return engine(templates).draft(template, answers).files()


@lru_cache(maxsize=8)
def engine(templates: Templates) -> Engine | OwnEngine:
    """The engine of a release: copier's own worker for a template that nobody here wrote."""
    return OwnEngine(templates) if isinstance(templates, OwnTemplates) else Engine(templates)


class Engine:
    """Templates of one release, ready to render."""

    def __init__(self, templates: Templates) -> None:
        self.templates = templates
        self._sources: dict[str, tuple[_Source, ...]] = {}

    @cached_property
    def configuration(self) -> Configuration:
        """What `copier.yml` says."""
        return parse(self.templates.files["copier.yml"].content)

    @cached_property
    def _environment(self) -> Any:
        return copier.environment(FunctionLoader(self._load), self.configuration.environment)

    def draft(self, template: str, answers: Mapping[str, Any]) -> Draft:
        """A folder with its answers, of which nothing is rendered yet."""
        return Draft(self, template, self._context(template, answers))

    def pieces(self, draft: Draft, only: str = "") -> dict[str, _Piece]:
        """What a folder gives, by path, not rendered yet. With `only`, just the source whose path is that one."""
        with _faults_told(draft.template):
            return self._pieces(draft.context, only)

    def file(self, draft: Draft, piece: _Piece) -> File:
        """Render one file."""
        with _faults_told(draft.template):
            return File(_body(piece.source, draft.context, piece.bound), piece.source.mode)

    def excluded(self, template: str, answers: Mapping[str, Any]) -> Callable[[str], bool]:
        """Whether a path is left out with these answers."""
        return self._excluded(self._context(template, answers))

    def given_once(self, draft: Draft) -> Callable[[str], bool]:
        """Whether a path is rendered only where it is missing (`_skip_if_exists`)."""
        if not self.configuration.once:
            return lambda _: False
        return self._matcher(self.configuration.once, draft.context, "update")

    def _context(self, template: str, answers: Mapping[str, Any]) -> _Context:
        recorded = self.configuration.answers({"template": template, **answers})
        remembered = {"_commit": self.templates.tag, "_src_path": "templates.bundle", **recorded}
        return {**recorded, "_copier_answers": remembered, "_copier_conf": {"answers_file": ANSWERS}}

    def _pieces(self, context: _Context, only: str) -> dict[str, _Piece]:
        folder = self._text(self.configuration.subdirectory).render(context)
        excluded = self._excluded(context)
        pieces: dict[str, _Piece] = {}
        for source in self._folder(folder):
            if only and source.parts != (only,):
                continue
            for path, bound in _targets(source.parts, context):
                if excluded(path):
                    continue
                if path in pieces:
                    raise TemplatesError(f"both {pieces[path].source.name} and {source.name} give `{path}`")
                pieces[path] = _Piece(source, bound)
        return dict(sorted(pieces.items()))

    def _excluded(self, context: _Context) -> Callable[[str], bool]:
        return self._matcher(self.configuration.exclude, context, "copy")

    def _matcher(self, written: tuple[str, ...], context: _Context, operation: str) -> Callable[[str], bool]:
        rendered = (self._text(pattern).render({**context, "_copier_operation": operation}) for pattern in written)
        patterns = [normalize("NFD", line) for text in rendered for line in text.replace("\r", "\n").split("\n")]
        return PathSpec.from_lines("gitignore", patterns).match_file

    def _folder(self, folder: str) -> tuple[_Source, ...]:
        if folder not in self._sources:
            prefix = PurePosixPath(folder).as_posix() + "/"
            found = tuple(self._source(path, prefix) for path in self.templates.files if path.startswith(prefix))
            if not found:
                raise TemplatesError(f"there are no templates in `{folder}`")
            self._sources[folder] = found
        return self._sources[folder]

    def _source(self, path: str, prefix: str) -> _Source:
        file, suffix = self.templates.files[path], self.configuration.suffix
        is_template = path.endswith(suffix)
        target = PurePosixPath(path.removeprefix(prefix).removesuffix(suffix if is_template else ""))
        parts = tuple(self._text(part) if "{" in part else part for part in target.parts)
        if len(parts) == 1 and "_copier_conf.answers_file" in target.name:
            parts = (ANSWERS,)
        body = partial(self._environment.get_template, path) if is_template else file.content
        return _Source(path, parts, body, file.mode)

    def _text(self, text: str) -> Template:
        return _compiled(self._environment, text)

    def _load(self, name: str) -> str | None:
        file = self.templates.files.get(name)
        return None if file is None else file.content.decode()


@dataclass(frozen=True)
class Draft:
    """A template folder with answers. What is asked for is rendered, and nothing twice."""

    engine: Engine
    template: str
    context: _Context
    _rendered: dict[str, File] = field(default_factory=dict)

    @cached_property
    def _pieces(self) -> dict[str, _Piece]:
        return self.engine.pieces(self)

    @cached_property
    def answers(self) -> File:
        """The recorded answers: they tell whether the rest must be rendered at all."""
        return self.engine.file(self, self.engine.pieces(self, only=ANSWERS)[ANSWERS])

    def file(self, path: str) -> File | None:
        """One file; nothing where the folder does not give it."""
        if path not in self._rendered and path in self._pieces:
            self._rendered[path] = self.answers if path == ANSWERS else self.engine.file(self, self._pieces[path])
        return self._rendered.get(path)

    def files(self) -> dict[str, File]:
        """All files, by path."""
        found = ((path, self.file(path)) for path in self._pieces)
        return {path: file for path, file in found if file is not None}

    def stamps(self, then: Templates, recorded: Mapping[str, Stamp]) -> dict[str, Stamp]:
        """What identifies each file, where `recorded` holds what release `then` gave with the same answers.

        Only what the release changed is rendered.
        """
        unchanged = _unchanged(then, self.engine.templates)
        found = {}
        for path, piece in self._pieces.items():
            if path in recorded and path != ANSWERS and unchanged(piece.source.name):
                found[path] = recorded[path]
            elif (file := self.file(path)) is not None:
                found[path] = file.stamp
        return found

    def given_once(self) -> Callable[[str], bool]:
        """Whether a path is rendered only where it is missing."""
        return self.engine.given_once(self)


@contextmanager
def _faults_told(template: str) -> Iterator[None]:
    """A fault of the templates names its place."""
    try:
        yield
    except TemplateError as error:
        place = f" ({error.name}:{error.lineno})" if isinstance(error, TemplateSyntaxError) else ""
        raise TemplatesError(f"{template}: {error.message}{place}") from error


@lru_cache(maxsize=8)
def _unchanged(then: Templates, now: Templates) -> Unchanged:
    """Compared once, however many services there are."""
    return Unchanged(then.files, now.files)


@lru_cache(maxsize=4096)
def _compiled(environment: Any, text: str) -> Template:
    template: Template = environment.from_string(text)
    return template


def _targets(parts: tuple[str | Template, ...], context: _Context) -> Iterator[tuple[str, _Context]]:
    """The paths a source gives, none when a part is empty, with the variables that a `yield` bound."""
    if all(isinstance(part, str) for part in parts):
        yield "/".join(str(part) for part in parts), {}
        return
    for rendered, extra in _expand(parts, context, {}):
        path = PurePosixPath(*rendered)
        if path.is_absolute() or ".." in path.parts:
            raise TemplatesError(f"the path `{path}` leaves the project")
        yield path.as_posix(), extra


def _expand(
    parts: tuple[str | Template, ...], context: _Context, extra: _Context
) -> Iterator[tuple[tuple[str, ...], _Context]]:
    if not parts:
        yield (), extra
        return
    for text, bound in _part(parts[0], context, extra):
        if text:
            for rest, variables in _expand(parts[1:], context, bound):
                yield (text, *rest), variables


def _part(part: str | Template, context: _Context, extra: _Context) -> Iterator[tuple[str, _Context]]:
    if isinstance(part, str):
        yield part, extra
        return
    text, loop = copier.render_path_part(part, {**context, **extra})
    if loop is None:
        yield text, extra
        return
    name, values = loop
    for value in values:
        bound = {**extra, name: value}
        yield copier.render_path_part(part, {**context, **bound})[0], bound


def _body(source: _Source, context: _Context, bound: _Context) -> bytes:
    if isinstance(source.body, bytes):
        return source.body
    template = source.body()  # compiled once: the environment keeps it
    copier.forget_yield(template)
    text = template.render({**context, **bound} if bound else context)
    if copier.asked_to_yield(template):
        raise TemplatesError(f"{source.name}: `yield` is for paths only")
    return text.encode()
