"""The facts: what a template knows. A public, versioned interface (`service-templates/facts.schema.json`).

Facts are plain, language-neutral, JSON-able data about one service. They are recorded as the answers of the
service's copier project and shipped inside it (`gen/facts.json`), where the chassis reads them too: one
description drives code, wiring and behaviour. Within a major version facts only grow.

Times are seconds, shares are 0..1, sizes are bytes.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from fleetgen.model.types import Expression

FACTS_VERSION = "1.0"


class Fact(BaseModel):
    """Base of all facts: frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Name(Fact):
    """A name in the cases languages want. `text` is as written and goes on the wire; the others are safe identifiers:
    a word reserved in one of the target languages carries a trailing underscore (`from` -> `from_`).
    """

    text: str
    snake: str
    kebab: str
    camel: str
    pascal: str


class TypeFact(Fact):
    """A neutral type; macros map it to a language. `value` is the pascal-case name of a value object."""

    kind: Literal[
        "string", "text", "int", "decimal", "money", "bool", "uuid", "date", "datetime", "duration",
        "url", "json", "value", "list", "optional",
    ]  # fmt: skip
    value: str = ""
    of: TypeFact | None = None


class FieldFact(Fact):
    """A field. `sensitive` is empty or a class of data: `pii`, `pan`."""

    name: Name
    type: TypeFact
    sensitive: str = ""


class ValueFact(Fact):
    """A value object."""

    name: Name
    fields: tuple[FieldFact, ...]


class Route(Fact):
    """An HTTP route. `path` uses `{wireName}` for the key."""

    method: Literal["GET", "POST"]
    path: str


class ProtobufFact(Fact):
    """A message in Protobuf: the text for people and the registry, and its `FileDescriptorProto` for libraries.

    Fields are numbered as in the released versions; `jsonName` of a field is its name on the wire.
    """

    message: str  # full name
    text: str
    descriptor: dict[str, Any]


class MessageFact(Fact):
    """A message on the bus: its type for CloudEvents, its topic, and its Avro schema as released.

    Where the platform says `format: protobuf`, `protobuf` is there and the message travels in it. `compatibility` is
    the registry's level that a new version has to hold to.
    """

    name: Name
    fields: tuple[FieldFact, ...]
    type: str  # ce_type, `<context>.<Event>.v<version>`
    topic: str
    avro: dict[str, Any]  # the schema
    protobuf: ProtobufFact | None = None
    compatibility: str = "BACKWARD_TRANSITIVE"


class EventFact(MessageFact):
    """An event of the service `owner`. `key` and `subject` are wire names of fields."""

    owner: str
    aggregate: str
    key: str
    subject: str


class InvariantFact(Fact):
    """What must hold after every command. Fields in `expression` are of scope `state`."""

    text: str
    expression: Expression


class ChangeFact(Fact):
    """`field` becomes `expression` (scopes state and input) when the command succeeds."""

    field: Name
    expression: Expression
    text: str


class CommandFact(MessageFact):
    """A command. `topic` is the service's command topic.

    `target`: `new` creates the aggregate; `existing` finds it by its key, the first field; `collection` is scheduled
    work without an aggregate. `emits` and `rejection` are event names. States are names of the aggregate.

    `path` names commands whose own examples are carried out one after the other; both examples hold after it.
    """

    aggregate: Name
    target: Literal["new", "existing", "collection"]
    emits: Name
    rejection: Name | None
    reject_when: Expression | None
    reject_when_text: str
    allowed_from: tuple[str, ...]
    to: str
    rejected_to: str
    sets: tuple[Name, ...]
    changes: tuple[ChangeFact, ...]
    exposure: Literal["public", "partner", "internal"]
    scopes: tuple[str, ...]
    route: Route
    starts: str  # the saga of which this is the first step, or empty
    example: dict[str, Any]  # wire JSON of an input that succeeds
    refused_example: dict[str, Any] | None  # of one that is rejected, or that breaks an invariant
    path: tuple[str, ...]  # the commands, the creating one first, that lead to a state in which this one is allowed
    looks_up: tuple[Name, ...] = ()  # copies whose key stands in its input


class QueryFact(Fact):
    """A query. `by-key` gives one aggregate, `search` pages over those that match all given filters."""

    name: Name
    aggregate: Name
    kind: Literal["by-key", "search"]
    takes: tuple[FieldFact, ...]
    gives: tuple[FieldFact, ...]
    exposure: Literal["public", "partner", "internal"]
    scopes: tuple[str, ...]
    route: Route


class AggregateFact(Fact):
    """An aggregate of this service. `fields` begin with the key. `table` is its SQL table, to be quoted."""

    name: Name
    kind: Literal["plain", "double-entry"]
    table: str
    collection: str  # plural, kebab-case: the path of its routes
    key: FieldFact
    key_generated: bool
    fields: tuple[FieldFact, ...]
    states: tuple[str, ...]
    partition_by: str  # wire name
    topic: str
    snapshot_every: int
    invariants: tuple[InvariantFact, ...]
    commands: tuple[str, ...]  # names
    queries: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]  # snake names of the columns that queries and policies look up


