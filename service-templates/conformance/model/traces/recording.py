"""Writes down what the model decides, step by step."""

from __future__ import annotations

import json
from typing import Any

from model.values import Core, Effects, Given, Json


class Recording:
    """A trace that grows. A `keeps` core goes on from its own state; the others are told theirs at every step."""

    def __init__(self, core: str, decide: Core, config: Json, state: Json = None, *, keeps: bool = True) -> None:
        self.core, self.config, self.state = core, config, state
        self._decide, self._keeps = decide, keeps
        self.steps: list[dict[str, Any]] = []

    def give(self, given: Given, now: int = 0, state: Json = None) -> Effects:
        """One input; gives the effects."""
        step: dict[str, Any] = {"now": now}
        if not self._keeps:
            step["state"] = state
        elif not self.steps:
            step["state"] = shown(self.state)
        after, effects = self._decide(self.config, self.state if self._keeps else state, given, now)
        step["input"] = given
        if self._keeps:
            self.state = after
            step["next"] = shown(after)
        step["effects"] = effects
        self.steps.append(step)
        return effects

    def line(self, name: str) -> str:
        """The trace as a line of JSON, always the same bytes for the same trace."""
        trace = {"core": self.core, "name": name, "config": self.config, "steps": self.steps}
        return json.dumps(trace, separators=(",", ":"), ensure_ascii=False)

    def first(self, count: int) -> Recording:
        """The first steps only."""
        cut = Recording(self.core, self._decide, self.config, self.state, keeps=self._keeps)
        cut.steps = self.steps[:count]
        return cut

    def __repr__(self) -> str:
        return self.line("")


def shown(state: Json) -> Json:
    """A state as in a trace."""
    show = getattr(state, "show", None)
    return state if show is None else show()
