"""What the smallest cases of the rules leave open."""

from __future__ import annotations

import pytest

from fleetgen.analysis.engine import lint
from fleetgen.analysis.rules.sec_4 import _secret
from fleetgen.analysis.words import names_what_happened, names_what_to_do


@pytest.fixture
def messages(fleet):
    """`messages(source, rule)`: what one rule says."""

    def run(source: str, rule: str) -> list[str]:
        return [item.message for item in lint(fleet(source), stacks={"python"}) if item.code == rule]

    return run


COMMANDS = """\
fleet: shop
teams: {sales: 6}
contexts:
  order:
    team: sales
    aggregates:
      Order:
        fields: {total: money}
        commands:
          PlaceOrder: OrderPlaced
          CancelOrder: OrderCancelled
          ConfirmOrder: OrderConfirmed
          SweepOrder: OrderSwept
    POLICIES
  payment:
    team: sales
    aggregates:
      Payment:
        fields: {orderId: uuid}
        commands:
          TakePayment: PaymentTaken
          OpenPayment: {emits: PaymentOpened, creates: true}
          DropPayment: {emits: PaymentDropped, carries: [orderId]}
sagas:
  checkout: {steps: [PlaceOrder / CancelOrder, pivot TakePayment, ConfirmOrder]}
  MORE
"""


def commands(policies: str = "", more: str = "") -> str:
    return COMMANDS.replace("POLICIES", policies).replace("MORE", more)


SILENT = [
    commands(),
    commands("policies: {PaymentDropped: CancelOrder}")
    .replace(" / CancelOrder", "")
    .replace("[PlaceOrder,", "[{do: PlaceOrder, undo: none},"),
    commands(more="again: {steps: [{do: SweepOrder, undo: none}, OpenPayment]}"),
]
FIRING = {
    "two policies": (
        commands("policies: {PaymentTaken: SweepOrder, PaymentDropped: SweepOrder}"),
        "command `SweepOrder` is set off by policy `PaymentTaken` and by policy `PaymentDropped`",
    ),
    "policy and saga's undo": (
        commands("policies: {PaymentDropped: CancelOrder}"),
        "command `CancelOrder` is set off by policy `PaymentDropped` and by saga `checkout` as undo of `PlaceOrder`",
    ),
    "two sagas": (
        commands(more="again: {steps: [{do: OpenPayment, undo: none}, TakePayment]}"),
        "command `TakePayment` is set off by saga `checkout` and by saga `again`",
    ),
}


@pytest.mark.parametrize("source", SILENT)
def test_one_automatic_trigger_is_fine(messages, source):
    assert messages(source, "CMD-1") == []


@pytest.mark.parametrize("case", FIRING)
def test_two_automatic_triggers(messages, case):
    source, said = FIRING[case]
    assert messages(source, "CMD-1") == [said]


def test_a_policy_may_start_a_saga(messages):
    source = commands(more="refund: {steps: [{do: DropPayment, undo: none}, SweepOrder]}").replace(
        "sagas:", "    policies: {OrderCancelled: DropPayment}\nsagas:"
    )
    assert messages(source, "CMD-1") == []


TOKEN = "gh" + "p_" + "a1B2" * 9  # put together here, so that no scanner takes this file for a leak


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("url", "https://user:pass@host/path"),
        ("note", "AKIA" + "ABCDEFGHIJKLMNOP"),
        ("note", TOKEN),
        ("note", "-----BEGIN RSA PRIVATE KEY-----"),
        ("note", "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NSJ9.c2ln"),
        ("password", "hunter2"),
        ("dbPassword", "hunter2"),
        ("api-key", "4711"),
        ("client_secret", "x"),
    ],
)
def test_secrets_are_known_by_form_or_key(key, text):
    assert _secret(key, text)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("url", "http://host:8080/path@x"),
        ("url", "https://user:$PASSWORD@host"),
        ("password", "vault:secret/db#password"),
        ("password", "${DB_PASSWORD}"),
        ("password", ""),
        ("key", "sku"),
        ("secrets", "vault"),
        ("purpose", "Changing passwords and tokens"),
    ],
)
def test_references_and_words_are_no_secrets(key, text):
    assert not _secret(key, text)


def test_a_secret_is_not_repeated(fleet):
    source = "fleet: shop\nteams: {sales: 6}\ncontexts:\n  order: {team: sales}\n"
    source += "extensions: {registry: {password: hunter2}}\n"
    (found,) = lint(fleet(source))
    assert found.code == "SEC-4"
    assert "hunter2" not in found.message + found.hint
    assert found.message == "`shop` holds a secret under `password`"