class SourceFact(Fact):
    """Where an input comes from: see `fleetgen.model.fleet.Source`. Paths are wire names."""

    kind: Literal["message", "item", "rejection", "literal", "absent"]
    message: str = ""
    path: tuple[str, ...] = ()
    value: Any = None


class BindingFact(Fact):
    """The input `input` (wire name) of a command."""

    input: str
    source: SourceFact


class PolicyFact(Fact):
    """Whenever `event` is seen, do `command`. With `found_by`, the aggregates whose field of that wire name equals
    `found_value` are the targets; else the key is bound.
    """

    name: Name  # of the handler, `<Command>When<Event>`
    event: Name
    command: Name
    bindings: tuple[BindingFact, ...]
    for_each: SourceFact | None
    found_by: str
    found_value: SourceFact | None


class ProjectionSourceFact(Fact):
    """An event that changes the rows of a projection: the row of the aggregate whose id the field `subject` holds.

    `state` is the state the aggregate is in afterwards, empty where the event leaves it as it is. An event that
    `creates` begins the life of its aggregate.
    """

    event: Name
    aggregate: str
    subject: str  # wire name
    state: str
    creates: bool


class ProjectionFact(Fact):
    """A table that follows events: a read model of own events, or a copy of another context's data.

    One row an aggregate of its `sources`, found by `key`. `fields` are all columns of a row, the key first; those that
    only some events carry are optional. `row` is the class of a row. A read model has a `route` and who may call it.
    """

    name: Name
    kind: Literal["read-model", "copy"]
    row: Name
    table: str
    key: FieldFact
    fields: tuple[FieldFact, ...]
    sources: tuple[ProjectionSourceFact, ...]
    topics: tuple[str, ...]
    owners: tuple[str, ...]  # services
    stale_at_most: float | None
    route: Route | None = None
    exposure: Literal["public", "partner", "internal"] = "internal"
    scopes: tuple[str, ...] = ()


class TranslationFact(Fact):
    """An event of context `upstream`, against which the context map protects this one (ACL): a translator of the
    service's own turns it into the service's own terms before anything else sees it.

    `observed` ones go to a handler; `used` ones feed policies, copies or, as answers of a `call`, sagas.
    """

    event: Name
    upstream: str
    observed: bool
    used: bool


class ScheduleFact(Fact):
    """A command by the clock, five cron fields in UTC."""

    command: Name
    cron: str


class TopicFact(Fact):
    """A topic this service writes or reads."""

    name: str
    partitions: int
    replicas: int
    retention: float


class SubscriptionFact(Fact):
    """A topic this service reads. Every record passes the inbox; only `events` are handled."""

    topic: str
    ordered: bool
    events: tuple[str, ...]  # names


class SagaStepFact(Fact):
    """One step of a saga. `service` owns the command. Event names: `succeeds_with`, `refuses_with`, `undone_with`."""

    name: str  # command name
    service: str
    kind: Literal["compensatable", "pivot", "retriable"]
    call: bool
    route: Route  # of the command at its service, for `call`
    command_topic: str
    command_type: str  # ce_type
    succeeds_with: str
    refuses_with: str
    undo: str  # command name or empty
    undo_type: str
    undone_with: str
    bindings: tuple[BindingFact, ...]
    undo_bindings: tuple[BindingFact, ...]
    for_each: SourceFact | None
    within: float


class PrerequisiteFact(Fact):
    """A command to carry out first, so that what the saga needs exists. `input` is wire JSON with the key."""

    service: str
    command: str
    input: dict[str, Any]


class ScenarioFact(Fact):
    """A run of a saga to try: `input` for its first command, and how it ends.

    `refused_with` is empty for the happy run, else the rejection event that makes it compensate.
    """

    refused_with: str
    input: dict[str, Any]
    prerequisites: tuple[PrerequisiteFact, ...]
    ends: Literal["completed", "compensated"]


class SagaFact(Fact):
    """A saga this service takes part in, whole. `owner` conducts it (orchestration) or watches it (choreography)."""

    name: Name
    mode: Literal["choreography", "orchestration"]
    owner: str
    version: int
    timeout: float
    stuck: Literal["manual", "alert"]
    steps: tuple[SagaStepFact, ...]
    fulfilment_topic: str  # overdue and stuck notices
    scenarios: tuple[ScenarioFact, ...] = ()


class PeerFact(Fact):
    """A service that is called synchronously."""

    name: Name
    commands: tuple[str, ...]
    queries: tuple[str, ...] = ()


