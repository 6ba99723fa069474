"""Binds one input of a command: to what is written under `with`, else to what carries a field of its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleetgen.core.diagnostic import Span
from fleetgen.model.fleet import Field, Source
from fleetgen.spec.codes import Code
from fleetgen.spec.grammar.bindings import LiteralText, RejectionText, parse_binding
from fleetgen.spec.grammar.units import Unreadable
from fleetgen.spec.node import Node, Scalar
from fleetgen.spec.resolve.session import Session
from fleetgen.spec.resolve.sources import Carrier, Found, by_type, fits, literal, near

Find = Callable[[tuple[str, ...]], Found | None]


@dataclass(frozen=True)
class Binder:
    """`carriers` in the order in which they are asked; `find` reads a written path; `lacks` is half a sentence that a
    path completes, as "`OrderConfirmed` does not tell of".
    """

    session: Session
    carriers: list[Carrier]
    find: Find
    lacks: str
    undoing: bool = False

    def written(self, field: Field, value: Node) -> Source | None:
        """The source that `with` names, or None after saying why it cannot be."""
        if not isinstance(value, Scalar):
            return None
        try:
            written = parse_binding(value.text)
        except Unreadable:
            return None
        if isinstance(written, LiteralText):
            source = literal(written, field.type)
            return source if self._fitting(field, value, source is not None, "of another type") else None
        if isinstance(written, RejectionText):
            return self._rejection(field, value)
        return self._path(field, value, written.parts)

    def _rejection(self, field: Field, value: Scalar) -> Source | None:
        if not self.undoing:
            hint = near("", self.carriers)
            self._report(Code.BAD_BINDING, "`rejection` is known to an undo only", value.span, hint)
            return None
        text = field.type.of if field.type.of is not None else field.type
        good = self._fitting(field, value, text.kind in ("string", "text"), "a text")
        return Source(kind="rejection") if good else None

    def _path(self, field: Field, value: Scalar, parts: tuple[str, ...]) -> Source | None:
        found = self.find(parts)
        if found is None:
            hint = near(parts[-1], self.carriers)
            self._report(Code.BAD_BINDING, f"{self.lacks} `{value.text}`", value.span, hint)
            return None
        return found.source if self._fitting(field, value, fits(found.type, field.type), f"`{found.type}`") else None

    def _fitting(self, field: Field, value: Scalar, good: bool, kind: str) -> bool:
        if not good:
            said = f"`{field.name}` is `{field.type}`, `{value.text}` is {kind}"
            self._report(Code.BAD_BINDING, said, value.span, f"bind a value of type `{field.type}`")
        return good

    def by_name(self, field: Field, name: str, whose: str, span: Span) -> Source | None:
        """The first that carries a field of that name; an optional input may be absent; else an error."""
        for carrier in self.carriers:
            found = carrier.find((name,), self.session)
            if found is not None and fits(found.type, field.type):
                return found.source
        if field.type.kind == "optional":
            return Source(kind="absent")
        candidates = by_type(field, self.carriers)
        hint = f"write `with: {{{field.name}: …}}`" + (f" from {candidates}" if candidates else "")
        self._report(Code.UNBOUND_INPUT, f"{self.lacks} the input `{field.name}` of `{whose}`", span, hint)
        return None

    def _report(self, code: Code, message: str, span: Span, hint: str) -> None:
        self.session.problems.add(code, message, span, hint)
