"""The keys of an aggregate and what it holds."""

from __future__ import annotations

from fleetgen.spec.shape import (
    ByKind,
    Entry,
    Flag,
    Grammar,
    ListOf,
    MapOf,
    Name,
    Quantity,
    Record,
    Shape,
    Text,
    Whole,
    Word,
)

EXPOSURES = ("public", "partner", "internal")
FIELD_NAME = Name("camel", "field")
EVENT_NAME = Name("pascal", "event")
COMMAND_NAME = Name("pascal", "command")
STATE_NAME = Name("camel", "state")
WAIVE = Entry(
    "waive",
    MapOf(Text("rule", r"[A-Z]+-[0-9]+"), Text("reason")),
    "Findings that are accepted here, each with its reason, which becomes a decision record",
    example="{SAGA-4: five services know each other well}",
)
RENAMED = Entry(
    "renamed-from",
    Text("name"),
    "The name it had before: migrations and aliases instead of drop and add",
    example="amountDue",
)
VERSION = Entry(
    "version",
    Whole(1),
    "Its major version; raise it with a change that readers cannot ignore",
    default="1",
    example="2",
)
SCOPES = Entry(
    "scopes",
    ListOf(Text("scope", r"[!#-\[\]-~]+")),
    "OAuth scopes a caller's token needs",
    default="<service>:<name in kebab-case>",
    example="[order:place]",
)


def exposure(default: str) -> Entry:
    """Who may call."""
    return Entry(
        "exposure",
        Word(EXPOSURES),
        "Who may call: `public` and `partner` through the gateway, `internal` only services that the call graph knows",
        default=default,
        example="public",
    )


FIELDS = MapOf(FIELD_NAME, Grammar("field"))
TAKES: Shape = ByKind(scalar=FIELD_NAME, sequence=ListOf(FIELD_NAME), mapping=MapOf(FIELD_NAME, Grammar("type")))

COMMAND = Record(
    "command",
    (
        Entry("emits", EVENT_NAME, "The event that tells of its success", required=True, example="OrderPlaced"),
        Entry(
            "or",
            ByKind(scalar=EVENT_NAME, mapping=MapOf(EVENT_NAME, Grammar("expression"), empty=True)),
            "The rejection: the event that tells that the command was refused, with the condition over its inputs and "
            "the aggregate; without a condition, a broken invariant refuses",
            example="{PaymentDeclined: amount.amount > 100000}",
        ),
        Entry(
            "from",
            ListOf(STATE_NAME),
            "The states in which it is allowed",
            default="any",
            example="[placed, confirmed]",
        ),
        Entry(
            "to",
            STATE_NAME,
            "The state afterwards",
            default="the state in which the event's name ends",
            example="confirmed",
        ),
        Entry(
            "takes",
            TAKES,
            "What it takes besides the aggregate's key: fields of the aggregate by name, which it sets, or inputs of "
            "its own, with a type",
            default="all fields for a command that creates, nothing for others",
            example="{reason: string}",
        ),
        Entry(
            "changes",
            MapOf(FIELD_NAME, Grammar("expression")),
            "What it changes beyond the fields it takes: a field and its new value, from inputs and the fields before",
            example="{reserved: reserved + quantity}",
        ),
        Entry(
            "carries",
            ListOf(FIELD_NAME),
            "Fields its events carry besides the key, `partition-by` and what it took; a sensitive field is carried "
            "only when it is named here",
            example="[lines]",
        ),
        Entry(
            "creates", Flag(), "Whether it creates the aggregate", default="true for the first command", example="true"
        ),
        exposure("the service's"),
        SCOPES,
        VERSION,
        RENAMED,
        WAIVE,
    ),
    short=EVENT_NAME,
    stands_for="emits",
)

