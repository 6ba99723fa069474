"""What the chassis reads of a service's facts (`gen/facts.json`).

Unknown keys are ignored: facts only grow, and an older chassis must read newer ones. Times are seconds.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ignored_types=(cached_property,))


class Name(_Fact):
    """`text` is the name on the wire, `snake` the attribute."""

    text: str
    snake: str
    kebab: str
    pascal: str


class Type(_Fact):
    """A neutral type of the specification."""

    kind: str
    value: str = ""
    of: Type | None = None


class Field(_Fact):
    """A field of a message or aggregate."""

    name: Name
    type: Type
    sensitive: str = ""


class Value(_Fact):
    """A value object."""

    name: Name
    fields: tuple[Field, ...]


class Route(_Fact):
    """An HTTP route; `path` holds `{wireName}` for the key."""

    method: Literal["GET", "POST"]
    path: str


class Protobuf(_Fact):
    """A message in Protobuf: its full name, its text for the registry, its `FileDescriptorProto` in JSON."""

    message: str
    text: str
    descriptor: dict[str, Any]


class Message(_Fact):
    """Anything on the bus: `type` is its `ce_type`, `avro` its schema; with `protobuf` it is written in that.

    `compatibility` is the registry's level for it; without one, commands and events have their usual ones.
    """

    name: Name
    fields: tuple[Field, ...]
    type: str
    topic: str
    avro: dict[str, Any]
    protobuf: Protobuf | None = None
    compatibility: str = ""


class Event(Message):
    """`key` and `subject` are wire names of fields: the partition key and the aggregate's id."""

    owner: str
    aggregate: str
    key: str
    subject: str


class Command(Message):
    """A command of this service, or a foreign one that its sagas send."""

    aggregate: Name
    target: Literal["new", "existing", "collection"]
    emits: Name
    rejection: Name | None = None
    to: str = ""
    exposure: Literal["public", "partner", "internal"]
    scopes: tuple[str, ...]
    route: Route
    starts: str = ""


class Query(_Fact):
    """`by-key` gives one aggregate, `search` pages."""

    name: Name
    aggregate: Name
    kind: Literal["by-key", "search"]
    takes: tuple[Field, ...]
    gives: tuple[Field, ...]
    exposure: Literal["public", "partner", "internal"]
    scopes: tuple[str, ...]
    route: Route


class Aggregate(_Fact):
    """`table` is the SQL table, to be quoted."""

    name: Name
    table: str
    key: Field
    key_generated: bool
    fields: tuple[Field, ...]
    states: tuple[str, ...]
    topic: str


class Source(_Fact):
    """Where an input comes from; paths are wire names."""

    kind: Literal["message", "item", "rejection", "literal", "absent"]
    message: str = ""
    path: tuple[str, ...] = ()
    value: Any = None


class Binding(_Fact):
    """The input of that wire name."""

    input: str
    source: Source


class Policy(_Fact):
    """Whenever `event` is seen, do `command`."""

    name: Name
    event: Name
    command: Name
    bindings: tuple[Binding, ...]
    for_each: Source | None = None
    found_by: str = ""
    found_value: Source | None = None


class ProjectionSource(_Fact):
    """An event that changes a projection: the row of the aggregate whose id `subject` (wire name) holds."""

    event: Name
    aggregate: str
    subject: str
    state: str = ""
    creates: bool = False


class Projection(_Fact):
    """A table that follows events: a read model of own ones, or a copy of another context's data."""

    name: Name
    kind: Literal["read-model", "copy"]
    row: Name
    table: str
    key: Field
    fields: tuple[Field, ...]
    sources: tuple[ProjectionSource, ...]
    topics: tuple[str, ...]
    stale_at_most: float | None = None
    route: Route | None = None
    exposure: Literal["public", "partner", "internal"] = "internal"
    scopes: tuple[str, ...] = ()


class Translation(_Fact):
    """An event that the service's own translator turns into its own terms."""

    event: Name
    upstream: str
    observed: bool
    used: bool


