"""Example inputs of commands: what generated tests and `smoke` send.

An example satisfies the invariants of its aggregate; a refused example makes the command answer with its rejection.
Both are found by trying: plain values first, then the values the conditions mention. Nothing is random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from fleetgen.model.evaluate import NotEvaluable, evaluate, holds, plain
from fleetgen.model.fleet import Aggregate, Command, Field, Value
from fleetgen.model.types import Binary, Expression, FieldPath, Literal_, Not, Size, Sum, Type

MOST_TRIES = 4000
MOST_ITEMS = 200  # in a list that is made longer to break a limit
MOST_COMMANDS = 6  # length of a path to a state

Values = dict[str, Any]

_SCALARS: Mapping[str, Any] = {
    "string": "example",
    "text": "An example text",
    "int": 1,
    "decimal": "1.50",
    "money": {"amount": 1200, "currency": "EUR"},
    "bool": True,
    "uuid": "018f3b6e-0000-7000-8000-000000000001",
    "date": "2026-01-31",
    "datetime": "2026-01-31T12:00:00Z",
    "duration": "PT5M",
    "url": "https://example.org/picture.png",
    "json": "{}",
}


@dataclass(frozen=True)
class Example:
    """`input` succeeds after the commands of `path` (with their own examples) and gives `state`."""

    input: Values
    refused: Values | None
    path: tuple[str, ...]
    state: Values


class Examples:
    """Examples for all commands of one aggregate."""

    def __init__(self, aggregate: Aggregate, values: Mapping[str, Value]) -> None:
        """Find them; cost is bounded by `MOST_TRIES` evaluations a command."""
        self._aggregate = aggregate
        self._values = values
        self._found: dict[str, Example] = {}
        self._find()

    def __getitem__(self, command: str) -> Example:
        """The example of the command of that name."""
        return self._found[command]

    def _find(self) -> None:
        reachable = self._reachable()
        for command in self._aggregate.commands:
            self._found[command.name] = self._example(command, reachable)

    def _reachable(self) -> list[_State]:
        """Paths of commands from nothing, shortest first, one for each pair of state and last command."""
        found: list[_State] = []
        frontier = [_State((), {})]
        seen: set[tuple[str, str]] = set()
        for _ in range(MOST_COMMANDS):
            following: list[_State] = []
            for state, command in product(frontier, self._aggregate.commands):
                success = None if command.target == "collection" else self._succeed(command, state.values)
                if success is None:
                    continue
                mark = (str(success[1].get("state", "")), command.name)
                if mark not in seen:
                    seen.add(mark)
                    following.append(_State((*state.path, command.name), success[1]))
            found += following
            frontier = following
        return found

    def _succeed(self, command: Command, state: Values, plain_only: bool = False) -> tuple[Values, Values] | None:
        """Input and state after a success from `state` (empty: nothing exists yet), or None."""
        candidates = self._candidates(command, state)
        for candidate in islice(candidates, 1) if plain_only else candidates:
            outcome = self.run(command, state, candidate)
            if outcome is not None and outcome[0]:
                return candidate, outcome[1]
        return None

    def _example(self, command: Command, reachable: list[_State]) -> Example:
        """The shortest path on which plain values succeed, else the shortest on which any do."""
        starts = reachable if command.target == "existing" else [_State((), {})]
        for plain_only, state in product((True, False), starts):
            success = self._succeed(command, state.values, plain_only)
            if success is not None:
                return Example(success[0], self._refused(command, state.values), state.path, success[1])
        return Example(self._plain_input(command, {}), None, (), {})

    def _refused(self, command: Command, state: Values) -> Values | None:
        """An input that is rejected or, where the command has no rejection, breaks an invariant."""
        if command.rejection is None and not self._aggregate.invariants:
            return None
        for candidate in self._candidates(command, state):
            outcome = self.run(command, state, candidate)
            if outcome is None and not command.rejection:
                after = self._after(command, state, candidate)
                if after is not None and not self._sound(after, candidate):
                    return candidate
            elif outcome is not None and not outcome[0]:
                return candidate
        return None

    def _sound(self, after: Values, given: Values) -> bool:
        scopes = {"state": after, "input": given}
        return all(holds(invariant.expression, scopes) for invariant in self._aggregate.invariants)

    def run(self, command: Command, state: Values, given: Values) -> tuple[bool, Values] | None:
        """(True, new state) or (False, state) for a rejection, None for an error."""
        if (command.target == "new") is bool(state) or not _allowed(command, state):
            return None
        scopes = {"state": state, "input": given}
        if command.reject_when is not None and _is_true(command.reject_when, scopes):
            return (False, state)
        after = self._after(command, state, given)
        if after is None:
            return None
        if self._sound(after, given):
            return (True, after)
        return (False, state) if command.rejection else None

    def _after(self, command: Command, state: Values, given: Values) -> Values | None:
        after = dict(state)
        if command.target == "new":
            after = {field.name: given.get(field.name) for field in self._aggregate.fields}
        after |= {name: given[name] for name in command.sets if name in given}
        try:
            for change in command.changes:
                after[change.field] = plain(evaluate(change.expression, {"state": {**after, **state}, "input": given}))
        except NotEvaluable:
            return None
        if command.to:
            after["state"] = command.to
        return after

    def _plain_input(self, command: Command, state: Values) -> Values:
        key = self._aggregate.key.name
        return {
            field.name: state[key] if field.name == key and state else self.sample(field.type)
            for field in command.inputs
        }

    def _candidates(self, command: Command, state: Values) -> Iterator[Values]:
        """Plain values, made to fit equations of the invariants, then variations of what the conditions mention."""
        base = self._plain_input(command, state)
        conditions = [invariant.expression for invariant in self._aggregate.invariants]
        conditions += [command.reject_when] if command.reject_when is not None else []
        conditions += [change.expression for change in command.changes]
        literals = sorted({value for condition in conditions for value in _literals(condition)}, key=str)
        sized = {name for condition in conditions for name in _sized(condition) if isinstance(base.get(name), list)}
        leaves = [leaf for leaf in _leaves(base, command.inputs) if leaf[0] != self._aggregate.key.name or not state]
        mentioned = {name for condition in conditions for name in _mentioned(condition)}
        varied = [leaf for leaf in leaves if leaf[0] in mentioned - sized]
        varied += [(name,) for name in sorted(sized)]
        choices = [_choices(_at(base, leaf), literals, state) for leaf in varied]
        for chosen in islice(product(*choices), MOST_TRIES):
            candidate = _copy(base)
            for leaf, value in zip(varied, chosen, strict=True):
                _put(candidate, leaf, value)
            yield self.repaired(candidate, state)

    def repaired(self, candidate: Values, state: Values | None = None) -> Values:
        """Solve invariants of the form `field = expression` for the field."""
        known = state or {}
        for invariant in self._aggregate.invariants:
            match invariant.expression:
                case Binary(operator="=", left=FieldPath(path=(name,)), right=expression) if name in candidate:
                    try:
                        candidate[name] = plain(
                            evaluate(expression, {"state": {**known, **candidate}, "input": candidate})
                        )
                    except NotEvaluable:
                        continue
        return candidate

    def sample(self, type_: Type) -> Any:
        """A plain value of a type as wire JSON; optional ones are left out."""
        match type_.kind:
            case "optional":
                return None
            case "list":
                return [self.sample(type_.of)] if type_.of else []
            case "value":
                return {field.name: self.sample(field.type) for field in self._values[type_.value].fields}
            case _:
                return _copy(_SCALARS[type_.kind])


# What else to try in the place of a plain value that a condition compares.
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "018f3b6e-0000-7000-8000-000000000001": ("018f3b6e-0000-7000-8000-000000000002",),
    "1.50": ("0", "-1.50", "1000000000"),
    "2026-01-31": ("1999-12-31", "2999-12-31"),
    "2026-01-31T12:00:00Z": ("1999-12-31T12:00:00Z", "2999-12-31T12:00:00Z"),
    "PT5M": ("PT0S", "PT1000H"),
}


@dataclass(frozen=True)
class _State:
    """An aggregate after the commands of `path`."""

    path: tuple[str, ...]
    values: Values


def _allowed(command: Command, state: Values) -> bool:
    return not state or not command.allowed_from or state.get("state") in command.allowed_from


def _is_true(expression: Expression, scopes: Mapping[str, Any]) -> bool:
    try:
        return bool(evaluate(expression, scopes))
    except NotEvaluable:
        return False


def _children(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Binary(left=left, right=right):
            return (left, right)
        case Not(operand=inner):
            return (inner,)
        case Size(of=inner):
            return (inner,)
        case Sum(over=over, term=term):
            return (over, term)
        case _:
            return ()


def _literals(expression: Expression) -> Iterator[Any]:
    if isinstance(expression, Literal_):
        yield expression.value
    for child in _children(expression):
        yield from _literals(child)


def _mentioned(expression: Expression) -> Iterator[str]:
    if isinstance(expression, FieldPath) and expression.scope != "item":
        yield expression.path[0]
    for child in _children(expression):
        yield from _mentioned(child)


def _sized(expression: Expression) -> Iterator[str]:
    """Names of the fields whose size is asked for."""
    if isinstance(expression, Size):
        yield from _mentioned(expression.of)
    for child in _children(expression):
        yield from _sized(child)


Leaf = tuple[str | int, ...]


def _leaves(value: Any, fields: tuple[Field, ...]) -> Iterator[Leaf]:
    for field in fields:
        yield from _leaves_of(value[field.name], (field.name,))


def _leaves_of(value: Any, at: Leaf) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for name in value:
            if name != "currency":
                yield from _leaves_of(value[name], (*at, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves_of(item, (*at, index))
    else:
        yield at


def _choices(value: Any, literals: list[Any], state: Values) -> list[Any]:
    """The plain value first, then others of its type near the figures that the conditions mention."""
    if isinstance(value, bool):
        return [value, not value]
    if isinstance(value, int):
        figures = [item for item in literals if isinstance(item, int) and not isinstance(item, bool)]
        return list(dict.fromkeys([value, 0, 2, 10, *_near(figures), 1_000_000_000]))
    if isinstance(value, list):
        lengths = [item for item in literals if isinstance(item, int) and 0 <= item < MOST_ITEMS]
        return [value, *([_copy(item) for item in value] * length for length in _near(lengths))]
    if value in _OTHERS:
        return [value, *_OTHERS[value]]
    if isinstance(value, str):
        texts = [item for item in literals if isinstance(item, str)]
        return list(dict.fromkeys([value, *texts, "other", ""])) if texts or value == "example" else [value]
    return [value]


def _near(figures: list[int]) -> list[int]:
    return sorted({figure + step for figure in figures for step in (-1, 0, 1)})


def _at(value: Any, leaf: Leaf) -> Any:
    for step in leaf:
        value = value[step]
    return value


def _put(value: Any, leaf: Leaf, new: Any) -> None:
    _at(value, leaf[:-1])[leaf[-1]] = new


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
