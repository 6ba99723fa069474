"""Private parts of copier, for templates of ours: its Jinja environment. `copier_worker` is for those of others.

Everything else of copier that rendering follows is written in `engine`, and a test compares the two byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any, Literal

from copier._jinja_ext import SandboxedEnvironment, YieldExtension, get_yield_context
from jinja2 import BaseLoader, StrictUndefined, Template, Undefined
from pydantic_core import to_jsonable_python

from fleetgen.core.json_text import indented
from fleetgen.render.answers import nice_yaml

_PATHS = {"posix": PurePosixPath, "windows": PureWindowsPath, "native": PurePath}
_UNDEFINED = {"jinja2.Undefined": Undefined, "jinja2.StrictUndefined": StrictUndefined}
_EXTENSIONS = ("jinja2_ansible_filters.AnsibleCoreFiltersExtension", YieldExtension)


def environment(loader: BaseLoader, options: Mapping[str, Any]) -> SandboxedEnvironment:
    """Copier's environment for a template's `_envops`, with faster writers of YAML and JSON."""
    settings = {"keep_trailing_newline": True, **options}
    if "undefined" in settings:
        settings["undefined"] = _UNDEFINED[settings["undefined"]]
    made = SandboxedEnvironment(
        loader=loader, extensions=list(_EXTENSIONS), auto_reload=False, cache_size=-1, **settings
    )
    made.filters["to_json"] = partial(made.filters["to_json"], default=partial(to_jsonable_python, fallback=str))
    made.filters["to_nice_yaml"] = nice_yaml
    made.filters["to_nice_json"] = partial(_nice_json, made.filters["to_nice_json"])
    made.globals["pathjoin"] = _pathjoin
    return made


def render_path_part(template: Template, context: Mapping[str, Any]) -> tuple[str, tuple[str, Iterable[Any]] | None]:
    """One part of a path, and the loop it asks for with `yield`: the name of the variable and its values."""
    state = get_yield_context(template.environment)
    state.yield_name = state.yield_iterable = None
    text = template.render(context)
    if state.yield_name is None:
        return text, None
    return text, (state.yield_name, tuple(state.yield_iterable or ()))


def asked_to_yield(template: Template) -> bool:
    """Whether the last rendering met a `yield`, which has no meaning inside a file."""
    return get_yield_context(template.environment).yield_name is not None


def forget_yield(template: Template) -> None:
    """Clear what an earlier path left, as copier does whenever it compiles."""
    state = get_yield_context(template.environment)
    state.yield_name = state.yield_iterable = None


def _nice_json(other: Any, value: Any, indent: int = 4, sort_keys: bool = True, ensure_ascii: bool = True) -> str:
    """What the filter `to_nice_json` gives; strange values go to the original."""
    if type(value) in {dict, list}:
        return indented(value, indent, sort_keys=sort_keys, ensure_ascii=ensure_ascii)
    return str(other(value, indent, sort_keys, ensure_ascii=ensure_ascii))


def _pathjoin(*path: str, mode: Literal["posix", "windows", "native"] = "posix") -> str:
    return str(_PATHS[mode](*path))
