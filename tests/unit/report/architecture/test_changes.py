"""One changed fact of a worked example changes the leaves that name it, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from fleetgen.pipeline import prepare, reported
from fleetgen.render.templates import installed
from fleetgen.report.architecture import leaves, subject_of, trees
from fleetgen.report.architecture.trees import TITLE
from fleetgen.spec.load import reload
from fleetgen.spec.node import Document
from fleetgen.spec.resolve import resolve

SAMPLES = Path(__file__).parents[4] / "samples"

# What is written, what stands there instead, and the leaves that change: section and label, as before and as after.
SHOP = [
    (
        "  orders: 8",
        "  orders: 9",
        {
            "DD-01 Core Domain",
            "DD-01 Orders (8 developers)",
            "DD-01 Orders (9 developers)",
            "HEAD Team Structure",
            "MA-02 Team Ownership",
        },
    ),
    ("retention: 7d", "retention: 14d", {"CP-02 Event Bus"}),
    ("timeout: 5m", "timeout: 10m", {"DC-01 Timeout Handling", "DD-02 order-fulfillment"}),
    ("rate-limit: 1000/min/user", "rate-limit: 600/min/user", {"CA-01 API Gateway", "CP-01 API Gateway"}),
    ("{failures: 5, open", "{failures: 7, open", {"CP-01 Circuit Breaker", "DD-02 Failure Isolation"}),
    ("domain: E-commerce platform", "domain: Retail", {"HEAD System Domain"}),
    ("dead-letters: {attempts: 8", "dead-letters: {attempts: 5", {"CA-02 Message Queuing", "CP-02 Dead Letter Queue"}),
    ("load: {peak: 800/s", "load: {peak: 900/s", {"DD-02 Scaling Requirements"}),
    (
        "      - ConfirmOrder\n",
        "      - ConfirmOrder\n      - ShipOrder\n",
        {"CA-02 order-fulfillment", "DC-01 Saga Implementation", "DD-02 order-fulfillment"},
    ),
    ("traces: jaeger", "traces: tempo", {"CA-01 Monitoring", "CP-01 Monitoring"}),
    (
        "purpose: Sales reports",
        "purpose: Figures",
        {
            "DD-01 Reporting - Sales reports; buying is to be considered",
            "DD-01 Reporting - Figures; buying is to be considered",
            "MA-08 Domain Responsibility",
        },
    ),
    ("asked: {stack: java", "asked: {stack: go", {"MA-02 Technology Stack"}),
    (
        "  - {context: notification, by: strangler-fig}\n",
        "",
        {"DD-01 Evolution Strategy", "DD-01 wave 1", "DD-01 wave 2", "DD-01 wave 3", "DD-01 wave 4"},
    ),
    (
        "used-by: [payment]",
        "used-by: [payment, user]",
        {"DD-02 card-network", "MA-05 Integration"},
    ),
]
BANK = [
    (
        "    developers: 10",
        "    developers: 12",
        {
            "DD-01 Core Domain",
            "DD-01 Payments Core (10 developers, 1 system architect)",
            "DD-01 Payments Core (12 developers, 1 system architect)",
            "FD-02 Team",
            "HEAD Team Structure",
            "MA-02 Team Ownership",
        },
    ),
    ("retention: 7y}\n  alerts", "retention: 10y}\n  alerts", {"OC-01 Data Retention", "SM-02 Audit Logging"}),
    (
        "sampling: 100%",
        "sampling: 50%",
        {"CA-01 Monitoring", "CP-01 Monitoring", "OC-01 OpenTelemetry", "SM-01 Observability"},
    ),
    (
        "availability: 99.99%",
        "availability: 99.9%",
        {
            "DD-02 transaction",
            "FD-01 Availability",
            "FD-02 Availability",
            "FD-03 Availability",
            "HEAD Availability Target",
            "OC-02 Availability SLO",
            "OC-02 Error Budget",
        },
    ),
    ("{count: 3, mode", "{count: 2, mode", {"FD-01 Availability"}),
    ("rotate-certificates: 24h", "rotate-certificates: 12h", {"SM-01 mTLS"}),
    ("start: 5%", "start: 10%", {"SM-01 Canary Deployment"}),
    ("{v3: 95%, v4: 5%}", "{v3: 90%, v4: 10%}", {"FD-03 ML Integration"}),
    ("timeout: 5m", "timeout: 2m", {"DC-01 Timeout Handling", "DD-02 transfer"}),
    ("mttr: 15m", "mttr: 10m", {"OC-02 Incident Response"}),
    (
        "subdomain: core",
        "subdomain: supporting",
        {
            "DD-01 Core Domain",
            "DD-01 Core Domains",
            "DD-01 Supporting Domains",
            "DD-01 Transaction Processing - Money movement, double-entry bookkeeping and reconciliation",
            "DD-01 Payments Core (10 developers, 1 system architect)",
            "FD-02 Transaction Processing Service",
            "FD-02 Transaction Processing Service (Core)",
            "MA-02 Transaction Processing Service",
            "MA-02 Transaction Processing Service (Core Domain)",
        },
    ),
    (
        "{peak: 10000/s}",
        "{peak: 20000/s}",
        {"DD-02 transaction", "FD-02 Performance", "MA-02 Scaling Pattern"},
    ),
    ("  network-policy: calico\n", "", {"SM-02 Network Policies"}),
]
CHANGES = [("ecommerce", *change) for change in SHOP] + [("banking", *change) for change in BANK]


@pytest.mark.parametrize(("sample", "old", "new", "expected"), CHANGES, ids=[f"{c[0]}: {c[2]!r}" for c in CHANGES])
def test_a_changed_fact_changes_the_leaves_that_name_it(sample: str, old: str, new: str, expected: set[str]) -> None:
    document = worked_example(sample)
    text = document.texts[document.path]
    assert old in text
    edited = reload(document.path, {document.path: text.replace(old, new, 1)})
    changed = said(document, sample) ^ said(edited, sample)
    assert {f"{section} {label}" for section, label, _ in changed} == expected


def test_a_changed_comment_changes_no_page() -> None:
    document = worked_example("banking")
    commented = {document.path: f"# A comment.\n{document.texts[document.path]}"}
    assert said(reload(document.path, commented), "banking") == said(document, "banking")


@cache
def worked_example(name: str) -> Document:
    document = prepare(SAMPLES / name, "python").checked.document
    assert document is not None
    return document


@cache
def generated(name: str) -> Mapping[str, bytes]:
    """The files that bear out what is generated; no change here touches them."""
    return reported(prepare(SAMPLES / name, "python").checked, installed()).made.files


def said(document: Document, name: str) -> frozenset[tuple[str, str, str]]:
    """Section, label and words of every leaf."""
    fleet, found = resolve(document)
    assert fleet is not None, found
    report = trees(subject_of(fleet, document, generated(name)))
    return frozenset(
        (leaf["section"].replace(TITLE, "HEAD"), (leaf["labels"] or [leaf["says"]])[-1], leaf["says"])
        for leaf in leaves(report)
    )
