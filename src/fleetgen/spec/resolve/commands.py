"""Commands of one aggregate: what they take, when they are allowed, what they change."""

from __future__ import annotations

from collections.abc import Iterable

from fleetgen.model.fleet import Change, Command, Event, Field
from fleetgen.model.types import Type
from fleetgen.spec.codes import Code, choose
from fleetgen.spec.grammar.typing import Scope
from fleetgen.spec.names import canonical
from fleetgen.spec.node import Mapping, Node, Scalar
from fleetgen.spec.resolve.emitted import SCHEDULED_FOR, Draft, contents, emit, ends_in, read_rejection
from fleetgen.spec.resolve.fields import read_type
from fleetgen.spec.resolve.reader import Reader, entries, scalars
from fleetgen.spec.resolve.session import Session
from fleetgen.spec.table.aggregate import COMMAND


def read_commands(node: Node | None, draft: Draft, session: Session) -> tuple[Command, ...]:
    """All commands, in the order written."""
    found: list[Command] = []
    created = False
    for key, value in entries(node):
        reader = Reader(COMMAND, value)
        emits = reader.scalar("emits")
        if emits is None:
            session.broken.add(key.text)
            continue
        target = _target(key.text, reader, draft, first=not created)
        created = created or target == "new"
        found.append(_Command(key, reader, draft, target, session).read(emits))
    return tuple(found)


def _target(name: str, reader: Reader, draft: Draft, *, first: bool) -> str:
    if name in draft.owner.scheduled:
        return "collection"
    written = reader.value("creates") if reader.has("creates") else None
    return "new" if (first if written is None else written) else "existing"


