"""The resolved fleet: frozen, defaults filled in, references are objects.

Parents hold children and nothing points back, so that the tree can be compared and hashed; owners are
found through `Fleet`. `span` is where the element is written; it takes no part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from fleetgen.core.diagnostic import Span
from fleetgen.model.types import Expression, Type

Stack = str  # "python", "go", "java", "node", "erlang", or the name of a template of the user's own
Exposure = Literal["public", "partner", "internal"]
Subdomain = Literal["core", "supporting", "generic"]

NOWHERE = Span("fleet.yaml")


class Reason(str):
    """Why a finding is accepted: a text that knows where its waiver is written."""

    span: Span

    def __new__(cls, text: str, span: Span = NOWHERE) -> Reason:
        """The text, with the place of the waived rule's id."""
        reason = super().__new__(cls, text)
        reason.span = span
        return reason


@dataclass(frozen=True, kw_only=True)
class Element:
    """Anything a diagnostic can point at and a waiver can sit on."""

    name: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)
    waive: Mapping[str, Reason] = field(default_factory=dict, compare=False)  # rule id -> reason


@dataclass(frozen=True, kw_only=True)
class Team(Element):
    """People who own contexts."""

    title: str
    developers: int
    roles: Mapping[str, int] = field(default_factory=dict)
    kind: Literal["stream-aligned", "platform", "enabling", "complicated-subsystem"] = "stream-aligned"


@dataclass(frozen=True, kw_only=True)
class Field(Element):
    """A named, typed part of an aggregate, value, command or event. Names are camelCase as written."""

    type: Type
    sensitive: str = ""  # "", "pii", "pan", …
    renamed_from: str = ""


@dataclass(frozen=True, kw_only=True)
class Value(Element):
    """A value object."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, kw_only=True)
class Event(Element):
    """A domain event. `key` names the field that partitions it, `subject` the field with the aggregate's id."""

    aggregate: str
    fields: tuple[Field, ...]  # the key of the aggregate first
    key: str
    subject: str
    version: int = 1
    renamed_from: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """`field` of the aggregate becomes `expression` when the command succeeds."""

    field: str
    expression: Expression
    text: str


@dataclass(frozen=True, kw_only=True)
class Command(Element):
    """A command on one aggregate.

    `target` is `new` (creates the aggregate), `existing` (its key is the first input) or `collection` (scheduled
    work that concerns no single aggregate). `inputs` are all fields it takes, the key first for `existing`, and
    first for `new` where the key is not made by the service.
    """

    aggregate: str
    target: Literal["new", "existing", "collection"]
    inputs: tuple[Field, ...]
    emits: Event
    rejection: Event | None = None
    reject_when: Expression | None = None  # over scopes state and input
    reject_when_text: str = ""
    allowed_from: tuple[str, ...] = ()  # states; empty: any
    to: str = ""  # state after success; empty: unchanged
    rejected_to: str = ""  # state after a rejection; empty: unchanged
    sets: tuple[str, ...] = ()  # aggregate fields overwritten by inputs of the same name
    changes: tuple[Change, ...] = ()
    exposure: Exposure = "internal"
    scopes: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()
    version: int = 1
    renamed_from: str = ""


@dataclass(frozen=True, kw_only=True)
class Query(Element):
    """`by-key` gives one aggregate; `search` filters by any of `takes` (all optional) and pages."""

    aggregate: str
    kind: Literal["by-key", "search"]
    takes: tuple[Field, ...]
    gives: tuple[Field, ...]  # empty: the aggregate
    exposure: Exposure = "internal"
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReadModel(Element):
    """A projection of own events. `key` names a field that all its events carry."""

    key: str
    events: tuple[Event, ...]
    stale_at_most: float | None = None  # seconds
    exposure: Exposure = "internal"
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Invariant:
    """What holds for an aggregate after every command."""

    text: str
    expression: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Aggregate(Element):
    """A consistency boundary with one key. `fields` are without the key unless the key is one of them."""

    kind: Literal["plain", "double-entry"] = "plain"
    key: Field
    key_generated: bool  # a uuid made by the creating command
    fields: tuple[Field, ...]  # the key first, always
    values: tuple[Value, ...] = ()
    states: tuple[str, ...] = ()
    partition_by: str  # a field name
    snapshot_every: int = 100
    invariants: tuple[Invariant, ...] = ()
    commands: tuple[Command, ...] = ()
    queries: tuple[Query, ...] = ()
    read_models: tuple[ReadModel, ...] = ()
    renamed_from: str = ""
    former_states: Mapping[str, str] = field(default_factory=dict)  # state that is no more -> state instead
    dropped: tuple[str, ...] = ()  # former fields whose data may be deleted

    @property
    def events(self) -> tuple[Event, ...]:
        """All it emits, each once, in the order of its commands."""
        found: dict[str, Event] = {}
        for command in self.commands:
            found.setdefault(command.emits.name, command.emits)
            if command.rejection:
                found.setdefault(command.rejection.name, command.rejection)
        return tuple(found.values())


