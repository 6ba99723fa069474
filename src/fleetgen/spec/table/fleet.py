"""The keys of a fleet: the root of the grammar."""

from __future__ import annotations

from fleetgen.spec.shape import (
    Anything,
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
from fleetgen.spec.table.aggregate import EVENT_NAME, WAIVE
from fleetgen.spec.table.context import COMPLIANCE, CONTEXT, KEBAB, LOAD, SLO
from fleetgen.spec.table.platform import PLATFORM
from fleetgen.spec.table.saga import SAGA

TEAM = Record(
    "team",
    (
        Entry("title", Text("title"), "Its name for people", default="from the name", example="Risk & Compliance"),
        Entry("developers", Whole(0, 1000), "How many people develop", required=True, example="8"),
        Entry(
            "roles",
            MapOf(KEBAB, Whole(0, 1000)),
            "People who do other work, counted apart",
            example="{risk-analyst: 2}",
        ),
        Entry(
            "kind",
            Word(("stream-aligned", "platform", "enabling", "complicated-subsystem")),
            "What it is there for",
            default="stream-aligned",
            example="platform",
        ),
        WAIVE,
    ),
    short=Whole(0, 1000),
    stands_for="developers",
)

EXTERNAL = Record(
    "external system",
    (
        Entry("purpose", Text("sentence"), "What it does for the fleet", required=True, example="Card authorisations"),
        Entry("used-by", ListOf(Name("kebab", "service")), "The services that call it", example="[payment]"),
        Entry(
            "timeout",
            Quantity("duration"),
            "How long a call may take",
            default="the platform's external timeout",
            example="30s",
        ),
        WAIVE,
    ),
)

LEGACY = Record(
    "legacy system",
    (
        Entry("url", Text("url", r"https?://[^\s]+"), "Where it answers", example="http://monolith.internal"),
        Entry(
            "database",
            Record(
                "legacy database",
                (
                    Entry("kind", KEBAB, "Its kind", required=True, example="postgresql"),
                    Entry(
                        "tables",
                        MapOf(Name("kebab", "context"), ListOf(Text("table", r"[A-Za-z_][A-Za-z0-9_.]*"))),
                        "Which tables go to which context",
                        example="{order: [orders, order_lines]}",
                    ),
                ),
            ),
            "Its database",
            example="{kind: postgresql}",
        ),
        WAIVE,
    ),
)

WAVE = Record(
    "wave",
    (
        Entry(
            "context",
            Name("kebab", "context"),
            "The context that is taken over",
            required=True,
            example="catalog",
        ),
        Entry(
            "by",
            Word(("strangler-fig", "database-decomposition", "event-interception")),
            "How",
            required=True,
            example="strangler-fig",
        ),
        WAIVE,
    ),
)

FLEET = Record(
    "fleet",
    (
        Entry(
            "fleet",
            Name("kebab", "fleet"),
            "The fleet's name: part of topics, images and databases",
            required=True,
            example="shop",
        ),
        Entry("domain", Text("text"), "The business it serves", default="from the name", example="E-commerce platform"),
        Entry("vision", Text("sentence"), "What it is to achieve", example="Never lose an order"),
        Entry(
            "organisation",
            Text("domain name", r"[a-z][a-z0-9]*(\.[a-z][a-z0-9-]*)*"),
            "A domain name read backwards: packages, CloudEvents types, image names",
            default="com.example.<fleet>",
            example="com.example.shop",
        ),
        Entry(
            "teams",
            MapOf(Name("kebab", "team"), TEAM),
            "Who builds it: a number of developers, or more",
            example="{orders: 8}",
        ),
        Entry(
            "contexts",
            MapOf(Name("kebab", "context"), CONTEXT),
            "The bounded contexts",
            required=True,
            example="{order: {subdomain: core}}",
        ),
        Entry(
            "context-map",
            ListOf(Grammar("relation"), bare=False),
            "Who depends on whom, and how; calls and events imply the plain edges",
            example='["catalog [OHS, PL] -> order [ACL]"]',
        ),
        Entry(
            "sagas",
            MapOf(Name("kebab", "saga"), SAGA),
            "Business transactions over services",
            example="{checkout: {steps: [PlaceOrder / CancelOrder, pivot TakePayment]}}",
        ),
        Entry("platform", PLATFORM, "What all services share", example="{events: {retention: 14d}}"),
        Entry(
            "externals",
            MapOf(Name("kebab", "external"), EXTERNAL),
            "Systems outside that services call",
            example="{card-network: {purpose: Card authorisations}}",
        ),
        Entry(
            "legacy",
            MapOf(Name("kebab", "legacy"), LEGACY),
            "Systems the fleet takes over",
            example="{monolith: {url: 'http://monolith.internal'}}",
        ),
        Entry(
            "evolution",
            ListOf(
                WAVE,
                bare=False,
            ),
            "How a legacy system is taken apart, wave by wave",
            example="[{context: catalog, by: strangler-fig}]",
        ),
        Entry("compliance", COMPLIANCE, "Regimes the whole fleet falls under", example="{pci-dss: {}}"),
        Entry(
            "zero-trust",
            Flag(),
            "Whether nothing inside the network is trusted either",
            default="false",
            example="true",
        ),
        Entry("slo", SLO, "The objective of all services that say nothing else", example="{availability: 99.99%}"),
        Entry("load", LOAD, "The load of the whole", example="{peak: 800/s, message: 1kB}"),
        Entry(
            "kpis",
            Record(
                "key figures",
                (
                    Entry(
                        "business",
                        MapOf(
                            KEBAB,
                            Record(
                                "business figure",
                                (
                                    Entry(
                                        "good",
                                        EVENT_NAME,
                                        "The event that counts as good",
                                        required=True,
                                        example="TransferSettled",
                                    ),
                                    Entry(
                                        "of",
                                        EVENT_NAME,
                                        "The event it is a share of",
                                        required=True,
                                        example="TransferInitiated",
                                    ),
                                    Entry("target", Quantity("share"), "What is aimed at", example="99.9%"),
                                ),
                            ),
                        ),
                        "Shares of one event in another",
                        example="{success: {good: TransferSettled, of: TransferInitiated}}",
                    ),
                    Entry(
                        "compliance",
                        MapOf(
                            KEBAB,
                            Record(
                                "compliance figure",
                                (
                                    Entry(
                                        "target", Quantity("share"), "What is aimed at", required=True, example="100%"
                                    ),
                                ),
                            ),
                        ),
                        "Figures of the compliance work",
                        example="{audit-pass-rate: {target: 100%}}",
                    ),
                ),
            ),
            "Figures the business looks at",
            example="{compliance: {audit-pass-rate: {target: 100%}}}",
        ),
        Entry(
            "extensions",
            MapOf(Text("name"), Anything()),
            "Keys that only your own templates read",
            example="{cost-centre: '4711'}",
        ),
        WAIVE,
    ),
)
