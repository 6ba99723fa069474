"""Short forms of the questionnaire, as on the notes of a workshop: a line becomes YAML, and data becomes a line again.

A command:  `Name(inputs) from states -> Event | Rejection if condition {anything else}`
A policy:   `Event -> Command {anything else}`
A step:     `Do / Undo {anything else}`, `pivot Do`, `call Do`
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fleetgen.spec.emit import flow, scalar
from fleetgen.spec.grammar.steps import parse_step
from fleetgen.spec.grammar.units import Unreadable

_TAIL = r"(?:\s*\{(?P<tail>.*)\})?"
_COMMAND = re.compile(
    r"(?P<name>[^\s(){}|>-][^\s(){}|>]*?)\s*(?:\((?P<takes>[^()]*)\))?\s*(?:\bfrom\s+(?P<states>[^{}|>]*?))?\s*"
    r"->\s*(?P<event>[^\s{}|]+)\s*(?:\|\s*(?P<rejection>[^\s{}|]+)(?:\s+if\s+(?P<condition>[^{}]+?))?)?" + _TAIL
)
_POLICY = re.compile(r"(?P<event>[^\s{}>]+)\s*->\s*(?P<command>[^\s{}]+)" + _TAIL)
_STEP = re.compile(r"(?P<step>[^{}]*?)" + _TAIL)
_PLAIN = re.compile(r"[^\s(){}|>-][^\s(){}|>]*")  # what may stand in a short form without being misread


def command(line: str) -> str:
    """YAML of a command.

    Raises:
        Unreadable: When the line is not in that form.
    """
    found = _COMMAND.fullmatch(line)
    if found is None:
        name = re.match(r"[A-Za-z][A-Za-z0-9]*", line)
        hint = f"write `{name.group() if name else 'PlaceOrder'} -> <the event that tells of its success>`"
        raise Unreadable(f"`{line}` is not a command and its event", hint)
    parts = [f"emits: {scalar(found['event'])}", *_rejection(found)]
    if found["states"]:
        states = found["states"].replace(",", " ").split()
        parts.append(f"from: {flow(states[0] if len(states) == 1 else states)}")
    if found["takes"] is not None:
        parts.append(f"takes: {_takes(found['takes'])}")
    return f"{{{scalar(found['name'])}: {{{_joined(parts, found['tail'])}}}}}"


def policy(line: str) -> str:
    """YAML of a policy.

    Raises:
        Unreadable: When the line is not in that form.
    """
    found = _POLICY.fullmatch(line)
    if found is None:
        raise Unreadable(f"`{line}` is not an event and what is done", "write `OrderPlaced -> CreateShipment`")
    parts = _joined([f"do: {scalar(found['command'])}"], found["tail"])
    return f"{{{scalar(found['event'])}: {{{parts}}}}}"


def step(line: str) -> str:
    """YAML of a mapping with one step, under `steps`.

    Raises:
        Unreadable: When the line is not in that form.
    """
    found = _STEP.fullmatch(line)
    if found is None:
        raise Unreadable(f"`{line}` is not a step", "write `Do`, `Do / Undo`, `pivot Do` or `call Do`")
    said = parse_step(found["step"])
    if found["tail"] is None:
        return f"{{steps: [{scalar(found['step'].strip())}]}}"
    parts = [f"{said.how}: {scalar(said.do)}", *([f"undo: {scalar(said.undo)}"] if said.undo else [])]
    return f"{{steps: [{{{_joined(parts, found['tail'])}}}]}}"


def _joined(parts: list[str], tail: str | None) -> str:
    return ", ".join([*parts, *([tail.strip()] if tail and tail.strip() else [])])


def _rejection(found: re.Match[str]) -> Iterator[str]:
    if found["condition"]:
        yield f"or: {{{scalar(found['rejection'])}: {flow(found['condition'].strip())}}}"
    elif found["rejection"]:
        yield f"or: {scalar(found['rejection'])}"


def _takes(text: str) -> str:
    return f"{{{text}}}" if ":" in text else f"[{text}]"


# -- data to lines


def command_line(name: str, said: Any) -> str:
    """The line of a command."""
    data = dict(said) if isinstance(said, Mapping) else {"emits": said}
    head = name + _inputs(data) + _states(data)
    return f"{head} -> {data.pop('emits', '')}{_refused(data)}{_rest(data)}"


def policy_line(event: str, said: Any) -> Iterator[str]:
    """The lines of what is done when an event is seen."""
    for each in said if isinstance(said, list) else [said]:
        data = dict(each) if isinstance(each, Mapping) else {"do": each}
        yield f"{event} -> {data.pop('do', '')}{_rest(data)}"


def step_line(said: Any) -> str:
    """The line of a step."""
    if not isinstance(said, Mapping):
        return str(said)
    data = dict(said)
    how = next((word for word in ("do", "pivot", "call") if word in data), "do")
    head = f"{data.pop(how, '')}" if how == "do" else f"{how} {data.pop(how)}"
    undo = f" / {data.pop('undo')}" if "undo" in data else ""
    return f"{head}{undo}{_rest(data)}"


def _rest(data: Mapping[str, Any]) -> str:
    return f" {flow(data)}" if data else ""


def _inputs(data: dict[str, Any]) -> str:
    takes = data.get("takes")
    if not takes or "(" in (written := flow([takes] if isinstance(takes, str) else takes)):
        return ""
    del data["takes"]
    return f"({written[1:-1]})"


def _states(data: dict[str, Any]) -> str:
    states = data.get("from")
    listed = [states] if isinstance(states, str) else states
    if not listed or not all(_PLAIN.fullmatch(str(state)) for state in listed):
        return ""
    del data["from"]
    return f" from {', '.join(listed)}"


def _refused(data: dict[str, Any]) -> str:
    said = data.get("or")
    if isinstance(said, Mapping):
        if len(said) != 1:
            return ""
        name, condition = next(iter(said.items()))
        if not isinstance(condition, str) or re.search(r"[{}]", condition):
            return ""
        del data["or"]
        return f" | {name}" if condition == "null" else f" | {name} if {condition}"
    return f" | {data.pop('or')}" if said else ""
