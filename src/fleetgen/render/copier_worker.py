"""Copier's own worker, for templates that nobody here wrote: their questions and files follow copier to the letter.

Beside `copier_internals` the only module that touches private parts of copier. A test compares what it gives with what
copier's command gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from copier._jinja_ext import SandboxedEnvironment
from copier._main import Worker, as_operation
from copier._settings import SettingsModel
from copier._template import Template, load_template_config
from packaging.version import Version

from fleetgen.render.files import File

_ANSWERS = Path(".copier-answers.yml")


class LocalTemplate:
    """One release of a template, laid out in a folder; to copier it looks like the checkout of its bundle."""

    def __init__(self, folder: Path, recorded: str, version: str) -> None:
        """`recorded` is the source as answers name it, relative to the service."""
        self._folder = folder.resolve()
        self._recorded = recorded
        self._version = version

    def questions(self) -> dict[str, dict[str, Any]]:
        """The questions of `copier.yml`, as written."""
        return dict(self._template().questions_data)

    def settings(self) -> dict[str, Any]:
        """What `copier.yml` says beside questions, without the leading underscore. Raises what copier raises."""
        return dict(self._template().config_data)

    def environment(self) -> SandboxedEnvironment:
        """The Jinja environment, with the template's delimiters."""
        with self._worker("any", {}) as worker:
            return worker.jinja_env

    def copy(self, name: str, answers: Mapping[str, Any]) -> dict[str, File]:
        """Render to files by path. `name` is the folder's name, which a template may use."""
        with self._worker(name, answers) as worker:
            worker.run_copy()
            return {path: file for path, file in _read(worker.dst_path)}

    def excluded(self, name: str, answers: Mapping[str, Any]) -> Callable[[str], bool]:
        """Whether a path is left out with these answers."""
        with self._worker(name, answers) as worker:
            worker._ask()
            matches = as_operation("copy")(lambda: worker.match_exclude)()
            return lambda path: bool(matches(Path(path)))

    def given_once(self, name: str, answers: Mapping[str, Any]) -> Callable[[str], bool]:
        """Whether a path is rendered only where it is missing (`_skip_if_exists`)."""
        if not self._template().skip_if_exists:
            return lambda _: False
        with self._worker(name, answers) as worker:
            worker._ask()
            matches = worker.match_skip
            return lambda path: bool(matches(Path(path)))

    @contextmanager
    def _worker(self, name: str, answers: Mapping[str, Any]) -> Iterator[Worker]:
        with TemporaryDirectory(prefix="fleetgen-render-") as folder:
            worker = Worker(
                src_path=self._recorded,
                dst_path=Path(folder).resolve() / name,
                answers_file=_ANSWERS,
                data=dict(answers),
                settings=SettingsModel(),  # a person's own would give other answers on other machines
                defaults=True,
                overwrite=True,
                quiet=True,
            )
            worker.__dict__["template"] = self._template()
            yield worker

    @cached_property
    def _configuration(self) -> dict[str, Any]:
        """`copier.yml` as copier reads it, but without its talk on standard error."""
        names = [name for name in ("copier.yml", "copier.yaml") if (self._folder / name).is_file()]
        if len(names) > 1:
            raise ValueError(f"there are both `{names[0]}` and `{names[1]}`")
        return load_template_config(self._folder / names[0], quiet=True) if names else {}

    def _template(self) -> Template:
        template = Template(url=self._recorded)
        template.__dict__ |= {
            "_raw_config": self._configuration,
            "local_abspath": self._folder,
            "vcs": None,
            "commit": f"v{self._version}",
            "commit_hash": None,
            "version": Version(self._version),
            "git_index_modes": {},
        }
        return template


def _read(root: Path) -> Iterator[tuple[str, File]]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(root).as_posix(), File(path.read_bytes(), path.stat().st_mode)
