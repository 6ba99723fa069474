"""Where the inputs of a command can come from: what events, commands and list items carry, and whether it fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleetgen.model.fleet import Command, Event, Field, Source
from fleetgen.model.types import Type
from fleetgen.spec.codes import choose
from fleetgen.spec.grammar.bindings import LiteralText
from fleetgen.spec.resolve.session import Session, travel_name

Fields = dict[str, tuple[tuple[str, ...], Type]]
_TEXTS = ("string", "text")
_AS_TEXT = ("string", "text", "url", "uuid")


@dataclass(frozen=True)
class Found:
    """A source and the type of its value."""

    source: Source
    type: Type


@dataclass(frozen=True)
class Carrier:
    """A message, or the item of a list, whose fields can be read. `fields` by the names under which they travel."""

    message: str  # empty: the item
    aggregate: str
    fields: Fields

    @classmethod
    def of_event(cls, event: Event) -> Carrier:
        """What an event carries."""
        fields: Fields = {each.name: ((each.name,), each.type) for each in event.fields}
        return cls(event.name, event.aggregate, fields)

    @classmethod
    def of_command(cls, command: Command, key: str) -> Carrier:
        """What a command took; its aggregate's key travels under its own name."""
        fields: Fields = {}
        for each in command.inputs:
            name = travel_name(command.aggregate, key) if each.name == key else each.name
            fields[name] = ((each.name,), each.type)
        return cls(command.name, command.aggregate, fields)

    @classmethod
    def of_item(cls, of: Type, session: Session) -> Carrier:
        """An item of a list: the fields of a value, else nothing by name."""
        fields = session.values.get(of.value, {}) if of.kind == "value" else {}
        return cls("", "", {name: ((name,), each.type) for name, each in fields.items()})

    def find(self, parts: tuple[str, ...], session: Session) -> Found | None:
        """The field at a path."""
        here = self.fields.get(parts[0])
        if here is None:
            return None
        path, of = here
        for part in parts[1:]:
            inner = part_of(of, part, session)
            if inner is None:
                return None
            path, of = (*path, part), inner
        if self.message:
            return Found(Source(kind="message", message=self.message, path=path), of)
        return Found(Source(kind="item", path=path), of)


def part_of(of: Type, part: str, session: Session) -> Type | None:
    """The type of a part of a value or of money."""
    inner = of.of if of.kind == "optional" and of.of is not None else of
    found: Type | None = None
    if inner.kind == "money":
        found = {"amount": Type("int"), "currency": Type("string")}.get(part)
    elif inner.kind == "value" and part in session.values.get(inner.value, {}):
        found = session.values[inner.value][part].type
    if found is not None and of.kind == "optional" and found.kind != "optional":
        return Type("optional", of=found)
    return found


def fits(source: Type, target: Type) -> bool:
    """Whether a value of one type can be given where another is wanted, without a doubt about absence."""
    if target.kind == "optional" and target.of is not None:
        inner = source.of if source.kind == "optional" and source.of is not None else source
        return fits(inner, target.of)
    if target.kind in _TEXTS and source.kind in _AS_TEXT:
        return True
    return source == target


def literal(written: LiteralText, target: Type) -> Source | None:
    """A literal as the wire knows it, where its type fits."""
    kind = target.of.kind if target.kind == "optional" and target.of is not None else target.kind
    value = written.value
    if isinstance(value, bool):
        good = kind == "bool"
    elif isinstance(value, int):
        good = kind in ("int", "decimal")
    else:
        good = kind in (*_TEXTS, "url")
    if not good:
        return None
    return Source(kind="literal", value=str(value) if kind == "decimal" else value)


def near(name: str, carriers: Iterable[Carrier]) -> str:
    """A hint: what is carried, nearest first."""
    return choose(name, dict.fromkeys(each for carrier in carriers for each in carrier.fields))


def by_type(field: Field, carriers: Iterable[Carrier], most: int = 4) -> str:
    """A hint for an unbound input: what fits its type."""
    fitting = [
        f"{carrier.aggregate or 'item'}.{name}"
        for carrier in carriers
        for name, (_, of) in carrier.fields.items()
        if fits(of, field.type)
    ]
    listed = ", ".join(f"`{each}`" for each in list(dict.fromkeys(fitting))[:most])
    return listed
