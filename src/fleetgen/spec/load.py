"""Loads a specification: `fleet.yaml`, with `contexts/*.yaml` merged in by name, checked against the grammar."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fleetgen.core.diagnostic import Diagnostic, Span
from fleetgen.spec.check import Checker
from fleetgen.spec.codes import Code, Problems
from fleetgen.spec.node import Document, Mapping, Node, Scalar, is_null
from fleetgen.spec.source import parse, read_text
from fleetgen.spec.table.fleet import FLEET

FLEET_FILE = "fleet.yaml"
CONTEXT_FOLDER = "contexts"


@dataclass
class _Files:
    problems: Problems
    texts: dict[str, str] = field(default_factory=dict)

    def read(self, path: Path) -> Mapping | None:
        name = path.as_posix()
        text = read_text(path, name, self.problems)
        if text is None:
            return None
        self.texts[name] = text
        return parse(text, name, self.problems)


def load(path: Path) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """The document at `path` (a file, or a folder with `fleet.yaml`) and all that is wrong with its form.

    There is a document whenever anything can be read, so that references can be judged in the same run.
    """
    problems = Problems()
    files = _Files(problems)
    main = path / FLEET_FILE if path.is_dir() else path
    root = files.read(main)
    parts = _context_files(main)
    if root is None:
        return None, problems.found
    for part in parts:
        body = files.read(part)
        if body is not None:
            root = _merged(root, part, body, problems)
    Checker(problems).check(FLEET, root)
    return Document(main.as_posix(), root, files.texts, flawed=problems.has_errors), problems.found


def reload(path: str, texts: dict[str, str]) -> Document:
    """The document of texts that were edited; `path` names the main one. What is wrong with it makes it `flawed`."""
    return load_texts(path, texts)[0]


def load_texts(path: str, texts: dict[str, str]) -> tuple[Document, tuple[Diagnostic, ...]]:
    """The same, and all that is wrong with its form."""
    problems = Problems()
    root = parse(texts[path], path, problems) or Mapping((), Span(path))
    for name, text in texts.items():
        body = parse(text, name, problems) if name != path else None
        if body is not None:
            root = _merged(root, Path(name), body, problems)
    Checker(problems).check(FLEET, root)
    return Document(path, root, texts, flawed=problems.has_errors), problems.found


def load_text(text: str, name: str = FLEET_FILE) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """The same for a text that is not in a file."""
    problems = Problems()
    root = parse(text, name, problems)
    if root is None:
        return None, problems.found
    Checker(problems).check(FLEET, root)
    return Document(name, root, {name: text}, flawed=problems.has_errors), problems.found


def _context_files(main: Path) -> tuple[Path, ...]:
    folder = main.parent / CONTEXT_FOLDER
    if main.name != FLEET_FILE or not folder.is_dir():
        return ()
    return tuple(sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml") and path.is_file()))


def _merged(root: Mapping, path: Path, body: Mapping, problems: Problems) -> Mapping:
    """The file's stem is the context's name. A context in both places has the keys of both."""
    name = Scalar(path.stem, body.span)
    contexts = root.get("contexts")
    if contexts is not None and not isinstance(contexts, Mapping):
        return root
    key = root.key("contexts") or Scalar("contexts", body.span)
    here = contexts.get(path.stem) if contexts else None
    whole = _joined(here, body, problems) if isinstance(here, Mapping) else body
    others = [entry for entry in (contexts or ()) if entry[0].text != path.stem]
    written = (contexts.key(path.stem) if contexts else None) or name
    entries = _placed(contexts, path.stem, (written, whole), others)
    merged = Mapping(tuple(entries), contexts.span if contexts else body.span)
    rest = [(each, value) for each, value in root if each.text != "contexts"]
    return Mapping((*rest, (key, merged)), root.span)


def _placed(
    contexts: Mapping | None, name: str, entry: tuple[Scalar, Node], others: list[tuple[Scalar, Node]]
) -> list[tuple[Scalar, Node]]:
    """Keep the place of a context that the main file mentions; others come last, in the order of file names."""
    if contexts is None or contexts.key(name) is None:
        return [*others, entry]
    return [entry if each[0].text == name else each for each in contexts]


def _joined(here: Mapping, body: Mapping, problems: Problems) -> Mapping:
    entries = {key.text: (key, value) for key, value in here if not is_null(value)}
    for key, value in body:
        if key.text in entries:
            first = entries[key.text][0].span
            problems.add(
                Code.DUPLICATE_KEY,
                f"`{key.text}` of this context stands in two files",
                key.span,
                "keep one of them",
                [("written here too", first)],
            )
        else:
            entries[key.text] = (key, value)
    return Mapping(tuple(entries.values()), here.span)
