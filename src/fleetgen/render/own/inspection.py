"""Looks through the Jinja of a template before anything of it is rendered: what it may not use, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes

from fleetgen.core.diagnostic import Diagnostic, Span
from fleetgen.render.own import findings

Place = Callable[[int], Span]

_TIME = "take the value as a question and answer it with `--set`"
# Copier's filters that read the machine, the clock or chance.
_FILTERS = {
    "fileglob": "lists files of the machine",
    "expandvars": "reads variables of the machine",
    "expanduser": "reads a person's home folder",
    "realpath": "reads the machine's folders",
    "strftime": "may read the clock",
    "random": "draws by chance",
    "shuffle": "draws by chance",
    "random_mac": "draws by chance",
    "password_hash": "draws by chance",
}
_NAMES = {
    "_copier_python": "names a program of the machine",
    "_external_data": "reads files that a clone may not have",
    "_copier_phase": "depends on how copier was called",
    "_copier_operation": "depends on how copier was called",
    "random_ascii_string": "draws by chance",
    "uuid4": "draws by chance",
}
_CONFIGURATION = "_copier_conf"
_STEADY = {"answers_file", "sep"}
_EXTENSION = "copier has it only with an extension, which would be code of the template; write it without"
_OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


def inspect(
    environment: Environment, text: str, place: Place, *, alone: bool = False, question: bool = False
) -> Iterator[Diagnostic]:
    """What stands against a piece of Jinja; `place` gives the span of a line.

    `alone`: it may not include other files. `question`: it belongs to a question, whose answer is recorded.
    """
    try:
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        tag = "unknown tag" in (error.message or "")
        yield findings.wrong(
            place(error.lineno), _lower(error.message or "it cannot be read"), _EXTENSION if tag else ""
        )
        return
    except RecursionError:
        yield findings.wrong(place(1), "an expression is nested too deeply")
        return
    for node in tree.find_all(nodes.Node):
        yield from _judge(environment, node, place)
        if isinstance(node, nodes.Name) and node.name == "_folder_name" and not question:
            what = "`_folder_name` is another one while copier updates"
            yield findings.not_repeatable(
                place(node.lineno), what, "ask a question whose default is `{{ _folder_name }}`"
            )
        if alone and isinstance(node, _OTHER_FILES):
            what = "cookiecutter looks for included files elsewhere than copier"
            yield findings.wrong(place(node.lineno), what, "put the text itself there")


def _judge(environment: Environment, node: nodes.Node, place: Place) -> Iterator[Diagnostic]:
    if isinstance(node, nodes.Filter):
        yield from _filter(environment, node, place)
    elif isinstance(node, nodes.Name) and node.ctx == "load" and node.name in _NAMES:
        yield findings.not_repeatable(place(node.lineno), f"`{node.name}` {_NAMES[node.name]}", _TIME)
    elif isinstance(node, (nodes.Getattr, nodes.Getitem)):
        yield from _configuration(node, place)


def _filter(environment: Environment, node: nodes.Filter, place: Place) -> Iterator[Diagnostic]:
    if node.name in _FILTERS:
        yield findings.not_repeatable(place(node.lineno), f"filter `{node.name}` {_FILTERS[node.name]}", _TIME)
    elif node.name not in environment.filters:
        yield findings.wrong(place(node.lineno), f"there is no filter `{node.name}`", _EXTENSION)


def _configuration(node: nodes.Getattr | nodes.Getitem, place: Place) -> Iterator[Diagnostic]:
    if not isinstance(node.node, nodes.Name) or node.node.name != _CONFIGURATION:
        return
    key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
    if key not in _STEADY:
        what = f"`{_CONFIGURATION}.{key or '…'}` depends on the machine and on how copier was called"
        yield findings.not_repeatable(place(node.lineno), what, _TIME)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
