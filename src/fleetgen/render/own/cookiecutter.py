"""Makes a copier template of a cookiecutter template without a change in its texts.

`cookiecutter.json` becomes the questions of a `copier.yml`; each default is evaluated over the answers before it.
A last, hidden answer `cookiecutter` carries them all, so that `{{ cookiecutter.name }}` means what it
meant. Only a file that holds placeholders gets the ending by which copier knows what to render: everything else, and
what `_copy_without_render` names, is copied byte for byte.
"""

from __future__ import annotations

import fnmatch
import json
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.render.files import File, Tree
from fleetgen.render.own import findings
from fleetgen.render.own.source import Fetched

CONFIGURATION = "cookiecutter.json"
SUFFIX = ".cookiecutter-template"
MARK = "# Made by fleetgen from cookiecutter.json: copier's way to ask and to render the same.\n"
ANSWERS_FILE = "{{ _copier_conf.answers_file }}"
ANSWERS_TEXT = "# Written by copier and fleetgen; `copier update` reads it.\n{{ _copier_answers | to_nice_yaml -}}\n"

_HOOK = re.compile(r"hooks/(?:pre_prompt|pre_gen_project|post_gen_project)\.[^/]+\Z")
_PLACEHOLDER = re.compile(r"\{\{|\{%|\{#")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_ENVIRONMENT = {"trim_blocks", "lstrip_blocks"}
_RESERVED = {"true", "false", "none", "not", "and", "or", "in", "is", "if", "else", "cookiecutter", "dict", "self"}
_LICENCE = re.compile(r"(?:licen[cs]e|copying|notice)[^/]*\Z", re.IGNORECASE)


@dataclass
class _Conversion:
    """The work on one template; collects what stands against it."""

    source: Fetched
    found: list[Diagnostic] = field(default_factory=list)

    def wrong(self, path: str, what: str, hint: str = "", line: int = 1) -> None:
        self.found.append(findings.wrong(self.source.span(path, line), what, hint))

    def line(self, key: str) -> int:
        """Where a key of `cookiecutter.json` stands."""
        lines = self.source.files[CONFIGURATION].content.decode(errors="replace").splitlines()
        wanted = json.dumps(key)
        return next((number for number, line in enumerate(lines, start=1) if wanted in line), 1)


def convert(source: Fetched) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """The copier template that renders what the cookiecutter template `source` renders."""
    work = _Conversion(source)
    work.found += _hooks(source)
    variables = _variables(work)
    folder = _folder(work)
    if variables is None or not folder:
        return {}, tuple(work.found)
    _special(work, variables)
    questions = _questions(work, variables)
    files = dict(_files(work, folder, variables))
    files[CONFIGURATION] = source.files[CONFIGURATION]
    files["copier.yml"] = File(_configuration(folder, variables, questions).encode())
    files[f"{folder}/{ANSWERS_FILE}{SUFFIX}"] = File(ANSWERS_TEXT.encode())
    return dict(sorted(files.items())), tuple(work.found)


def _hooks(source: Fetched) -> Iterator[Diagnostic]:
    for path in source.files:
        if _HOOK.match(path):
            hint = "do without the hook: use `{% if %}` in paths and files; or copy the template and remove it"
            yield findings.runs_code(source.span(path), f"hook `{path}`", hint)


def _variables(work: _Conversion) -> dict[str, Any] | None:
    try:
        found = json.loads(work.source.files[CONFIGURATION].content)
    except json.JSONDecodeError as error:
        work.wrong(CONFIGURATION, f"it is not JSON: {error.msg}", line=error.lineno)
        return None
    except (UnicodeDecodeError, RecursionError):
        work.wrong(CONFIGURATION, "it is not JSON")
        return None
    if not isinstance(found, dict):
        work.wrong(CONFIGURATION, "it is not a JSON object")
        return None
    return found


def _folder(work: _Conversion) -> str:
    """The folder that is rendered: as cookiecutter, the first whose name holds `cookiecutter` in braces."""
    tops = {path.split("/", 1)[0] for path in work.source.files if "/" in path}
    named = sorted(top for top in tops if "cookiecutter" in top and "{{" in top and "}}" in top)
    if not named:
        work.wrong(
            CONFIGURATION, "there is no folder `{{cookiecutter.…}}` beside it", "name the folder with `--directory`"
        )
    return named[0] if named else ""


def _special(work: _Conversion, variables: Mapping[str, Any]) -> None:
    """What cookiecutter itself reads from the file, and copier cannot do."""
    for key in ("templates", "template"):
        if isinstance(variables.get(key), dict):
            hint = "name one of them with `--directory`"
            work.wrong(CONFIGURATION, f"`{key}` offers several templates", hint, work.line(key))
    for extension in _texts(variables.get("_extensions")):
        place = work.source.span(CONFIGURATION, work.line("_extensions"))
        hint = "copy the template and write what it gives without the extension"
        work.found.append(findings.runs_code(place, f"Jinja extension `{extension}`", hint))
    options = variables.get("_jinja2_env_vars") or {}
    if not isinstance(options, dict) or options.keys() - _ENVIRONMENT:
        what = "`_jinja2_env_vars` sets more than `trim_blocks` and `lstrip_blocks`"
        work.wrong(CONFIGURATION, what, "copy the template and use the usual delimiters", work.line("_jinja2_env_vars"))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


# -- questions