# Where an input's value comes from.
@dataclass(frozen=True, kw_only=True)
class Source:
    """`message`: the field `path` of event or command `message`; `item`: of the item of `for-each`;
    `rejection`: the name of the event that refused; `literal`: `value`; `absent`: an optional input left out.
    """

    kind: Literal["message", "item", "rejection", "literal", "absent"]
    message: str = ""
    path: tuple[str, ...] = ()
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class Binding:
    """The input `name` of a command gets its value from `source`."""

    name: str
    source: Source


@dataclass(frozen=True, kw_only=True)
class Policy(Element):
    """Whenever `event` is seen, do `command` of the same context. `name` is the event's name.

    The aggregate is found by the bound key; or, where the event has no key for it, `found_by` names the field of
    the aggregate that equals the event's field of `found_value` (every match is handled).
    """

    event: Event
    command: Command
    bindings: tuple[Binding, ...]
    for_each: Source | None = None  # a list in the event
    found_by: str = ""
    found_value: Source | None = None


@dataclass(frozen=True, kw_only=True)
class Schedule(Element):
    """A command that runs by the clock. `cron` has five fields, in UTC. `name` is the command's name."""

    command: Command
    text: str
    cron: str


@dataclass(frozen=True, kw_only=True)
class Copy(Element):
    """A read-only copy of another context's data, fed by its events."""

    events: tuple[Event, ...]
    key: str


@dataclass(frozen=True, kw_only=True)
class Slo(Element):
    """Targets. Availability and shares are 0..1, times are seconds."""

    availability: float | None = None
    p95: float | None = None
    window: float = 30 * 86400.0
    mttr: float | None = None
    measured_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Load(Element):
    """Rates are per second, sizes are bytes."""

    peak: float | None = None
    message: int | None = None
    users: int | None = None


