"""What all parts of resolving share: problems, and the names that are known or known to be broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fleetgen.core.diagnostic import Span
from fleetgen.model.fleet import Aggregate, Command, Event, Field, Query
from fleetgen.model.types import Expression, Type
from fleetgen.spec.check import unreadable
from fleetgen.spec.codes import Code, Problems, choose
from fleetgen.spec.grammar.expressions import names_in, parse_expression
from fleetgen.spec.grammar.typing import Scope, give_types
from fleetgen.spec.grammar.units import Unreadable
from fleetgen.spec.names import canonical
from fleetgen.spec.node import Node, Scalar

Fields = Mapping[str, Field]


def travel_name(aggregate: str, key: str) -> str:
    """The name of an aggregate's key outside it: `id` of `Order` travels as `orderId`, `sku` as `sku`."""
    return canonical(aggregate, "camel") + "Id" if key == "id" else key


@dataclass
class Session:
    """One run. The first owner of a name wins here; that there are two is a rule's finding."""

    problems: Problems = field(default_factory=Problems)
    values: dict[str, Fields] = field(default_factory=dict)
    value_spans: dict[str, Span] = field(default_factory=dict)
    aggregates: dict[str, Aggregate] = field(default_factory=dict)
    aggregate_names: set[str] = field(default_factory=set)
    commands: dict[str, Command] = field(default_factory=dict)
    queries: dict[str, Query] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    service_of: dict[str, str] = field(default_factory=dict)  # aggregate, command, query, event -> service
    broken: set[str] = field(default_factory=set)  # written, but not understood: references to them stay silent

    def refer(self, kind: str, name: Scalar, known: Iterable[str]) -> bool:
        """Whether `name` is known; says so where not."""
        names = list(known)
        if name.text in names:
            return True
        if name.text not in self.broken and not name.ambiguous:
            self.problems.add(
                Code.UNKNOWN_REFERENCE, f"there is no {kind} `{name.text}`", name.span, choose(name.text, names)
            )
        return False

    def event(self, name: Scalar) -> Event | None:
        """The event of that name."""
        return self.events[name.text] if self.refer("event", name, self.events) else None

    def command(self, name: Scalar) -> Command | None:
        """The command of that name."""
        return self.commands[name.text] if self.refer("command", name, self.commands) else None

    def aggregate_of(self, command: Command) -> Aggregate:
        """The aggregate that a command belongs to."""
        return self.aggregates[command.aggregate]

    def expression(self, node: Node, scope: Scope, wanted: Type | None, what: str) -> Expression | None:
        """A typed expression, or None after saying why not; how it reads was checked before."""
        if not isinstance(node, Scalar) or node.is_null:
            return None
        try:
            raw = parse_expression(node.text)
        except Unreadable:
            return None
        if self.broken.intersection(names_in(raw)):
            return None
        try:
            found, kind = give_types(raw, scope)
        except Unreadable as error:
            unreadable(Code.EXPRESSION_TYPE, error, node, self.problems)
            return None
        if wanted is not None and kind != wanted and Type("optional", of=kind) != wanted:
            said = f"{what} is `{wanted}`, the expression gives `{kind}`"
            hint = "write a comparison, as `a > 0`" if wanted.kind == "bool" else f"write something of type `{wanted}`"
            self.problems.add(Code.EXPRESSION_TYPE, said, node.span, hint)
            return None
        return found