class CallFact(Fact):
    """A command or query of the service `peer` that the service's own code asks and waits for.

    `answers` are names of events (command: its success and its rejection) or of the class of what the query gives;
    a search gives pages of them. `gives` are the fields of a query's answer.
    """

    name: Name
    peer: Name
    kind: Literal["command", "by-key", "search"]
    takes: tuple[FieldFact, ...]
    answers: tuple[str, ...]
    gives: tuple[FieldFact, ...]
    route: Route
    scopes: tuple[str, ...]


class LimitsFact(Fact):
    """Figures of the platform that the chassis obeys."""

    breaker_failures: int
    breaker_open: float
    timeout_internal: float
    timeout_external: float
    retry_attempts: int
    bulkhead_concurrent: int
    bulkhead_queued: int
    rate_limit_per_minute: int
    dead_letter_attempts: int
    dead_letter_retention: float = 30 * 86400.0  # seconds
    on_dead_letter: Literal["hold", "advance"] = "hold"  # what becomes of the key of a record that was given up


class ReplacementFact(Fact):
    """What was asked for and what the stack gives today."""

    what: str
    asked: str
    given: str


class ChassisFact(Fact):
    """The chassis the service needs: `least` is the oldest version that will do."""

    language: str
    least: str


class ServiceFacts(Fact):
    """All a template and the chassis know of one service."""

    facts: str  # FACTS_VERSION
    fleet: str
    organisation: str
    name: Name
    package: str  # safe module name in every language: `shop_order`
    title: str
    purpose: str
    context: str
    subdomain: str
    team: str
    stack: str
    chassis: ChassisFact
    source: str  # ce_source
    exposure: Literal["public", "partner", "internal"]
    stores: dict[str, str]
    api: tuple[str, ...]
    values: tuple[ValueFact, ...]  # of all its messages, own and foreign
    aggregates: tuple[AggregateFact, ...]
    commands: tuple[CommandFact, ...]
    queries: tuple[QueryFact, ...]
    events: tuple[EventFact, ...]  # own
    foreign_events: tuple[EventFact, ...]
    foreign_commands: tuple[CommandFact, ...]  # that its sagas send
    policies: tuple[PolicyFact, ...]
    read_models: tuple[ProjectionFact, ...] = ()
    copies: tuple[ProjectionFact, ...] = ()
    translations: tuple[TranslationFact, ...] = ()
    kept_apart: tuple[str, ...] = ()  # foreign messages behind an anti-corruption layer: only translators know them
    observes: tuple[Name, ...] = ()  # events with a handler of the service's own (`subscribes`), beside its policies
    schedules: tuple[ScheduleFact, ...]
    subscriptions: tuple[SubscriptionFact, ...]
    topics: tuple[TopicFact, ...]  # it writes
    recovery_topics: tuple[TopicFact, ...] = ()  # retry topics and dead letters of what it reads: its group's alone
    command_topic: str
    reply_topic: str
    sagas: tuple[SagaFact, ...]
    peers: tuple[PeerFact, ...]
    calls: tuple[CallFact, ...] = ()
    limits: LimitsFact
    sampling: float
    redact: tuple[str, ...]
    replacements: tuple[ReplacementFact, ...]


class FleetFacts(Fact):
    """What every project of the monorepo knows of the fleet. Small on purpose: a change here touches all services."""

    name: str
    organisation: str
    title: str


class ServiceSummary(Fact):
    """One line of the fleet's own pages, compose file and charts."""

    name: Name
    title: str
    purpose: str
    context: str
    subdomain: str
    team: str
    stack: str
    exposure: str
    package: str
    stores: dict[str, str]
    peers: tuple[str, ...]
    replacements: tuple[ReplacementFact, ...]


class DecisionFact(Fact):
    """Findings that the specification accepts by a waiver: what a decision record says.

    `file` is the record's name without its ending; it depends on the rule and the element alone. `element` is in words
    (``command `TakeStock` ``), `about`, `does` and `why` are Markdown of the rule's own documentation. `reasons` are
    untrusted text; there are several only where elements of one name cannot be told apart.
    """

    file: str
    rule: str
    rule_name: str
    severity: str
    element: str
    about: str
    does: str
    why: str
    reasons: tuple[str, ...]
    findings: tuple[str, ...]  # as lint words them


class MonorepoFacts(Fact):
    """What the root project and the blueprints know."""

    facts: str
    fleet: str
    organisation: str
    title: str
    vision: str
    languages: tuple[str, ...]
    services: tuple[ServiceSummary, ...]
    topics: tuple[TopicFact, ...]
    sagas: tuple[SagaFact, ...]
    teams: tuple[dict[str, Any], ...]
    platform: dict[str, Any]
    decisions: tuple[DecisionFact, ...] = ()
    own_stacks: tuple[str, ...] = ()  # of its services' stacks those with a template of the fleet's own
