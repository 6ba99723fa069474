"""Policies and schedules: whenever an event is seen, or the clock says so, do a command."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgen.model.fleet import Aggregate, Binding, Command, Event, Field, Policy, Schedule, Source
from fleetgen.model.types import Type
from fleetgen.spec.codes import Code, choose
from fleetgen.spec.grammar.bindings import parse_path
from fleetgen.spec.grammar.schedules import parse_schedule
from fleetgen.spec.grammar.units import Unreadable
from fleetgen.spec.node import Node, Scalar, Sequence
from fleetgen.spec.resolve.binder import Binder
from fleetgen.spec.resolve.reader import Reader, entries
from fleetgen.spec.resolve.session import Session, travel_name
from fleetgen.spec.resolve.sources import Carrier, Found, by_type, fits
from fleetgen.spec.table.context import POLICY


def read_policies(node: Node | None, session: Session) -> tuple[Policy, ...]:
    """All policies of a service; a list of commands gives one policy each."""
    found = []
    for key, value in entries(node):
        event = session.event(key)
        for each in value.items if isinstance(value, Sequence) else (value,):
            reader = Reader(POLICY, each)
            name = reader.scalar("do")
            command = session.command(name) if name is not None else None
            if command is not None and name is not None and command.target == "collection":
                said = f"`{command.name}` runs by the clock, for no aggregate"
                session.problems.add(Code.CONFLICTING_KEYS, said, name.span, "remove the policy or the schedule")
            elif event is not None and name is not None and command is not None:
                found.append(_Policy(key, name, reader, event, command, session).read())
    return tuple(found)


@dataclass(frozen=True)
class _Target:
    """Which aggregate is meant: a source of its key, or a field of it and the value that field must have."""

    key: Source | None = None
    field: str = ""
    value: Source | None = None


@dataclass
class _Policy:
    key: Scalar
    name: Scalar
    reader: Reader
    event: Event
    command: Command
    session: Session

    @property
    def aggregate(self) -> Aggregate:
        return self.session.aggregate_of(self.command)

    def read(self) -> Policy:
        told = Carrier.of_event(self.event)
        for_each, item = self._for_each(told)
        carriers = [told] if item is None else [item, told]
        target, bindings = self._bindings(carriers)
        return Policy(
            name=self.event.name,
            span=self.key.span,
            waive=self.reader.waive(),
            event=self.event,
            command=self.command,
            bindings=bindings,
            for_each=for_each,
            found_by=target.field,
            found_value=target.value,
        )

    def _for_each(self, event: Carrier) -> tuple[Source | None, Carrier | None]:
        written = self.reader.scalar("for-each")
        if written is None:
            return None, None
        try:
            found = self._find(parse_path(written.text), [event])
        except Unreadable:
            return None, None
        if found is None or found.type.kind != "list" or found.type.of is None:
            lists = [name for name, (_, of) in event.fields.items() if of.kind == "list"]
            hint = choose(written.text, lists) or f"let `carries` of the command that emits `{self.event.name}` name it"
            said = f"`{self.event.name}` carries no list `{written.text}`"
            self.session.problems.add(Code.BAD_BINDING, said, written.span, hint)
            return None, None
        return found.source, Carrier.of_item(found.type.of, self.session)

    def _bindings(self, carriers: list[Carrier]) -> tuple[_Target, tuple[Binding, ...]]:
        binder = Binder(
            self.session, carriers, lambda parts: self._find(parts, carriers), f"`{self.event.name}` does not tell of"
        )
        written = self._with()
        target = _Target()
        found = []
        for index, each in enumerate(self.command.inputs):
            if each.name in written:
                source = binder.written(each, written[each.name])
            elif index == 0 and self.command.target == "existing":
                target = self._target(carriers)
                source = target.key
            else:
                source = binder.by_name(each, each.name, self.command.name, self.name.span)
            if source is not None:
                found.append(Binding(name=each.name, source=source))
        return target, tuple(found)

    def _with(self) -> dict[str, Node]:
        """What `with` says, by the input's own name; the key may go by its name in events too."""
        inputs = {each.name: each for each in self.command.inputs}
        key = self.aggregate.key.name
        aliases = {travel_name(self.aggregate.name, key): key}
        found: dict[str, Node] = {}
        for name, value in entries(self.reader.get("with")):
            own = aliases.get(name.text, name.text)
            if own in inputs:
                found[own] = value
                continue
            said = f"`{self.command.name}` takes no `{name.text}`"
            self.session.problems.add(Code.BAD_BINDING, said, name.span, choose(name.text, inputs))
        return found

    def _find(self, parts: tuple[str, ...], carriers: list[Carrier]) -> Found | None:
        """A field; `event.` or the aggregate's name says that the event's is meant, `item.` the item's."""
        events, items = [each for each in carriers if each.message], [each for each in carriers if not each.message]
        chosen = {"event": events, self.event.aggregate: events, self.event.name: events, "item": items}.get(parts[0])
        if chosen is not None and len(parts) > 1:
            carriers, parts = chosen, parts[1:]
            if parts == ("id",) and chosen is events:
                parts = (self.event.subject,)
        return next((found for each in carriers if (found := each.find(parts, self.session))), None)

    def _target(self, carriers: list[Carrier]) -> _Target:
        key = self.aggregate.key
        names = [travel_name(self.aggregate.name, "id")]
        names += [key.name] if key.name != "id" else []
        names += [self.event.subject] if self.event.aggregate == self.aggregate.name else []
        for name in names:
            for carrier in carriers:
                found = carrier.find((name,), self.session)
                if found is not None and fits(found.type, key.type):
                    return _Target(key=found.source)
        return self._by_subject(carriers) or self._untargeted(carriers)

    def _by_subject(self, carriers: list[Carrier]) -> _Target | None:
        """The aggregates with a field that names the event's aggregate."""
        subject = carriers[-1].find((self.event.subject,), self.session)
        field = next((each for each in self.aggregate.fields if each.name == self.event.subject), None)
        if subject is None or field is None or not fits(subject.type, _required(field.type)):
            return None
        return _Target(field=field.name, value=subject.source)

    def _untargeted(self, carriers: list[Carrier]) -> _Target:
        key, name = self.aggregate.key, self.aggregate.name
        candidates = by_type(Field(name=key.name, type=key.type), carriers)
        hint = f"let the event carry `{travel_name(name, key.name)}`, give `{name}` a field `{self.event.subject}`, or "
        hint += f"write `with: {{{key.name}: …}}`" + (f" from {candidates}" if candidates else "")
        said = f"`{self.event.name}` does not say which `{name}` is meant"
        self.session.problems.add(Code.NO_TARGET, said, self.key.span, hint)
        return _Target()


def _required(of: Type) -> Type:
    return of.of if of.kind == "optional" and of.of is not None else of


def read_schedules(node: Node | None, own: dict[str, Command], session: Session) -> tuple[Schedule, ...]:
    """Commands by the clock."""
    found = []
    for key, value in entries(node):
        if not session.refer("command of this service", key, own) or not isinstance(value, Scalar):
            continue
        try:
            cron = parse_schedule(value.text)
        except Unreadable:
            continue
        found.append(Schedule(name=key.text, span=key.span, command=own[key.text], text=value.text, cron=cron))
    return tuple(found)