CARDS = """\
fleet: shop
teams: {sales: 6}
REGIME
contexts:
  payment:
    team: sales
    aggregates:
      Payment:
        fields: {card: string, amount: money}
        sensitive: {pan: [card]}
        commands: {TakePayment: PaymentTaken, PayAgain: PaymentRepeated}
"""


def test_a_regime_of_the_whole_fleet_holds_for_its_contexts(messages):
    assert messages(CARDS.replace("REGIME", "compliance: {pci-dss: {}}"), "CMP-1") == []
    assert len(messages(CARDS.replace("REGIME", "compliance: {sox: {}}"), "CMP-1")) == 1


CALLS = """\
fleet: shop
slo: {availability: 99.9%}
teams: {sales: 6}
contexts:
  order:
    team: sales
    aggregates: {Order: {fields: {total: money}, commands: {PlaceOrder: OrderPlaced}}}
  payment:
    team: sales
    slo: {availability: TARGET}
    aggregates: {Payment: {fields: {orderId: uuid}, commands: {TakePayment: PaymentTaken}}}
sagas:
  checkout: {steps: [{do: PlaceOrder, undo: none}, call TakePayment]}
"""


@pytest.mark.parametrize(("target", "fires"), [("99.95%", False), ("99.94%", True), ("99.999%", False)])
def test_half_of_the_budget_is_for_what_is_called(messages, target, fires):
    assert bool(messages(CALLS.replace("TARGET", target), "REL-1")) is fires


def test_a_service_inherits_the_fleets_repair_time(messages):
    source = CALLS.replace("TARGET", "99.99%").replace("99.9%}", "99.9%, mttr: 15m}")
    (said,) = messages(source, "REL-3")
    assert said.startswith("99.99 % gives service `payment` 4.32 min")


def test_a_timeout_shorter_than_the_latency_targets(messages):
    source = CALLS.replace("availability: TARGET", "p95: 40s").replace(
        "checkout: {steps", "checkout: {timeout: 30s, steps"
    )
    assert messages(source, "SAGA-3") == [
        "saga `checkout` ends after 30 s, but its steps take 40 s at their services' latency targets"
    ]


def test_a_legacy_table_has_one_heir(messages):
    source = (
        "fleet: shop\nteams: {sales: 6}\nlegacy:\n  monolith:\n"
        "    database: {kind: postgresql, tables: {order: [orders, customers], user: [customers]}}\n"
        "contexts:\n  order: {team: sales}\n  user: {team: sales}\n"
    )
    assert messages(source, "DAT-1") == ["table `customers` of `monolith` goes to contexts `order` and `user`"]


def test_two_services_of_one_context_may_share(messages):
    source = (
        "fleet: shop\nteams: {sales: 6}\ncontexts:\n  order:\n    team: sales\n    services:\n"
        "      order: {stores: {primary: {kind: postgresql, name: o}}}\n"
        "      invoice: {stores: {primary: {kind: postgresql, name: o}}}\n"
    )
    assert messages(source, "DAT-1") == []


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("order-api", "api"),
        ("web-ui", "ui"),
        ("common", "common"),
        ("shared-mobility", ""),
        ("payment-gateway", ""),
        ("api-billing", ""),
    ],
)
def test_layers_by_name(messages, name, layer):
    found = messages(f"fleet: shop\nteams: {{sales: 6}}\ncontexts:\n  {name}: {{team: sales}}\n", "SVC-3")
    assert found == ([f"context `{name}` is cut by layer: `{layer}` is no capability of the business"] if layer else [])


def wide(services: int, commands: int) -> str:
    """So many services of two commands, and one of `commands`."""
    rows = [
        f"  part{place}:\n    team: t{place}\n    aggregates:\n"
        f"      Item{place}: {{fields: {{total: money}}, commands: {{"
        + ", ".join(f"Do{n}Item{place}: Item{place}Done{n}" for n in range(commands if place == 0 else 2))
        + "}}\n"
        for place in range(services)
    ]
    teams = ", ".join(f"t{place}: 5" for place in range(services))
    return f"fleet: wide\nteams: {{{teams}}}\ncontexts:\n" + "".join(rows)


def test_a_service_far_from_the_others_is_too_large(messages):
    assert messages(wide(12, 3), "SVC-1") == [
        "service `part0` has 3 commands, where the mean is 2.08 and 2.91 is far out"
    ]
    assert messages(wide(12, 2), "SVC-1") == []
    assert messages(wide(10, 30), "SVC-1") == []  # among ten, none can be three deviations away