@dataclass(frozen=True, kw_only=True)
class Service(Element):
    """A deployable unit of one context. `given` says what the stack puts in the place of what was asked."""

    stack: Stack
    title: str
    purpose: str
    stores: Mapping[str, str]  # role -> kind, e.g. {"primary": "postgresql"}
    api: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    dropped: tuple[str, ...] = ()  # former aggregates whose tables may be deleted
    store_names: Mapping[str, str] = field(default_factory=dict)  # role -> name, for databases that exist already
    policies: tuple[Policy, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    copies: tuple[Copy, ...] = ()
    calls: tuple[Command | Query, ...] = ()  # of others, that its code asks and waits for
    subscribes: tuple[Event, ...] = ()  # events it only wants to see
    unordered: tuple[Event, ...] = ()  # events it hears whose order does not matter to it
    exposure: Exposure = "internal"
    sourced: bool = False  # event sourcing
    cqrs: bool = False
    tracing_sampling: float = 0.01
    slo: Slo | None = None
    load: Load | None = None
    replacements: tuple[tuple[str, str, str], ...] = ()  # (what, asked, given)


@dataclass(frozen=True, kw_only=True)
class Context(Element):
    """A bounded context: usually one service of the same name. `extra` keeps keys that only later stages read."""

    title: str
    subdomain: Subdomain
    purpose: str
    team: str  # a name in Fleet.teams; "" where the specification names none
    services: tuple[Service, ...]
    consistency: Literal["strong", "eventual", "crdt"] = "eventual"
    buy: str = ""
    managed: bool = True
    compliance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    audit: str = ""
    regions: int = 1
    active_active: bool = False
    renamed_from: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """Those of all its services."""
        return tuple(aggregate for service in self.services for aggregate in service.aggregates)


@dataclass(frozen=True, kw_only=True)
class Relation(Element):
    """An edge of the context map. Symmetric ones have `left` and `right` roles alike (`P` or `SK`)."""

    upstream: str
    downstream: str
    upstream_roles: tuple[str, ...]  # OHS PL S
    downstream_roles: tuple[str, ...]  # ACL CF C
    symmetric: bool  # P, SK stand in upstream_roles and downstream_roles


@dataclass(frozen=True, kw_only=True)
class SagaStep(Element):
    """One step. `name` is the command's name. `kind` follows from its place: before the pivot `compensatable`, after
    it `retriable`. `call` steps are synchronous requests; `within` is seconds.
    """

    command: Command
    undo: Command | None
    no_undo: bool  # `undo: none` is written: nothing has to be undone
    kind: Literal["compensatable", "pivot", "retriable"]
    call: bool = False
    bindings: tuple[Binding, ...] = ()
    undo_bindings: tuple[Binding, ...] = ()
    for_each: Source | None = None  # a list; one command for each item
    within: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Saga(Element):
    """A business transaction over services. The service of the first step owns it."""

    mode: Literal["choreography", "orchestration"]
    timeout: float | None  # seconds; None: not written and not defaulted is impossible after resolving
    stuck: Literal["manual", "alert"]
    steps: tuple[SagaStep, ...]


@dataclass(frozen=True, kw_only=True)
class External(Element):
    """A system outside the fleet."""

    purpose: str
    used_by: tuple[str, ...]
    timeout: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Legacy(Element):
    """A system the fleet takes over."""

    url: str = ""
    database: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Wave(Element):
    """One step of the evolution: `name` is the context."""

    by: str


@dataclass(frozen=True, kw_only=True)
class Platform(Element):
    """What all services share; the defaults are the requirements' figures. Times are seconds, shares 0..1."""

    gateway: str = "kong"
    rate_limit_per_minute: int = 1000
    discovery: str = "consul"
    health_check: float = 30.0
    breaker_failures: int = 5
    breaker_open: float = 30.0
    timeout_internal: float = 5.0
    timeout_external: float = 30.0
    retry_attempts: int = 3
    bulkhead_concurrent: int = 32
    bulkhead_queued: int = 64
    auth_users: str = "oauth2-jwt"
    auth_services: str = "mtls"
    traces: str = "jaeger"
    sampling: float = 0.01
    metrics: str = "prometheus"
    logs: str = "loki"
    correlate: str = ""
    redact: tuple[str, ...] = ()
    bus: str = "kafka"
    replicas: int = 3
    partitions: int = 12
    retention: float = 7 * 86400.0
    format: Literal["avro", "protobuf"] = "avro"
    registry: str = "confluent"
    compatibility: str = "backward-transitive"
    dead_letter_attempts: int = 8
    dead_letter_retention: float = 30 * 86400.0
    on_dead_letter: Literal["hold", "advance"] = "hold"
    gitops: str = "argo-cd"
    strategy: str = "rolling"
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, kw_only=True)
class Fleet(Element):
    """The whole. Owners are found here: names of commands, events, aggregates and services are unique in a fleet."""

    domain: str
    vision: str
    organisation: str
    teams: tuple[Team, ...]
    contexts: tuple[Context, ...]
    relations: tuple[Relation, ...]
    sagas: tuple[Saga, ...]
    platform: Platform
    externals: tuple[External, ...] = ()
    legacy: tuple[Legacy, ...] = ()
    evolution: tuple[Wave, ...] = ()
    compliance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    zero_trust: bool = False
    slo: Slo | None = None
    load: Load | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)  # kpis, …

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """All services of managed contexts, in the order written."""
        return tuple(service for context in self.contexts if context.managed for service in context.services)

    def _owned(self) -> Iterator[tuple[Context, Service, Aggregate]]:
        for context in self.contexts:
            for service in context.services:
                for aggregate in service.aggregates:
                    yield context, service, aggregate

    @cached_property
    def aggregates(self) -> Mapping[str, Aggregate]:
        """By name."""
        return {aggregate.name: aggregate for _, _, aggregate in self._owned()}

    @cached_property
    def service_of(self) -> Mapping[str, Service]:
        """The service that owns the aggregate, command, query or event of that name."""
        owner: dict[str, Service] = {}
        for _, service, aggregate in self._owned():
            owner[aggregate.name] = service
            owner |= {command.name: service for command in aggregate.commands}
            owner |= {query.name: service for query in aggregate.queries}
            owner |= {event.name: service for event in aggregate.events}
        return owner

    @cached_property
    def context_of(self) -> Mapping[str, Context]:
        """The context of the service, aggregate, command, query or event of that name."""
        owner = {service.name: context for context in self.contexts for service in context.services}
        for context, _, aggregate in self._owned():
            owner[aggregate.name] = context
            owner |= {command.name: context for command in aggregate.commands}
            owner |= {query.name: context for query in aggregate.queries}
            owner |= {event.name: context for event in aggregate.events}
        return owner

    @cached_property
    def sagas_of(self) -> Mapping[str, tuple[Saga, ...]]:
        """The sagas of which the service of that name carries out or undoes a step; services of none are absent."""
        joined: dict[str, list[Saga]] = {}
        for saga in self.sagas:
            used = (command for step in saga.steps for command in (step.command, step.undo) if command is not None)
            for name in dict.fromkeys(self.service_of[command.name].name for command in used):
                joined.setdefault(name, []).append(saga)
        return {name: tuple(sagas) for name, sagas in joined.items()}

    @cached_property
    def events(self) -> Mapping[str, Event]:
        """By name."""
        return {event.name: event for _, _, aggregate in self._owned() for event in aggregate.events}

    @cached_property
    def commands(self) -> Mapping[str, Command]:
        """By name."""
        return {command.name: command for _, _, aggregate in self._owned() for command in aggregate.commands}
