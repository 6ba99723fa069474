"""The keys of a bounded context and of its services."""

from __future__ import annotations

from fleetgen.spec.shape import (
    Anything,
    ByKind,
    Entry,
    Flag,
    Grammar,
    ListOf,
    MapOf,
    Name,
    Quantity,
    Record,
    Text,
    Whole,
    Word,
)
from fleetgen.spec.table.aggregate import AGGREGATE, COMMAND_NAME, EVENT_NAME, FIELD_NAME, RENAMED, WAIVE, exposure
from fleetgen.spec.table.duties import DUTIES

STACKS = ("python", "node", "java", "go", "erlang")
STORES = ("postgresql", "mongodb", "redis", "elasticsearch", "opensearch", "clickhouse")
APIS = ("rest", "graphql", "websocket", "grpc")
PATTERNS = ("cqrs", "event-sourcing")
KEBAB = Text("word", r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

SLO = Record(
    "service level objective",
    (
        Entry("availability", Quantity("share"), "The share of requests or time that must be good", example="99.95%"),
        Entry("p95", Quantity("duration"), "The time within which 95 of 100 requests are answered", example="300ms"),
        Entry("window", Quantity("duration"), "The time over which it is counted", default="30d", example="30d"),
        Entry("measured-by", KEBAB, "How it is measured", example="synthetic-transactions"),
        Entry("mttr", Quantity("duration"), "The time to repair that is aimed at", example="15m"),
    ),
)
LOAD = Record(
    "load",
    (
        Entry("peak", Quantity("rate"), "Requests at the busiest time", example="800/s"),
        Entry("message", Quantity("size"), "The size of a usual message", example="1kB"),
        Entry("users", Whole(0), "How many people use it", example="50000"),
    ),
)
BINDINGS = MapOf(FIELD_NAME, Grammar("binding"))
POLICY = Record(
    "policy",
    (
        Entry("do", COMMAND_NAME, "The command of this context that is done", required=True, example="AllocateStock"),
        Entry(
            "with",
            BINDINGS,
            "Inputs of the command from other fields of the event, or literals",
            example="{customer: accountId}",
        ),
        Entry("for-each", Grammar("path"), "A list in the event: the command is done for each item", example="lines"),
        WAIVE,
    ),
    short=COMMAND_NAME,
    stands_for="do",
)
COPY = Record(
    "copy",
    (
        Entry("from", ListOf(EVENT_NAME), "The owner's events that feed it", required=True, example="[ProductCreated]"),
        Entry(
            "key", FIELD_NAME, "The field by which it is read; all the events carry it", required=True, example="sku"
        ),
        WAIVE,
    ),
)
COMPLIANCE = MapOf(KEBAB, Anything(), empty=True)
STORE = ByKind(
    scalar=Word(STORES, open=True),
    mapping=Record(
        "store",
        (
            Entry("kind", Word(STORES, open=True), "The kind of database", required=True, example="postgresql"),
            Entry("name", KEBAB, "The database's name, where it exists already", example="orders"),
        ),
    ),
)

ASKED = Record(
    "earlier wish",
    (
        Entry("stack", Word(STACKS, open=True), "The stack", example="node"),
        Entry("stores", MapOf(KEBAB, Word(STORES, open=True)), "Databases by role", example="{search: elasticsearch}"),
        Entry("api", ListOf(Word(APIS)), "How it was to be called", example="[graphql]"),
        Entry("patterns", ListOf(Word(PATTERNS)), "How state was to be kept", example="[event-sourcing]"),
    ),
)
_SERVICE = (
    Entry("title", Text("title"), "Its name for people", default="from the name", example="Order Management"),
    Entry("purpose", Text("sentence"), "What it is for, in one sentence", example="Order lifecycle and business rules"),
    Entry(
        "stack",
        Word(STACKS, open=True),
        "The language and framework, or the name of a template of your own",
        default="python",
        example="go",
    ),
    Entry(
        "asked",
        ASKED,
        "What was asked for before `fleetgen new --stack` put something else in its place",
        example="{stack: node, stores: {primary: mongodb}}",
    ),
    Entry("libraries", ListOf(KEBAB), "Libraries the stack should bring", example="[spring-security]"),
    Entry(
        "stores",
        MapOf(KEBAB, STORE),
        "Databases by role; each belongs to this service alone",
        default="{primary: postgresql}",
        example="{primary: postgresql, cache: redis}",
    ),
    Entry("api", ListOf(Word(APIS)), "How it is called", default="[rest]", example="[rest, websocket]"),
    exposure("internal"),
    Entry("patterns", ListOf(Word(PATTERNS)), "How state is kept and read", example="[cqrs, event-sourcing]"),
    Entry("slo", SLO, "Its service level objective", example="{availability: 99.95%, p95: 300ms}"),
    Entry("load", LOAD, "The load it must bear", example="{peak: 10000/s}"),
    Entry("scaling", MapOf(KEBAB, Anything()), "How it grows", example="{read-replicas: 2}"),
    Entry(
        "tracing",
        Record(
            "tracing",
            (
                Entry(
                    "sampling",
                    Quantity("share"),
                    "The share of traces that are kept",
                    default="the platform's",
                    example="100%",
                ),
            ),
        ),
        "Tracing that differs from the platform's",
        example="{sampling: 100%}",
    ),
    Entry(
        "aggregates",
        MapOf(Name("pascal", "aggregate"), AGGREGATE),
        "What it is made of",
        example="{Order: {fields: {total: money}}}",
    ),
    Entry(
        "dropped",
        ListOf(Name("pascal", "aggregate")),
        "Aggregates it no longer has, whose tables may be deleted by a contraction; without this word they are kept",
        example="[Basket]",
    ),
    Entry(
        "policies",
        MapOf(EVENT_NAME, ByKind(scalar=COMMAND_NAME, mapping=POLICY, sequence=ListOf(POLICY))),
        "Whenever an event is seen, do a command",
        example="{OrderConfirmed: DispatchShipment}",
    ),
    Entry(
        "schedules",
        MapOf(COMMAND_NAME, Grammar("schedule")),
        "Commands that run by the clock, in UTC",
        example="{ReconcileLedger: every day at 02:00}",
    ),
    Entry(
        "copies",
        MapOf(FIELD_NAME, COPY),
        "Read-only copies of other contexts' data, fed by their events",
        example="{prices: {from: [ProductCreated], key: sku}}",
    ),
    Entry(
        "calls",
        ListOf(Name("pascal", "command or query")),
        "Commands and queries of other services that its code asks and waits for",
        example="[GetProduct]",
    ),
    Entry("subscribes", ListOf(EVENT_NAME), "Events it only wants to see", example="[OrderConfirmed]"),
    Entry(
        "unordered",
        ListOf(EVENT_NAME),
        "Events whose order does not matter to it: one that fails goes to retry topics and holds up no other. Counts "
        "for a topic when all events it hears from there are listed and no saga is heard on it",
        example="[OrderConfirmed]",
    ),
    WAIVE,
)
SERVICE = Record("service", _SERVICE)

CONTEXT = Record(
    "bounded context",
    (
        Entry(
            "subdomain",
            Word(("core", "supporting", "generic")),
            "What it is to the business: what sets it apart, what it needs, what anybody could buy",
            default="supporting",
            example="core",
        ),
        Entry("team", Name("kebab", "team"), "The team that owns it", example="orders"),
        Entry(
            "consistency",
            Word(("strong", "eventual", "crdt")),
            "What its readers may rely on",
            default="eventual",
            example="strong",
        ),
        Entry(
            "buy", Word(("consider", "prefer", "no")), "Whether a generic context should be bought", example="prefer"
        ),
        Entry(
            "managed",
            Flag(),
            "`false`: it exists elsewhere; contracts and topics only",
            default="true",
            example="false",
        ),
        Entry(
            "compliance", COMPLIANCE, "Regimes it falls under, with their parameters", example="{pci-dss: {level: 1}}"
        ),
        Entry(
            "audit",
            Word(("signed", "plain", "none")),
            "`signed`: an append-only, hash-chained, signed log",
            example="signed",
        ),
        Entry(
            "encryption", ListOf(Word(("at-rest", "in-transit"))), "What is encrypted", example="[at-rest, in-transit]"
        ),
        Entry(
            "regions",
            Record(
                "regions",
                (
                    Entry("count", Whole(1, 99), "How many regions", default="1", example="3"),
                    Entry(
                        "mode",
                        Word(("active-passive", "active-active")),
                        "How they work together",
                        default="active-passive",
                        example="active-active",
                    ),
                ),
                short=Whole(1, 99),
                stands_for="count",
            ),
            "Where it runs",
            default="1",
            example="{count: 3, mode: active-active}",
        ),
        *DUTIES,
        RENAMED,
        *_SERVICE,
        Entry(
            "services",
            MapOf(Name("kebab", "service"), SERVICE),
            "Its services, where it is not one service of the same name",
            example="{ledger: {stack: erlang}}",
        ),
    ),
)
