"""What commands tell: the contents of events, and rejections with their conditions."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetgen.core.names import words
from fleetgen.model.fleet import Event, Exposure, Field, Invariant
from fleetgen.model.types import Expression, Type
from fleetgen.spec.codes import Code
from fleetgen.spec.grammar.typing import Scope
from fleetgen.spec.node import Mapping, Node, Scalar
from fleetgen.spec.resolve.reader import Reader
from fleetgen.spec.resolve.session import Session, travel_name
from fleetgen.spec.table.aggregate import EVENT

SCHEDULED_FOR = Field(name="scheduledFor", type=Type("datetime"))
_BOOL = Type("bool")


@dataclass(frozen=True)
class Owner:
    """The service an aggregate belongs to, and which of its commands run by the clock."""

    service: str
    exposure: Exposure
    scheduled: frozenset[str] = frozenset()


@dataclass
class Draft:
    """An aggregate while its commands are read."""

    name: str
    key: Field
    key_generated: bool
    fields: dict[str, Field]  # without a generated key
    states: tuple[str, ...]
    partition_by: str
    invariants: tuple[Invariant, ...]
    has_invariants: bool  # written, perhaps not understood
    sensitive: dict[str, str]
    owner: Owner
    events: Node | None = None  # more about its events
    emitted: dict[str, Event] = field(default_factory=dict)

    @property
    def all_fields(self) -> dict[str, Field]:
        """With the key."""
        return {self.key.name: self.key, **self.fields}

    @property
    def travels(self) -> str:
        """The key's name in events."""
        return travel_name(self.name, self.key.name)


def contents(draft: Draft, inputs: tuple[Field, ...], carries: tuple[str, ...]) -> tuple[Field, ...]:
    """The key, what orders it, what was taken, what `carries` adds; sensitive fields only where it names them."""
    key = draft.key.name
    by_name = {**draft.all_fields, **{each.name: each for each in inputs}}
    always = (key, draft.partition_by, *carries)
    names = dict.fromkeys((key, draft.partition_by, *(each.name for each in inputs), *carries))
    found = [by_name[name] for name in names if name in always or not by_name[name].sensitive]
    return tuple(
        Field(name=draft.travels, span=each.span, type=each.type, sensitive=each.sensitive)
        if each.name == key
        else each
        for each in found
    )


def emit(name: Scalar, fields: tuple[Field, ...], draft: Draft, session: Session, *, scheduled: bool) -> Event:
    """The event of that name; a second command may emit it too, with the same contents."""
    order = draft.travels if draft.partition_by == draft.key.name else draft.partition_by
    detail = Reader(EVENT, draft.events.get(name.text) if isinstance(draft.events, Mapping) else None)
    event = Event(
        name=name.text,
        span=name.span,
        waive=detail.waive(),
        aggregate=draft.name,
        fields=fields,
        key=SCHEDULED_FOR.name if scheduled else order,
        subject=SCHEDULED_FOR.name if scheduled else draft.travels,
        version=detail.whole("version"),
        renamed_from=detail.text("renamed-from"),
    )
    first = draft.emitted.setdefault(name.text, event)
    if first != event:
        session.problems.add(
            Code.EVENT_CONTENTS,
            f"`{name.text}` carries other fields here than where it stands first",
            name.span,
            "name the events apart, or make what they carry equal with `carries`",
            [("stands here first", first.span)],
        )
    return first


@dataclass(frozen=True)
class Rejection:
    """What a command answers when it is refused."""

    name: Scalar
    when: Expression | None = None
    text: str = ""


def read_rejection(
    node: Node | None, command: Scalar, scope: Scope, draft: Draft, session: Session
) -> Rejection | None:
    """`or: Event`, or `or: {Event: condition}`."""
    if isinstance(node, Scalar):
        return _reachable(Rejection(node), None, command, draft, session)
    if not isinstance(node, Mapping):
        return None
    pairs = list(node)
    if len(pairs) != 1:
        session.problems.add(
            Code.CONFLICTING_KEYS,
            f"`{command.text}` has {len(pairs)} rejections",
            node.span,
            "name one event; join conditions with `or`",
        )
    if not pairs:
        return None
    name, value = pairs[0]
    when = session.expression(value, scope, _BOOL, "a condition")
    text = value.text if isinstance(value, Scalar) and when is not None else ""
    return _reachable(Rejection(name, when, text), value, command, draft, session)


def _reachable(
    rejection: Rejection, condition: Node | None, command: Scalar, draft: Draft, session: Session
) -> Rejection:
    written = isinstance(condition, Scalar) and not condition.is_null
    if not written and not draft.has_invariants:
        name = rejection.name
        session.problems.add(
            Code.NEVER_REFUSES,
            f"nothing in the specification makes `{command.text}` answer `{name.text}`",
            name.span,
            f"write a condition, `or: {{{name.text}: …}}`, or an invariant of `{draft.name}`",
        )
    return rejection


def ends_in(event: str, states: tuple[str, ...]) -> str:
    """The state in whose words the event's name ends, the longest of them."""
    said = words(event)
    fitting = [state for state in states if said[-len(words(state)) :] == words(state)]
    return max(fitting, key=lambda state: len(words(state)), default="")