RING = """\
fleet: shop
teams: {sales: 6, supply: 6}
contexts:
  order:
    team: sales
    aggregates:
      Order: {fields: {total: money}, commands: {PlaceOrder: OrderPlaced, ConfirmOrder: OrderConfirmed}}
    policies: {StockAllocated: {do: ConfirmOrder, with: {orderId: orderId}}}
  inventory:
    team: supply
    aggregates:
      Stock: {fields: {orderId: uuid}, commands: {AllocateStock: StockAllocated}}
    policies: {OrderPlaced: AllocateStock}
"""


def severities(found, rule: str) -> list[str]:
    return [item.severity.value for item in found if item.code == rule]


def test_a_ring_that_is_meant_is_information(fleet):
    assert severities(lint(fleet(RING)), "CPL-2") == ["warning"]
    assert severities(lint(fleet(RING + 'context-map: ["order [P] <-> inventory [P]"]\n')), "CPL-2") == ["information"]
    assert severities(lint(fleet(RING + 'context-map: ["order [S] -> inventory [C]"]\n')), "CPL-2") == ["warning"]
    saga = "sagas:\n  checkout:\n    mode: choreography\n"
    saga += "    steps: [{do: PlaceOrder, undo: none}, AllocateStock, ConfirmOrder]\n"
    chained = RING.replace("    policies: {StockAllocated: {do: ConfirmOrder, with: {orderId: orderId}}}\n", "")
    chained = chained.replace("    policies: {OrderPlaced: AllocateStock}\n", saga)
    assert severities(lint(fleet(chained)), "CPL-2") == ["information"]


def test_a_fleet_without_a_map_has_no_unmapped_traffic(messages):
    assert messages(RING, "CTX-6") == []
    mapped = RING + '  billing: {team: supply}\ncontext-map: ["order -> billing"]\n'
    assert messages(mapped, "CTX-6") == [
        "the context map has no line between `order` and `inventory`, but `order` reads `StockAllocated` of "
        "`inventory`, and 1 message more"
    ]


ADDRESS = [
    "10.1.2.3", "http://10.1.2.3/x", "db.internal:5432", "see localhost:80", "https://broker:9092/a", "[::1]:8080",
    "[fe80::1]",
]  # fmt: skip
NO_ADDRESS = [
    "version 1.2.3", "1.2.3.4.5", "10.0.0.0/8", "at 08:30", "from 8:00 to 17:00", "http://monolith.internal/path",
    "Order:1234", "256.1.1.1", "a note: 12", "figures[1:2]",
]  # fmt: skip


def _purpose(text: str) -> str:
    return f'fleet: shop\nteams: {{sales: 6}}\ncontexts:\n  order: {{team: sales, purpose: "{text}"}}\n'


@pytest.mark.parametrize("text", ADDRESS)
def test_addresses_are_known_by_form(messages, text):
    assert len(messages(_purpose(text), "COM-2")) == 1


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_looks_like_an_address_and_is_none(messages, text):
    assert messages(_purpose(text), "COM-2") == []


@pytest.mark.parametrize(
    ("event", "past"),
    [
        ("OrderPlaced", True), ("InvoiceSent", True), ("OrderPlacedByPhone", True), ("StockRanOut", True),
        ("PersonFreed", True), ("OrderPlacement", False), ("SpeedLimit", False), ("BedSpring", False),
        ("StockShort", False),
    ],
)  # fmt: skip
def test_events_are_in_the_past(event, past):
    assert names_what_happened(event) is past


@pytest.mark.parametrize(
    ("command", "imperative"),
    [
        ("PlaceOrder", True), ("PlacedOrder", False), ("PlacingOrder", False), ("BringParcel", True),
        ("SetLimit", True), ("SentInvoice", False), ("FeedAnimal", True), ("EmbedVideo", True),
    ],
)  # fmt: skip
def test_commands_say_what_to_do(command, imperative):
    assert names_what_to_do(command) is imperative


def test_a_limit_at_the_peak_is_enough(messages):
    load = "load: {peak: 10/s, users: 10}\nplatform: {gateway: {rate-limit: %s}}\n"
    base = "fleet: shop\nteams: {sales: 6}\ncontexts:\n  order: {team: sales}\n"
    assert messages(base + load % "60/min/user", "COM-8") == []
    assert len(messages(base + load % "61/min/user", "COM-8")) == 1
