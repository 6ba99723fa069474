"""Every figure of the report once more, from the raw specification alone: none of fleetgen's code is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

from .raw import quantity, title

Raw = dict[str, Any]
WEIGHTS = {"core": 1.0, "supporting": 0.6, "generic": 1 / 3}


class Recount:
    """A worked example: one service a context, all contexts managed."""

    def __init__(self, spec: Raw) -> None:
        self.spec = spec
        self.contexts: Raw = spec["contexts"]
        self.teams = {
            name: team if isinstance(team, dict) else {"developers": team} for name, team in spec["teams"].items()
        }
        self.owner = {name: context for context, name, _ in self._messages()}

    # -- what is written

    def aggregates(self) -> Iterator[tuple[str, Raw]]:
        for context, body in self.contexts.items():
            for aggregate in body.get("aggregates", {}).values():
                yield context, aggregate

    def commands(self) -> Iterator[tuple[str, str, str, list[str]]]:
        """Context, command, event, rejections."""
        for context, aggregate in self.aggregates():
            for name, said in aggregate.get("commands", {}).items():
                if isinstance(said, str):
                    yield context, name, said, []
                else:
                    refused = said.get("or", {})
                    yield context, name, said["emits"], [refused] if isinstance(refused, str) else list(refused)

    def _messages(self) -> Iterator[tuple[str, str, str]]:
        for context, command, event, rejections in self.commands():
            yield context, command, "command"
            yield from ((context, name, "event") for name in (event, *rejections))

    def event_of(self, command: str) -> str:
        return next(event for _, name, event, _ in self.commands() if name == command)

    def rejections_of(self, command: str) -> list[str]:
        return next(refused for _, name, _, refused in self.commands() if name == command)

    def steps(self, saga: str) -> list[tuple[str, str, str]]:
        """How, command, undo."""
        found = []
        for step in self.spec["sagas"][saga]["steps"]:
            if isinstance(step, str):
                words = step.replace("/", " ").split()
                how = words.pop(0) if words[0] in ("pivot", "call", "do") else "do"
                found.append((how, words[0], words[1] if len(words) > 1 else ""))
            else:
                how = next(key for key in ("do", "pivot", "call") if key in step)
                undo = step.get("undo", "")
                found.append((how, step[how], "" if undo == "none" else undo))
        return found

    # -- who needs whom

    def needs(self) -> set[tuple[str, str]]:
        """Pairs of services: the one that needs, the one that is needed."""
        pairs = set()
        for context, body in self.contexts.items():
            heard = [*body.get("policies", {}), *body.get("subscribes", [])]
            heard += [event for copy in body.get("copies", {}).values() for event in copy["from"]]
            pairs |= {(context, self.owner[event]) for event in heard}
        for saga in self.spec.get("sagas", {}):
            pairs |= (
                self._conducted(saga) if self.spec["sagas"][saga]["mode"] == "orchestration" else self._danced(saga)
            )
        return {(one, other) for one, other in pairs if one != other}

    def _conducted(self, saga: str) -> set[tuple[str, str]]:
        steps = self.steps(saga)
        conductor = self.owner[steps[0][1]]
        return {(conductor, self.owner[name]) for _, do, undo in steps for name in (do, undo) if name}

    def _danced(self, saga: str) -> set[tuple[str, str]]:
        """A step needs the one before, the first one's data, and what makes it undo."""
        steps, pairs = self.steps(saga), set()
        for place, (_, do, undo) in enumerate(steps):
            here = self.owner[do]
            if place:
                pairs |= {(here, self.owner[steps[place - 1][1]]), (here, self.owner[steps[0][1]])}
            for how, later, later_undo in steps[place + 1 :] if undo else ():
                if self.rejections_of(later) or later_undo:
                    pairs.add((here, self.owner[later]))
                if later_undo or how == "pivot":
                    break
        return pairs

    def waits(self, service: str) -> list[str]:
        """Those that must answer, through calls of calls."""
        calls = {
            (self.owner[steps[0][1]], self.owner[do])
            for saga in self.spec.get("sagas", {})
            for steps in (self.steps(saga),)
            for how, do, _ in steps
            if how == "call"
        }
        found: list[str] = []
        waiting = [service]
        while waiting:
            here = waiting.pop()
            more = [other for one, other in sorted(calls) if one == here and other not in (*found, service)]
            found += more
            waiting += more
        return found

    def availability(self, service: str) -> float:
        own = self.contexts[service].get("slo", {}).get("availability")
        return quantity(own or self.spec["slo"]["availability"]) or 0.0

    # -- the figures by name

    def value(self, name: str, of: tuple[str, ...]) -> str | float | int:
        figure: Callable[..., str | float | int] = getattr(self, f"figure_{name.replace('-', '_')}")
        return figure(*of)

    def figure_services(self) -> int:
        return len(self.contexts)

    def figure_teams(self) -> int:
        return len(self.teams)

    def figure_developers(self) -> int:
        return sum(int(team["developers"]) for team in self.teams.values())

    def figure_average_team_size(self) -> float:
        return self.figure_developers() / len(self.teams)

    def figure_developers_of_context(self, context: str) -> int:
        return int(self.teams[self.contexts[context]["team"]]["developers"])

    def figure_contexts(self, kind: str) -> int:
        return sum(body["subdomain"] == kind for body in self.contexts.values())

    def figure_contexts_of_team(self, team: str) -> int:
        return sum(body["team"] == team for body in self.contexts.values())

    def figure_cognitive_load(self, team: str) -> float:
        owned = [body for body in self.contexts.values() if body["team"] == team]
        load = sum(WEIGHTS[body["subdomain"]] for body in owned)
        load += 0.1 * max(len({body.get("stack", "python") for body in owned}) - 1, 0)
        return load + 0.1 * len({regime for body in owned for regime in body.get("compliance", {})})

    def figure_teams_above_their_load(self) -> int:
        return sum(self.figure_cognitive_load(team) > 1 + 1e-9 for team in self.teams)

    def figure_pairs_that_exchange_messages(self) -> int:
        return len({frozenset(pair) for pair in self.needs()})

    def figure_pairs_on_the_map(self) -> int:
        mapped = set()
        for line in self.spec.get("context-map", []):
            left, right = line.replace("<->", "->").split("->")
            mapped.add(frozenset({left.split("[")[0].strip(), right.split("[")[0].strip()}))
        return len({frozenset(pair) for pair in self.needs()} & mapped)

    def figure_dependencies(self) -> int:
        return len(self.needs())

    def figure_dependencies_across_teams(self) -> int:
        team = {name: body["team"] for name, body in self.contexts.items()}
        return sum(team[one] != team[other] for one, other in self.needs())

    def figure_services_that_wait(self) -> int:
        return sum(bool(self.waits(name)) for name in self.contexts)

    def figure_services_that_wait_for_none(self) -> int:
        return len(self.contexts) - self.figure_services_that_wait()

    def figure_waits_for(self, service: str) -> str:
        return ", ".join(self.waits(service))

    def figure_availability_with_dependencies(self, service: str) -> float:
        return self.availability(service) * prod(self.availability(name) for name in self.waits(service))

    def figure_waves(self) -> int:
        return len(self.spec["evolution"])

    def figure_turn_of_wave(self, context: str) -> int:
        return [wave["context"] for wave in self.spec["evolution"]].index(context) + 1

    def figure_steps(self, saga: str) -> int:
        return len(self.steps(saga))

    def figure_undone_steps(self, saga: str) -> int:
        return sum(bool(undo) for _, _, undo in self.steps(saga))

    def figure_events(self) -> int:
        return len({event for _, _, event, refused in self.commands() for event in (event, *refused)})

    def figure_event_sourced_services(self) -> int:
        return sum("event-sourcing" in body.get("patterns", []) for body in self.contexts.values())

    def figure_read_models(self) -> int:
        return sum(len(aggregate.get("read-models", {})) for _, aggregate in self.aggregates())

    def figure_downtime_a_year(self) -> float:
        return (1 - (quantity(self.spec["slo"]["availability"]) or 0)) * 365 * 86400

    def figure_error_budget(self) -> float:
        slo = self.spec["slo"]
        return (1 - (quantity(slo["availability"]) or 0)) * (quantity(slo["window"]) or 0)

    def figure_tier(self) -> str:
        bodies = self.contexts.values()
        if any(isinstance(b.get("regions"), dict) and b["regions"].get("mode") == "active-active" for b in bodies):
            return "DISTRIBUTED"
        stacks = {body.get("stack", "python") for body in bodies}
        stores = {kind for body in bodies for kind in body.get("stores", {"primary": "postgresql"}).values()}
        regimes = {
            *self.spec.get("compliance", {}),
            *(regime for body in bodies for regime in body.get("compliance", {})),
        }
        calls = sum(len(self.waits(name)) for name in self.contexts)
        calls += sum(len(external["used-by"]) for external in self.spec.get("externals", {}).values())
        points = len(self.contexts) + 2 * len(self.spec.get("sagas", {})) + len(stacks) - 1 + len(stores) - 1
        points += calls + 2 * len(regimes)
        tiers = ((10, "SIMPLE"), (25, "MODERATE"), (45, "COMPLEX"))
        return next((tier for most, tier in tiers if points <= most), "DISTRIBUTED")


def titles(spec: Raw, kind: str) -> dict[str, str]:
    """Titles of contexts or teams by name."""
    bodies = {name: body if isinstance(body, dict) else {} for name, body in spec[kind].items()}
    return {name: body.get("title") or title(name) for name, body in bodies.items()}