def _questions(work: _Conversion, variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A question a variable, dictionaries last, and the hidden answer that carries them all."""
    prompts = variables.get("__prompts__")
    helps = prompts if isinstance(prompts, dict) else {}
    questions: dict[str, dict[str, Any]] = {}
    known = ""  # Jinja that makes `cookiecutter` of the answers so far
    ordinary = [(key, raw) for key, raw in variables.items() if key != "__prompts__"]
    for key, raw in sorted(ordinary, key=lambda item: isinstance(item[1], dict) and not item[0].startswith("_")):
        if key.startswith("__"):
            known += _private(work, key, raw)
        elif key.startswith("_"):
            known += _constant(key, raw)
        elif not _NAME.match(key) or key in _RESERVED or keyword.iskeyword(key):
            work.wrong(CONFIGURATION, f"`{key}` cannot be the name of an answer", "rename the variable", work.line(key))
        else:
            questions[key] = {**_question(work, key, raw, known), **_help(helps.get(key))}
            known += _extended(key, key)
    everything = "{% set cookiecutter = {} %}" + known + "{{ cookiecutter | to_json }}"
    questions["cookiecutter"] = {"type": "json", "when": False, "default": everything}
    return questions


def _extended(key: str, expression: str) -> str:
    return "{% set cookiecutter = dict(cookiecutter, **{" + _literal(key) + ": " + expression + "}) %}"


def _constant(key: str, raw: Any) -> str:
    return _extended(key, _literal(raw))


def _private(work: _Conversion, key: str, raw: Any) -> str:
    if not _templated(raw):
        return _constant(key, _plain(raw))
    if not isinstance(raw, str):
        work.wrong(CONFIGURATION, f"`{key}` has placeholders inside of a list or object", "", work.line(key))
        return ""
    return "{% set _rendered %}" + raw + "{% endset %}" + _extended(key, "_rendered")


def _question(work: _Conversion, key: str, raw: Any, known: str) -> dict[str, Any]:
    if isinstance(raw, list):
        choices = [_evaluated(str(item), known) for item in raw]
        if not choices:
            work.wrong(CONFIGURATION, f"`{key}` has no choices", line=work.line(key))
            return {}
        return {"type": "str", "choices": choices, "default": choices[0]}
    if isinstance(raw, bool):
        return {"type": "bool", "default": raw}
    if raw is None or isinstance(raw, dict):
        if _templated(raw):
            work.wrong(CONFIGURATION, f"`{key}` has placeholders inside of an object", "", work.line(key))
        return {"type": "yaml", "default": _plain(raw)}
    return {"type": "str", "default": _evaluated(str(raw), known)}


def _evaluated(text: str, known: str) -> str:
    return "{% set cookiecutter = {} %}" + known + text if _PLACEHOLDER.search(text) else text


def _help(prompt: Any) -> dict[str, str]:
    text = prompt.get("__prompt__") if isinstance(prompt, dict) else prompt
    return {"help": text} if isinstance(text, str) and not _PLACEHOLDER.search(text) else {}


def _templated(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_templated(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(map(_templated, value))
    return isinstance(value, str) and _PLACEHOLDER.search(value) is not None


def _plain(value: Any) -> Any:
    """Numbers become text, as in cookiecutter."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else str(value)


def _literal(value: Any) -> str:
    """A value as a Jinja expression."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _configuration(folder: str, variables: Mapping[str, Any], questions: Mapping[str, Any]) -> str:
    options = variables.get("_jinja2_env_vars") or {}
    document = {
        "_subdirectory": "{% raw %}" + folder + "{% endraw %}",
        "_templates_suffix": SUFFIX,
        "_envops": {"undefined": "jinja2.StrictUndefined", **(options if isinstance(options, dict) else {})},
        **questions,
    }
    return MARK + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


# -- files


def _files(work: _Conversion, folder: str, variables: Mapping[str, Any]) -> Iterator[tuple[str, File]]:
    untouched = _texts(variables.get("_copy_without_render"))
    lines = variables.get("_new_lines")
    for path, file in work.source.files.items():
        if "/" not in path and _LICENCE.match(path):
            yield path, file  # what it is under stays beside it
        if not path.startswith(f"{folder}/"):
            continue
        within = path.removeprefix(f"{folder}/")
        copied, target = _target(within, untouched)
        if path.endswith(SUFFIX):
            work.wrong(path, f"a file cannot end in `{SUFFIX}`", "rename it")
        elif copied or not _is_rendered(file):
            yield f"{folder}/{target}", file
        else:
            if b"\r\n" in file.content or lines == "\r\n":
                work.found.append(findings.other_line_ends(work.source.span(path)))
            yield f"{folder}/{target}{SUFFIX}", file


def _is_rendered(file: File) -> bool:
    try:
        text = file.content.decode()
    except UnicodeDecodeError:
        return False
    return "\0" not in text and _PLACEHOLDER.search(text) is not None


def _target(path: str, untouched: tuple[str, ...]) -> tuple[bool, str]:
    """Whether a path is copied as it is; below a folder that is, names are not rendered either."""
    parts = PurePosixPath(path).parts
    for end in range(1, len(parts) + 1):
        head = "/".join(parts[:end])
        if any(fnmatch.fnmatch(head, pattern) for pattern in untouched):
            rest = [f"{{% raw %}}{part}{{% endraw %}}" if "{" in part else part for part in parts[end:]]
            return True, "/".join((head, *rest))
    return False, path
