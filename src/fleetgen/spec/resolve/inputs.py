"""Inputs of a saga's steps and undos: each is bound to what the steps before it told, or is an error."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgen.core.diagnostic import Span
from fleetgen.model.fleet import Binding, Command, Source
from fleetgen.spec.codes import Code, choose
from fleetgen.spec.grammar.bindings import parse_path
from fleetgen.spec.grammar.units import Unreadable
from fleetgen.spec.node import Node, Scalar
from fleetgen.spec.resolve.binder import Binder
from fleetgen.spec.resolve.reader import Reader, entries
from fleetgen.spec.resolve.session import Session, travel_name
from fleetgen.spec.resolve.sources import Carrier, Found


@dataclass(frozen=True)
class Line:
    """A step whose commands exist."""

    span: Span
    how: str
    command: Command
    undo: Command | None
    no_undo: bool
    reader: Reader


@dataclass(frozen=True)
class Bound:
    """Where the inputs of one step come from."""

    bindings: tuple[Binding, ...]
    undo_bindings: tuple[Binding, ...]
    for_each: Source | None


class Inputs:
    """All steps of one saga, in order; what a step told is known to those after it."""

    def __init__(self, mode: str, lines: list[Line], session: Session) -> None:
        self.lines = lines
        self.session = session
        self.conducted = mode == "orchestration"
        self.events: list[Carrier] = []
        self.commands: list[Carrier] = []  # what commands took, which only a conductor knows

    def read(self) -> list[Bound]:
        """One result a step."""
        return [self._step(index, line) for index, line in enumerate(self.lines)]

    def _step(self, index: int, line: Line) -> Bound:
        for_each, item = self._for_each(line)
        self._superfluous(index, line)
        items = [item] if item is not None else []
        bindings = () if index == 0 else self._bind(line, line.command, items)
        told = Carrier.of_event(line.command.emits)
        key = self.session.aggregate_of(line.command).key.name
        took = Carrier.of_command(line.command, key)
        if item is None:
            self.events.append(told)
            self.commands.append(took)
        undo_bindings: tuple[Binding, ...] = ()
        if line.undo is not None:
            first = items if item is not None else [told]
            undo_bindings = self._bind(line, line.undo, first, undoing=True)
        return Bound(bindings, undo_bindings, for_each)

    def _for_each(self, line: Line) -> tuple[Source | None, Carrier | None]:
        written = line.reader.scalar("for-each")
        if written is None:
            return None, None
        try:
            parts = parse_path(written.text)
        except Unreadable:
            return None, None
        for carrier in self._latest():
            inner = parts[1:] if parts[0] in (carrier.aggregate, carrier.message) and len(parts) > 1 else parts
            found = carrier.find(inner, self.session)
            if found is not None and found.type.kind == "list" and found.type.of is not None:
                return found.source, Carrier.of_item(found.type.of, self.session)
        lists = [name for each in self._known() for name, (_, of) in each.fields.items() if of.kind == "list"]
        said = f"no step before `{line.command.name}` tells of a list `{written.text}`"
        self.session.problems.add(Code.BAD_BINDING, said, written.span, choose(written.text, lists))
        return None, None

    def _known(self) -> list[Carrier]:
        return [*self.events, *(self.commands if self.conducted else [])]

    def _latest(self) -> list[Carrier]:
        return [*reversed(self.events), *(reversed(self.commands) if self.conducted else [])]

    def _superfluous(self, index: int, line: Line) -> None:
        """Names under `with` that neither command takes."""
        taken = [*self._names(line.undo)] + ([] if index == 0 else [*self._names(line.command)])
        for name, _ in entries(line.reader.get("with")):
            if name.text in taken:
                continue
            if index == 0 and name.text in self._names(line.command):
                said, hint = f"`{name.text}` of the first step comes from its caller", f"remove `{name.text}`"
            else:
                both = f"neither `{line.command.name}` nor `{line.undo.name}` takes" if line.undo else ""
                said = f"{both or f'`{line.command.name}` does not take'} `{name.text}`"
                hint = choose(name.text, taken)
            self.session.problems.add(Code.BAD_BINDING, said, name.span, hint)

    def _names(self, command: Command | None) -> tuple[str, ...]:
        if command is None:
            return ()
        aggregate = self.session.aggregate_of(command)
        names = [each.name for each in command.inputs]
        if aggregate.key.name in names:
            names.append(travel_name(aggregate.name, aggregate.key.name))
        return tuple(names)

    def _bind(
        self, line: Line, command: Command, first: list[Carrier], *, undoing: bool = False
    ) -> tuple[Binding, ...]:
        aggregate = self.session.aggregate_of(command)
        binder = Binder(
            self.session,
            [*first, *self._known()],
            lambda parts: self._path(parts, first),
            f"step `{line.command.name}`: nothing before it tells of",
            undoing,
        )
        written = {name.text: value for name, value in entries(line.reader.get("with"))}
        found = []
        for field in command.inputs:
            travels = travel_name(aggregate.name, field.name) if field.name == aggregate.key.name else field.name
            value = written.get(field.name, written.get(travels))
            # `with` serves both commands of a step, but only the undo knows who refused.
            if value is not None and (undoing or line.undo is None or not _is_rejection(value)):
                source = binder.written(field, value)
            else:
                source = binder.by_name(field, travels, command.name, line.span)
            if source is not None:
                found.append(Binding(name=field.name, source=source))
        return tuple(found)

    def _path(self, parts: tuple[str, ...], first: list[Carrier]) -> Found | None:
        """`item.x`, `Message.field`, `Aggregate.field` (the latest that carries it), or a field (the earliest)."""
        items = [each for each in first if not each.message]
        if parts[0] == "item" and items and len(parts) > 1:
            return items[0].find(parts[1:], self.session)
        if len(parts) > 1 and parts[0] in self.session.aggregates:
            inner = (travel_name(parts[0], "id"),) if parts[1:] == ("id",) else parts[1:]
            return self._first([each for each in self._latest() if each.aggregate == parts[0]], inner)
        named = [each for each in self._known() if each.message == parts[0]]
        if named and len(parts) > 1:
            return self._first(named, parts[1:])
        return self._first([*items, *self._known()], parts)

    def _first(self, carriers: list[Carrier], parts: tuple[str, ...]) -> Found | None:
        return next((found for each in carriers if (found := each.find(parts, self.session))), None)


def _is_rejection(value: Node) -> bool:
    return isinstance(value, Scalar) and value.text == "rejection"
