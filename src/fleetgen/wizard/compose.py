"""Writes replies as a `fleet.yaml` for people: sections apart, comments where a key is met first, no defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from fleetgen.spec.emit import Inline, Said, emit
from fleetgen.spec.table.context import CONTEXT
from fleetgen.spec.table.saga import SAGA
from fleetgen.wizard.ask_running import FIGURES, PLATFORM_LINES, platform_default
from fleetgen.wizard.script import values

Data = dict[str, Any]
_COLUMN = 39
_HEAD = """\
# What was answered to `fleetgen new`. Everything that is not written here is a default;
# `fleetgen spec show --resolved` prints all of it, `fleetgen explain KEY` says what a key means.
"""
_COMMENTS = {
    "legacy": "what the fleet takes over",
    "evolution": "how the old system is taken apart, wave by wave",
    "teams": "name: number of developers; a mapping says more",
    "contexts": "a bounded context becomes one service of the same name",
    "stack": "python | node | java | go | erlang",
    "public": "reachable through the gateway, with a user's token",
    "partner": "through the gateway, for partners only",
    "fields": "and a key `id`, unless `key` names another",
    "states": "an event leads to the state in which its name ends",
    "commands": "the first creates the aggregate and takes all its fields",
    "policies": "whenever this event is seen, do that command",
    "choreography": "each service reacts to the events of the others; nobody conducts",
    "orchestration": "the service of the first step conducts",
    "steps": "a step before the pivot has an undo; after the pivot all must succeed",
    "platform": "what all services share, where it differs from the defaults",
}


def compose(replies: Mapping[str, str]) -> str:
    """The text. It is a specification as far as the replies go; questions not yet answered are left out."""
    said = _Said(values(replies))
    sections = [
        emit(section, _COLUMN)
        for section in (
            said.some("fleet", "domain", "vision", "organisation"),
            said.noted(said.some("legacy")),
            said.noted(said.some("teams")),
        )
        if section
    ]
    sections.append(_spaced(said.contexts()))
    rest = said.more | {key: value for key, value in said.whole().items() if value}
    sections += [emit(said.noted({key: value}), _COLUMN) for key, value in rest.items() if value not in ({}, [], None)]
    return _HEAD + "\n".join(sections)


def _spaced(contexts: Data) -> str:
    """A blank line between contexts."""
    lines = emit({"contexts": contexts}, _COLUMN).splitlines()
    found: list[str] = []
    for line in lines:
        begins = line.startswith("  ") and not line.startswith("   ")
        if begins and len(found) > 1:
            found.append("")
        found.append(line)
    return "".join(f"{line}\n" for line in found)


class _Said:
    """The values of replies, and which comments were given already."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.more: Data = dict(values.get("more") or {})
        self._told: set[str] = set()

    def some(self, *keys: str) -> Data:
        """What was said under these keys."""
        return {key: self.values[key] for key in keys if self.values.get(key)}

    def noted(self, data: Data) -> Data:
        """With a comment behind each key or word that is met for the first time."""
        return {key: self._note(key, value) for key, value in data.items()}

    def _note(self, key: str, value: Any) -> Any:
        word = key if key in _COMMENTS else value if isinstance(value, str) and value in _COMMENTS else ""
        if not word or word in self._told:
            return value
        self._told.add(word)
        return Said(value, _COMMENTS[word])

    # -- contexts

    def contexts(self) -> Any:
        """All of them, under a comment."""
        policies = self._policies()
        names: Mapping[str, Any] = self.values.get("contexts") or {}
        return self._note("contexts", {name: self._context(name, names[name], policies) for name in names})

    def _context(self, name: str, subdomain: str, policies: Mapping[str, Data]) -> Data:
        at = f"contexts/{name}"
        more = dict(self.values.get(f"{at}/more") or {})
        stores = (self.values.get("stores") or {}).get(name)
        data: Data = {
            "title": more.pop("title", None),
            "subdomain": "supporting" if subdomain == "null" else subdomain,
            "purpose": self.values.get(f"{at}/purpose"),
            "team": self.values.get(f"{at}/team"),
            "stack": (self.values.get("stacks") or {}).get(name),
            "stores": None if stores in ({"primary": "postgresql"}, None) else stores,
            "exposure": _unless(self.values.get(f"{at}/exposure"), CONTEXT.entry("exposure").default),
            **more,
            "aggregates": {each: self._aggregate(at, each) for each in self.values.get(f"{at}/aggregates") or ()},
            "policies": policies.get(name),
        }
        return self.noted(_filled(data))

    def _aggregate(self, context: str, name: str) -> Data:
        at = f"{context}/aggregates/{name}"
        more = dict(self.values.get(f"{at}/more") or {})
        data = {
            "kind": more.pop("kind", None),
            "key": more.pop("key", None),
            "fields": Inline(self.values.get(f"{at}/fields") or {}),
            "values": _inline(self.values.get(f"{at}/values")),
            "states": self.values.get(f"{at}/states"),
            **{key: more.pop(key, None) for key in ("partition-by", "invariants")},
            "commands": _inline(self.values.get(f"{at}/commands")),
            "queries": self.values.get(f"{at}/queries"),
            **more,
        }
        return self.noted(_filled(data))

    def _policies(self) -> dict[str, Data]:
        """The policies of each context: a policy belongs where its command is."""
        names: Mapping[str, Any] = self.values.get("contexts") or {}
        at_home = {command: name for name in names for command in self._commands(name)}
        found: dict[str, dict[str, list[Any]]] = {}
        for event, policy in chain.from_iterable(each.items() for each in self.values.get("policies") or ()):
            context = at_home.get(policy["do"], next(iter(names)))
            found.setdefault(context, {}).setdefault(event, []).append(_short(policy))
        return {context: {event: _one(each) for event, each in told.items()} for context, told in found.items()}

    def _commands(self, context: str) -> Iterator[str]:
        at = f"contexts/{context}"
        for aggregate in self.values.get(f"{at}/aggregates") or ():
            yield from self.values.get(f"{at}/aggregates/{aggregate}/commands") or ()
        more = self.values.get(f"{at}/more") or {}
        for service in _dict(more.get("services")).values():
            for each in _dict(_dict(service).get("aggregates")).values():
                yield from _dict(_dict(each).get("commands"))

    # -- the whole

    def whole(self) -> Data:
        """What is said of the fleet behind its contexts."""
        waves = [{"context": name, "by": by} for name, by in (self.values.get("evolution") or {}).items()]
        sagas = {name: self._saga(f"sagas/{name}") for name in self.values.get("sagas") or ()}
        figures = {group: self._figures(group) for group in ("slo", "load")}
        return {"sagas": sagas, "evolution": waves, "platform": self._platform(), **figures}

    def _saga(self, at: str) -> Data:
        steps = chain.from_iterable(each["steps"] for each in self.values.get(f"{at}/steps") or ())
        mode, timeout = self.values.get(f"{at}/mode"), self.values.get(f"{at}/timeout")
        data = {
            "mode": mode,
            "timeout": _unless(timeout, SAGA.entry("timeout").default),
            **_dict(self.values.get(f"{at}/more")),
            "steps": list(steps),
        }
        return self.noted(_filled(data))

    def _platform(self) -> Data:
        data = _dict(self.values.get("platform/more"))
        for group, key in (("gateway", "kind"), *PLATFORM_LINES):
            said = _unless(self.values.get(f"platform/{group}/{key}"), platform_default(group, key))
            if said is not None:
                data[group] = {key: said} | _dict(data.get(group))
        return data

    def _figures(self, group: str) -> Data:
        keys = [key for each, key in FIGURES if each == group]
        said = {key: self.values.get(f"{group}/{key}") for key in keys}
        return _filled(said) | _dict(self.more.pop(group, None))


def _dict(value: Any) -> Data:
    """A mapping to change; empty where something else was said."""
    return dict(value) if isinstance(value, Mapping) else {}


def _unless(said: Any, default: str) -> Any:
    return None if said == default else said


def _filled(data: Mapping[str, Any]) -> Data:
    return {key: value for key, value in data.items() if value not in ("", None, {}, [])}


def _short(said: Any) -> Any:
    """A record with one key only, in its short form."""
    data = Inline(said)
    return next(iter(data.values())) if list(data) in (["emits"], ["do"]) else data


def _inline(data: Mapping[str, Any] | None) -> Data:
    """Each entry on a line of its own."""
    return {key: _short(each) for key, each in (data or {}).items()}


def _one(policies: list[Any]) -> Any:
    """What an event leads to: a policy, or a list of them, whose items have no short form."""
    long = [each if isinstance(each, Mapping) else {"do": each} for each in policies]
    return policies[0] if len(policies) == 1 else long