QUERY = Record(
    "query",
    (
        Entry(
            "takes",
            ListOf(Name("camel", "field")),
            "The fields by which it finds; the key alone gives one aggregate, others filter",
            default="the key for `Get…`, all plain fields for `Search…`, `List…`, `Find…`",
            example="[sku]",
        ),
        Entry(
            "gives",
            ListOf(Name("camel", "field")),
            "The fields it gives",
            default="all fields and the state, without those of class `pan`",
            example="[name, price]",
        ),
        exposure("the service's"),
        SCOPES,
        WAIVE,
    ),
)
QUERIES = ByKind(
    scalar=Name("pascal", "query"),
    sequence=ListOf(Name("pascal", "query")),
    mapping=MapOf(Name("pascal", "query"), QUERY, empty=True),
)

READ_MODEL = Record(
    "read model",
    (
        Entry(
            "key",
            FIELD_NAME,
            "The field by which it is read; all its events carry it",
            required=True,
            example="customerId",
        ),
        Entry(
            "from",
            ListOf(EVENT_NAME),
            "The service's own events it is made from",
            required=True,
            example="[OrderPlaced]",
        ),
        Entry("stale-at-most", Quantity("duration"), "How old it may be", example="2s"),
        exposure("the service's"),
        SCOPES,
        WAIVE,
    ),
)

EVENT = Record(
    "event",
    (
        VERSION,
        RENAMED,
        WAIVE,
    ),
)

AGGREGATE = Record(
    "aggregate",
    (
        Entry(
            "kind",
            Word(("plain", "double-entry")),
            "`double-entry`: postings between accounts that sum to zero, kept in a ledger",
            default="plain",
            example="double-entry",
        ),
        Entry(
            "key",
            FIELD_NAME,
            "The field that identifies it",
            default="id, a uuid made by the creating command",
            example="sku",
        ),
        Entry("fields", FIELDS, "What it knows: names and types", example="{sku: string, price: money}"),
        Entry(
            "values",
            MapOf(Name("pascal", "value"), FIELDS),
            "Value objects its fields use",
            example="{OrderLine: {sku: string, quantity: int}}",
        ),
        Entry(
            "sensitive",
            MapOf(Text("class", r"[a-z][a-z0-9-]*"), ListOf(FIELD_NAME)),
            "Classes of sensitive data and the fields that hold them",
            example="{pii: [email], pan: [cardNumber]}",
        ),
        Entry(
            "states", ListOf(STATE_NAME), "The states it goes through, the first one first", example="[placed, shipped]"
        ),
        Entry(
            "partition-by",
            FIELD_NAME,
            "The field that orders its events: equal values stay in order",
            default="the key",
            example="customerId",
        ),
        Entry(
            "snapshot-every",
            Whole(1),
            "Events between snapshots of an event-sourced aggregate",
            default="100",
            example="50",
        ),
        Entry(
            "invariants",
            ListOf(Grammar("expression")),
            "What holds after every command",
            example='["0 <= reserved", "reserved <= onHand"]',
        ),
        Entry("commands", MapOf(COMMAND_NAME, COMMAND), "What can be asked of it", example="{PlaceOrder: OrderPlaced}"),
        Entry(
            "events",
            MapOf(EVENT_NAME, EVENT, empty=True),
            "More about events that its commands name",
            example="{OrderPlaced: {version: 2}}",
        ),
        Entry("queries", QUERIES, "What can be read of it", example="[GetOrder, SearchOrders]"),
        Entry(
            "read-models",
            MapOf(Name("pascal", "read model"), READ_MODEL),
            "Views made from its events",
            example="{CustomerOrders: {key: customerId, from: [OrderPlaced]}}",
        ),
        Entry(
            "former-states",
            MapOf(STATE_NAME, STATE_NAME),
            "States it no longer has, each with the state that aggregates in it get instead",
            example="{paid: confirmed}",
        ),
        Entry(
            "dropped",
            ListOf(FIELD_NAME),
            "Fields it no longer has, whose data may be deleted by a contraction; without this word it is kept",
            example="[nickname]",
        ),
        RENAMED,
        WAIVE,
    ),
)
