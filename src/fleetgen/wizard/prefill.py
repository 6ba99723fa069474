"""Replies that a specification would have been the answer to: a questionnaire that begins from an example.

What has no question of its own goes to the questions for anything else, so that nothing of the example is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fleetgen.spec.emit import flow, scalar
from fleetgen.spec.node import Document
from fleetgen.wizard import quick
from fleetgen.wizard.ask_running import FIGURES, PLATFORM_LINES
from fleetgen.wizard.forms import data_of

Data = dict[str, Any]
_TEXTS = ("fleet", "domain", "vision", "organisation")


def replies_of(document: Document) -> dict[str, str]:
    """A reply for each question that the specification has something to say to."""
    return dict(_fleet(data_of(document.root)))


def _entries(data: Any) -> str:
    """One `name: value` a line; where only a name was written, the name alone."""
    return "\n".join(
        scalar(key) if _is_nothing(value) else f"{scalar(key)}: {flow(value)}" for key, value in _dict(data).items()
    )


def _dict(data: Any) -> Data:
    return dict(data) if isinstance(data, Mapping) else {}


def _is_nothing(value: Any) -> bool:
    return isinstance(value, str) and value == "null"


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value] if value else []


def _fleet(data: Data) -> Iterator[tuple[str, str]]:
    yield from ((key, str(data.pop(key))) for key in _TEXTS if key in data)
    for key in ("legacy", "teams"):
        yield key, _entries(data.pop(key, {}))
    contexts = {name: _dict(body) for name, body in _dict(data.pop("contexts", {})).items()}
    yield "contexts", "\n".join(f"{name}: {body.pop('subdomain', 'supporting')}" for name, body in contexts.items())
    yield from _policies(contexts)
    yield "stacks", "\n".join(_stacks(contexts))
    yield "stores", "\n".join(f"{name}: {flow(stores)}" for name, stores in _taken(contexts, "stores"))
    for name, body in contexts.items():
        yield from _context(f"contexts/{name}", body)
    yield from _sagas(_dict(data.pop("sagas", {})))
    yield "evolution", "\n".join(f"{each['context']}: {each['by']}" for each in _list(data.pop("evolution", [])))
    yield from _platform(_dict(data.pop("platform", {})))
    yield from _figures(data)
    yield "more", _entries(data)


def _taken(contexts: Mapping[str, Data], key: str) -> list[tuple[str, Any]]:
    return [(name, body.pop(key)) for name, body in contexts.items() if key in body]


def _stacks(contexts: Mapping[str, Data]) -> Iterator[str]:
    yield from (f"{name}: {flow(stack)}" for name, stack in _taken(contexts, "stack"))


def _policies(contexts: Mapping[str, Data]) -> Iterator[tuple[str, str]]:
    """Only those of contexts that are one service: others lie in the service."""
    lines = [
        line
        for _, policies in _taken(contexts, "policies")
        for event, said in _dict(policies).items()
        for line in quick.policy_line(event, said)
    ]
    yield "policies", "\n".join(lines)


def _context(at: str, body: Data) -> Iterator[tuple[str, str]]:
    for key, default in (("purpose", ""), ("team", ""), ("exposure", "internal")):
        yield f"{at}/{key}", str(body.pop(key, default))
    aggregates = {name: _dict(each) for name, each in _dict(body.pop("aggregates", {})).items()}
    yield f"{at}/aggregates", ", ".join(aggregates)
    for name, each in aggregates.items():
        yield from _aggregate(f"{at}/aggregates/{name}", each)
    yield f"{at}/more", _entries(body)


def _aggregate(at: str, body: Data) -> Iterator[tuple[str, str]]:
    commands = _dict(body.pop("commands", {}))
    yield f"{at}/commands", "\n".join(quick.command_line(name, said) for name, said in commands.items())
    yield f"{at}/fields", _entries(body.pop("fields", {}))
    yield f"{at}/values", _entries(body.pop("values", {}))
    yield f"{at}/states", ", ".join(map(str, _list(body.pop("states", []))))
    queries = body.get("queries", [])
    yield f"{at}/queries", "" if isinstance(queries, Mapping) else ", ".join(_listed(body.pop("queries", [])))
    yield f"{at}/more", _entries(body)


def _listed(value: Any) -> Iterable[str]:
    return map(str, _list(value))


def _sagas(sagas: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "sagas", ", ".join(sagas)
    for name, said in sagas.items():
        at, body = f"sagas/{name}", _dict(said)
        yield f"{at}/steps", "\n".join(quick.step_line(each) for each in _list(body.pop("steps", [])))
        yield f"{at}/mode", str(body.pop("mode", "orchestration"))
        yield f"{at}/timeout", str(body.pop("timeout", "5m"))
        yield f"{at}/more", _entries(body)


def _platform(body: Data) -> Iterator[tuple[str, str]]:
    for group, key in (("gateway", "kind"), *PLATFORM_LINES):
        said = body.get(group)
        if isinstance(said, Mapping) and key in said:
            rest = dict(said)
            yield f"platform/{group}/{key}", str(rest.pop(key))
            body[group] = rest
        elif isinstance(said, str) and key == "kind":
            yield f"platform/{group}/{key}", body.pop(group)
    yield "platform/more", _entries({key: value for key, value in body.items() if value != {}})


def _figures(data: Data) -> Iterator[tuple[str, str]]:
    for group, key in FIGURES:
        said = data.get(group)
        if isinstance(said, Mapping):
            rest = dict(said)
            yield f"{group}/{key}", str(rest.pop(key, ""))
            data[group] = rest
    for group in {group for group, _ in FIGURES}:
        if data.get(group) == {}:
            del data[group]