class Schedule(_Fact):
    """A command by the clock: five cron fields in UTC."""

    command: Name
    cron: str


class Topic(_Fact):
    """A topic this service writes."""

    name: str
    partitions: int
    replicas: int
    retention: float


class Subscription(_Fact):
    """A topic this service reads; every record passes the inbox, only `events` are handled."""

    topic: str
    ordered: bool = True
    events: tuple[str, ...]


class SagaStep(_Fact):
    """One step. `succeeds_with`, `refuses_with` and `undone_with` are event names or empty."""

    name: str
    service: str
    kind: Literal["compensatable", "pivot", "retriable"]
    call: bool
    route: Route
    command_topic: str
    command_type: str
    succeeds_with: str
    refuses_with: str
    undo: str
    undo_type: str
    undone_with: str
    bindings: tuple[Binding, ...]
    undo_bindings: tuple[Binding, ...]
    for_each: Source | None = None
    within: float


class Saga(_Fact):
    """A saga this service takes part in, whole."""

    name: Name
    mode: Literal["choreography", "orchestration"]
    owner: str
    version: int
    timeout: float
    stuck: Literal["manual", "alert"]
    steps: tuple[SagaStep, ...]
    fulfilment_topic: str


class Peer(_Fact):
    """A service that is called synchronously."""

    name: Name
    commands: tuple[str, ...]


class Limits(_Fact):
    """Figures of the platform."""

    breaker_failures: int
    breaker_open: float
    timeout_internal: float
    timeout_external: float
    retry_attempts: int
    bulkhead_concurrent: int
    bulkhead_queued: int
    rate_limit_per_minute: int
    dead_letter_attempts: int
    dead_letter_retention: float = 30 * 86_400.0
    on_dead_letter: Literal["hold", "advance"] = "hold"


class ChassisNeed(_Fact):
    """The oldest chassis that will do."""

    language: str
    least: str


class Definition(_Fact):
    """One service, as its facts describe it."""

    facts: str
    fleet: str
    name: Name
    package: str
    title: str
    context: str
    chassis: ChassisNeed
    source: str
    exposure: Literal["public", "partner", "internal"]
    values: tuple[Value, ...] = ()
    aggregates: tuple[Aggregate, ...]
    commands: tuple[Command, ...]
    queries: tuple[Query, ...]
    events: tuple[Event, ...]
    foreign_events: tuple[Event, ...]
    foreign_commands: tuple[Command, ...]
    policies: tuple[Policy, ...]
    observes: tuple[Name, ...] = ()
    read_models: tuple[Projection, ...] = ()
    copies: tuple[Projection, ...] = ()
    translations: tuple[Translation, ...] = ()
    schedules: tuple[Schedule, ...]
    subscriptions: tuple[Subscription, ...]
    topics: tuple[Topic, ...]
    recovery_topics: tuple[Topic, ...] = ()
    command_topic: str
    reply_topic: str
    sagas: tuple[Saga, ...]
    peers: tuple[Peer, ...]
    limits: Limits
    sampling: float
    redact: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the facts that lie beside the generated code."""
        return cls.model_validate_json(path.read_bytes())

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"{self.fleet}.{self.name.kebab}"

    @property
    def projections(self) -> tuple[Projection, ...]:
        """Read models and copies."""
        return (*self.read_models, *self.copies)

    @cached_property
    def events_by_name(self) -> dict[str, Event]:
        """Own and foreign events."""
        return {event.name.text: event for event in (*self.foreign_events, *self.events)}

    @cached_property
    def events_by_type(self) -> dict[str, Event]:
        """Own and foreign events by `ce_type`."""
        return {event.type: event for event in self.events_by_name.values()}

    @cached_property
    def commands_by_name(self) -> dict[str, Command]:
        """Own and foreign commands."""
        return {command.name.text: command for command in (*self.foreign_commands, *self.commands)}
