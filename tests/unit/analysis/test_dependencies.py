"""Which edges a specification makes."""

from __future__ import annotations

from fleetgen.analysis.availability import hard_dependencies
from fleetgen.analysis.complexity import Complexity, Tier, complexity
from fleetgen.analysis.graph import dependency_graph
from fleetgen.analysis.teams import team_loads

SOURCE = """\
fleet: shop
teams: {sales: 6, supply: 6}
externals: {card-network: {purpose: Cards, used-by: [payment]}}
contexts:
  order:
    subdomain: core
    team: sales
    compliance: {sox: {}}
    aggregates:
      Order:
        fields: {total: money}
        commands: {PlaceOrder: OrderPlaced, CancelOrder: OrderCancelled, ConfirmOrder: {emits: OrderConfirmed}}
  payment:
    team: supply
    stack: go
    stores: {primary: mongodb}
    aggregates:
      Payment: {fields: {orderId: uuid}, commands: {TakePayment: PaymentTaken, VoidPayment: PaymentVoided}}
  shipping:
    team: supply
    aggregates:
      Shipment: {fields: {orderId: uuid}, commands: {CreateShipment: ShipmentCreated, SendShipment: ShipmentSent}}
    policies: {OrderConfirmed: SendShipment}
  reporting: {subdomain: generic, team: supply, subscribes: [OrderPlaced, ShipmentSent]}
sagas:
  checkout:
    mode: MODE
    steps:
      - PlaceOrder / CancelOrder
      - FIRST TakePayment / VoidPayment
      - CreateShipment
      - ConfirmOrder
"""


def edges(fleet, mode: str, how: str = "") -> set[str]:
    source = SOURCE.replace("MODE", mode).replace("FIRST ", f"{how} " if how else "")
    graph = dependency_graph(fleet(source))
    return {f"{edge.source} {edge.kind} {edge.target} {edge.message}" for edge in graph.edges}


ALWAYS = {
    "shipping event order OrderConfirmed",
    "reporting event order OrderPlaced",
    "reporting event shipping ShipmentSent",
}


def test_choreography_follows_the_events(fleet):
    assert edges(fleet, "choreography") - ALWAYS >= {
        "payment event order OrderPlaced",
        "shipping event payment PaymentTaken",
        "order event shipping ShipmentCreated",
    }
    assert not any(" call " in edge or " command " in edge for edge in edges(fleet, "choreography"))


def test_orchestration_commands_the_participants(fleet):
    assert edges(fleet, "orchestration") - ALWAYS == {
        "order command payment TakePayment",
        "order command payment VoidPayment",
        "order command shipping CreateShipment",
    }


def test_only_a_call_is_a_hard_dependency(fleet):
    assert "order call payment TakePayment" in edges(fleet, "orchestration", "call")
    source = SOURCE.replace("MODE", "orchestration").replace("FIRST", "call")
    graph = dependency_graph(fleet(source))
    assert hard_dependencies(graph, "order") == ("payment",)
    assert hard_dependencies(graph, "shipping") == ()


def test_complexity_counts_its_parts(fleet):
    source = SOURCE.replace("MODE", "orchestration").replace("FIRST", "call")
    measured = complexity(fleet(source))
    assert measured == Complexity(
        services=4, sagas=1, languages=2, store_kinds=2, calls=2, regimes=1, regions=1, active_active=False
    )
    assert measured.points == 4 + 2 + 1 + 1 + 2 + 2
    assert measured.tier is Tier.MODERATE


def points(services: int, active_active: bool = False) -> Tier:
    parts = {"sagas": 0, "languages": 1, "store_kinds": 1, "calls": 0, "regimes": 0, "regions": 1}
    return Complexity(services=services, **parts, active_active=active_active).tier


def test_tiers_have_their_limits():
    assert [points(n) for n in (10, 11, 25, 26, 45, 46)] == [
        Tier.SIMPLE, Tier.MODERATE, Tier.MODERATE, Tier.COMPLEX, Tier.COMPLEX, Tier.DISTRIBUTED,
    ]  # fmt: skip
    assert points(1, active_active=True) is Tier.DISTRIBUTED


def test_team_load_adds_subdomains_languages_and_regimes(fleet):
    loads = {
        load.team.name: load for load in team_loads(fleet(SOURCE.replace("MODE", "choreography").replace("FIRST ", "")))
    }
    assert round(loads["sales"].load, 3) == 1.1  # a core context, a regime
    assert round(loads["supply"].load, 3) == 1.633  # two supporting ones, a generic one, a second language
    assert [context.name for context in loads["supply"].contexts] == ["payment", "shipping", "reporting"]