class _Command:
    def __init__(self, key: Scalar, reader: Reader, draft: Draft, target: str, session: Session) -> None:
        self.key = key
        self.reader = reader
        self.draft = draft
        self.target = target
        self.session = session

    def read(self, emits: Scalar) -> Command:
        reader, draft = self.reader, self.draft
        self._scheduled_alone()
        inputs = self._inputs()
        changes = self._changes(inputs)
        changed = {change.field for change in changes}
        own = [each.name for each in inputs if each.name in draft.fields and each.name != draft.key.name]
        sets = tuple(name for name in own if name not in changed)
        self._fixed((*sets, *changed))
        if self.target == "new":
            self._complete({*sets, *changed})
        carries = self._carries(inputs)
        fields = inputs if self.target == "collection" else contents(draft, inputs, carries)
        refused = None
        if self.target != "collection":
            refused = read_rejection(reader.get("or"), self.key, self._scope(inputs), draft, self.session)
        return Command(
            name=self.key.text,
            span=self.key.span,
            waive=reader.waive(),
            aggregate=draft.name,
            target=self.target,  # type: ignore[arg-type]
            inputs=inputs,
            emits=self._event(emits, fields),
            rejection=self._event(refused.name, fields) if refused else None,
            reject_when=refused.when if refused else None,
            reject_when_text=refused.text if refused else "",
            allowed_from=self._states("from"),
            to=self._state_after(emits.text),
            rejected_to=ends_in(refused.name.text, draft.states) if refused else "",
            sets=sets,
            changes=changes,
            carries=carries,
            exposure=reader.word("exposure") if reader.has("exposure") else draft.owner.exposure,  # type: ignore[arg-type]
            scopes=reader.words("scopes") or (f"{draft.owner.service}:{canonical(self.key.text, 'kebab')}",),
            version=reader.whole("version"),
            renamed_from=reader.text("renamed-from"),
        )

    def _scheduled_alone(self) -> None:
        if self.target != "collection":
            self._from_of_new()
            return
        for key in ("takes", "from", "to", "changes", "or", "carries", "creates"):
            if self.reader.has(key):
                self.session.problems.add(
                    Code.CONFLICTING_KEYS,
                    f"`{self.key.text}` runs by the clock, for no aggregate: `{key}` says nothing",
                    self.reader.span(key, self.key.span),
                    f"remove `{key}`, or the schedule",
                )

    def _from_of_new(self) -> None:
        if self.target == "new" and self.reader.has("from"):
            self.session.problems.add(
                Code.CONFLICTING_KEYS,
                f"`{self.key.text}` creates, so there is no state before it",
                self.reader.span("from", self.key.span),
                "remove `from`, or write `creates: false`",
            )

    # -- inputs

    def _inputs(self) -> tuple[Field, ...]:
        draft = self.draft
        if self.target == "collection":
            return (SCHEDULED_FOR,)
        taken = self._taken()
        if self.target == "existing" or not draft.key_generated:
            return (draft.key, *(each for each in taken if each.name != draft.key.name))
        return taken

    def _taken(self) -> tuple[Field, ...]:
        node = self.reader.get("takes")
        if node is None:
            return tuple(self.draft.fields.values()) if self.target == "new" else ()
        if isinstance(node, Mapping):
            return tuple(found for key, value in node if (found := self._own_input(key, value)))
        return tuple(found for name in scalars(node) if (found := self._field(name, "takes")))

    def _field(self, name: Scalar, key: str) -> Field | None:
        found = self.draft.fields.get(name.text)
        if found is not None:
            return found
        if name.text == self.draft.key.name:
            return self._own_key(name)
        hint = choose(name.text, self.draft.fields)
        if key == "takes":
            hint = f"{hint}, or give it a type: `takes: {{{name.text}: string}}`" if hint else ""
        self.session.problems.add(
            Code.UNKNOWN_REFERENCE, f"`{self.draft.name}` has no field `{name.text}`", name.span, hint
        )
        return None

    def _own_key(self, name: Scalar) -> Field | None:
        """The key may be named where the caller gives it; otherwise it is there anyway."""
        if not self.draft.key_generated:
            return self.draft.key
        said = "the key is always taken" if self.target == "existing" else "the key is made by the command itself"
        self.session.problems.add(Code.CONFLICTING_KEYS, said, name.span, f"remove `{name.text}`")
        return None

    def _taken_name(self, name: Scalar) -> None:
        self.session.problems.add(
            Code.RESERVED_NAME,
            f"`{name.text}` is how the key of `{self.draft.name}` travels in its events",
            name.span,
            "choose another word",
        )

    def _own_input(self, key: Scalar, value: Node) -> Field | None:
        of = read_type(value, self.session)
        if of is None:
            return None
        if key.text == self.draft.key.name and self.draft.key_generated:
            self._own_key(key)
            return None
        if key.text == self.draft.travels and key.text != self.draft.key.name:
            self._taken_name(key)
        here = self.draft.all_fields.get(key.text)
        changed = isinstance(changes := self.reader.get("changes"), Mapping) and changes.key(key.text) is not None
        if here is not None and here.type not in (of, Type("optional", of=of)) and not changed:
            self.session.problems.add(
                Code.BAD_TYPE,
                f"`{key.text}` is `{of}` here and `{here.type}` in `{self.draft.name}`, whose field it sets",
                key.span,
                "write the same type, or another name",
                [("the field", here.span)],
            )
        return Field(name=key.text, span=key.span, type=of, sensitive=self.draft.sensitive.get(key.text, ""))

    # -- what it does

    def _scope(self, inputs: Iterable[Field]) -> Scope:
        state = self.draft.all_fields if self.target == "existing" else {}
        states = self.draft.states if self.target == "existing" else ()
        return Scope(state, {each.name: each for each in inputs}, self.session.values, states)

    def _changes(self, inputs: tuple[Field, ...]) -> tuple[Change, ...]:
        found = []
        scope = self._scope(inputs)
        for key, value in entries(self.reader.get("changes")):
            here = self._field(key, "changes")
            if here is None or here.name in self.session.broken:
                continue
            expression = self.session.expression(value, scope, here.type, f"`{key.text}`")
            if expression is not None and isinstance(value, Scalar):
                found.append(Change(field=key.text, expression=expression, text=value.text))
        return tuple(found)

    def _fixed(self, touched: tuple[str, ...]) -> None:
        if self.target != "existing":
            return
        for name in touched:
            if name in (self.draft.key.name, self.draft.partition_by):
                why = "identifies the aggregate" if name == self.draft.key.name else "keeps its events in order"
                span = self.reader.span("changes", self.reader.span("takes", self.key.span))
                self.session.problems.add(
                    Code.FIXED_FIELD, f"`{self.key.text}` would change `{name}`, which {why}", span, "leave it as it is"
                )

    def _complete(self, given: set[str]) -> None:
        lacking = [
            each.name
            for each in self.draft.fields.values()
            if each.name not in given and each.name != self.draft.key.name and each.type.kind != "optional"
        ]
        unsure = isinstance(node := self.reader.get("changes"), Mapping) and {key.text for key, _ in node} >= set(
            lacking
        )
        if lacking and not unsure and not self.session.broken & set(lacking):
            listed = ", ".join(f"`{name}`" for name in lacking)
            self.session.problems.add(
                Code.UNSET_FIELD,
                f"`{self.key.text}` creates a `{self.draft.name}` without {listed}",
                self.key.span,
                "name it in `takes`, give it a value in `changes`, or make it `{optional: …}`",
            )

    def _states(self, key: str) -> tuple[str, ...]:
        found = []
        for name in scalars(self.reader.get(key)):
            if self.session.refer(f"state of `{self.draft.name}`", name, self.draft.states):
                found.append(name.text)
        return tuple(found)

    def _state_after(self, event: str) -> str:
        if self.target == "collection":
            return ""
        written = self._states("to")
        if written:
            return written[0]
        found = ends_in(event, self.draft.states)
        return found or (self.draft.states[0] if self.target == "new" and self.draft.states else "")

    def _event(self, name: Scalar, fields: tuple[Field, ...]) -> Event:
        return emit(name, fields, self.draft, self.session, scheduled=self.target == "collection")

    def _carries(self, inputs: tuple[Field, ...]) -> tuple[str, ...]:
        own = {each.name for each in inputs}
        found = []
        for name in scalars(self.reader.get("carries")):
            if name.text in own or name.text == self.draft.key.name or self._field(name, "carries"):
                found.append(name.text)
        return tuple(found)
