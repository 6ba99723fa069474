from __future__ import annotations

import fastavro
import pytest

from fleetgen.facts.build import FactsBuilder
from fleetgen.facts.schema import CommandFact, SagaFact, ServiceFacts
from fleetgen.model.fleet import Fleet
from fleetgen.spec.load import load_text
from fleetgen.spec.resolve import resolve

SHOP = """
fleet: shop
domain: A shop
organisation: com.example.shop
teams: {sales: 6}
contexts:
  order:
    subdomain: core
    team: sales
    stack: python
    exposure: public
    aggregates:
      Order:
        fields: {customerId: uuid, lines: {list: OrderLine}, total: money}
        values: {OrderLine: {sku: string, quantity: int, price: money}}
        states: [placed, confirmed, cancelled]
        partition-by: customerId
        invariants: ["total = sum(lines.quantity * lines.price)", "size(lines) > 0"]
        commands:
          PlaceOrder: OrderPlaced
          ConfirmOrder: {emits: OrderConfirmed, from: placed}
          CancelOrder: {emits: OrderCancelled, from: placed, takes: {reason: string}}
        queries: [GetOrder, SearchOrders]
  stock:
    subdomain: supporting
    team: sales
    stack: python
    aggregates:
      Stock:
        key: sku
        fields: {sku: string, onHand: int, reserved: int}
        invariants: ["0 <= reserved", "reserved <= onHand"]
        commands:
          OpenStock: {emits: StockOpened, takes: [sku], changes: {onHand: 0, reserved: 0}}
          ReplenishStock: {emits: StockReplenished, takes: {quantity: int}, changes: {onHand: onHand + quantity}}
          ReserveStock:
            emits: StockReserved
            or: StockShort
            takes: {orderId: uuid, customerId: uuid, quantity: int}
            changes: {reserved: reserved + quantity}
          ReleaseStock:
            emits: StockReleased
            takes: {orderId: uuid, customerId: uuid, quantity: int}
            changes: {reserved: reserved - quantity}
        queries: [GetStock]
  shipping:
    subdomain: supporting
    team: sales
    stack: python
    aggregates:
      Shipment:
        fields: {orderId: uuid, customerId: uuid}
        states: [created, dispatched]
        partition-by: customerId
        commands:
          CreateShipment: ShipmentCreated
          DispatchShipment: {emits: ShipmentDispatched, from: created}
        queries: [GetShipment]
    policies: {OrderConfirmed: DispatchShipment}
sagas:
  fulfilment:
    mode: choreography
    steps:
      - {do: PlaceOrder, undo: CancelOrder, with: {reason: rejection}}
      - {do: ReserveStock, undo: ReleaseStock, for-each: lines}
      - pivot CreateShipment
      - ConfirmOrder
"""


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    document, diagnostics = load_text(SHOP)
    assert document is not None, diagnostics
    resolved, found = resolve(document)
    assert resolved is not None, found
    return resolved


@pytest.fixture(scope="module")
def services(fleet: Fleet) -> dict[str, ServiceFacts]:
    builder = FactsBuilder(fleet)
    return {service.name: builder.service(service) for service in fleet.services}


def command(services: dict[str, ServiceFacts], name: str) -> CommandFact:
    return next(item for facts in services.values() for item in facts.commands if item.name.text == name)


def saga(services: dict[str, ServiceFacts]) -> SagaFact:
    return services["order"].sagas[0]


def test_an_example_satisfies_the_invariants(services: dict[str, ServiceFacts]) -> None:
    example = command(services, "PlaceOrder").example
    assert example["lines"]
    assert example["total"]["amount"] == sum(line["quantity"] * line["price"]["amount"] for line in example["lines"])


def test_a_refused_example_and_the_path_before_it_follow_from_the_conditions(
    services: dict[str, ServiceFacts],
) -> None:
    reserve = command(services, "ReserveStock")
    assert reserve.path == ("OpenStock", "ReplenishStock")
    assert reserve.example["quantity"] == command(services, "ReplenishStock").example["quantity"]
    assert reserve.refused_example is not None
    assert reserve.refused_example["quantity"] > reserve.example["quantity"]
    assert command(services, "ConfirmOrder").path == ("PlaceOrder",)
    assert command(services, "ConfirmOrder").refused_example is None


def test_scenarios_lead_into_each_end(services: dict[str, ServiceFacts]) -> None:
    happy, short = saga(services).scenarios
    assert (happy.refused_with, happy.ends) == ("", "completed")
    assert (short.refused_with, short.ends) == ("StockShort", "compensated")
    assert [item.command for item in happy.prerequisites] == ["OpenStock", "ReplenishStock"]
    assert {item.input["sku"] for item in happy.prerequisites} == {happy.input["lines"][0]["sku"]}
    assert short.input["lines"][0]["quantity"] > happy.input["lines"][0]["quantity"]


def test_each_service_hears_what_its_part_of_the_saga_needs(services: dict[str, ServiceFacts]) -> None:
    heard = {
        name: {event for topic in facts.subscriptions for event in topic.events} for name, facts in services.items()
    }
    assert heard["stock"] >= {"OrderPlaced", "StockReserved", "StockShort"}
    assert heard["shipping"] >= {"OrderPlaced", "StockReserved", "OrderConfirmed"}
    assert heard["order"] >= {"StockReserved", "StockShort", "StockReleased", "ShipmentCreated", "OrderPlaced"}
    notices = {topic.topic for topic in services["stock"].subscriptions}
    assert saga(services).fulfilment_topic in notices
    assert saga(services).fulfilment_topic in {topic.name for topic in services["order"].topics}


def test_every_topic_that_is_read_is_somebodys(services: dict[str, ServiceFacts]) -> None:
    written = {topic.name for facts in services.values() for topic in facts.topics}
    read = {topic.topic for facts in services.values() for topic in facts.subscriptions}
    assert read <= written


def test_foreign_messages_come_with_their_values(services: dict[str, ServiceFacts]) -> None:
    assert "OrderLine" in {value.name.text for value in services["stock"].values}
    assert all(event.owner != "stock" for event in services["stock"].foreign_events)


def test_a_policy_that_finds_by_a_field_gets_its_index(services: dict[str, ServiceFacts]) -> None:
    (policy,) = services["shipping"].policies
    assert policy.found_by == "orderId"
    assert ("order_id", "id") in services["shipping"].aggregates[0].indexes


def test_schemas_are_valid_avro(services: dict[str, ServiceFacts]) -> None:
    for facts in services.values():
        for message in (*facts.events, *facts.commands, *facts.foreign_events):
            fastavro.parse_schema(message.avro)


def test_routes_are_unique_and_speak_rest(services: dict[str, ServiceFacts]) -> None:
    for facts in services.values():
        routes = [(item.route.method, item.route.path) for item in (*facts.commands, *facts.queries)]
        assert len(routes) == len(set(routes))
    assert command(services, "PlaceOrder").route.path == "/orders"
    assert command(services, "ConfirmOrder").route.path == "/orders/{id}/confirm"
    assert command(services, "ReserveStock").route.path == "/stocks/{sku}/reserve"


def test_facts_round_trip_as_json(services: dict[str, ServiceFacts]) -> None:
    for facts in services.values():
        assert ServiceFacts.model_validate_json(facts.model_dump_json()) == facts


WATCH = """
  watch:
    subdomain: supporting
    team: sales
    stack: python
    aggregates: {Note: {fields: {text: string}, commands: {TakeNote: NoteTaken}}}
    subscribes: [StockOpened, StockReplenished, OrderConfirmed]
    unordered: [StockOpened, StockReplenished]
sagas:
"""


def test_what_cannot_be_handled_has_topics_of_its_own() -> None:
    """Four more where order does not matter: all that is heard on the topic is listed, and no saga is heard there."""
    text = SHOP.replace("\nsagas:\n", WATCH) + "platform: {dead-letters: {retention: 3d, then: advance}}\n"
    document, _ = load_text(text)
    assert document is not None
    resolved, found = resolve(document)
    assert resolved is not None, found
    builder = FactsBuilder(resolved)
    watch = next(builder.service(service) for service in resolved.services if service.name == "watch")
    assert {each.topic: each.ordered for each in watch.subscriptions} == {
        "shop.order.order.events": True,
        "shop.stock.stock.events": False,
    }
    assert (watch.limits.on_dead_letter, watch.limits.dead_letter_retention) == ("advance", 3 * 86400.0)
    own = {topic.name: topic for topic in watch.recovery_topics}
    first, second = "shop.order.order.events.shop.watch", "shop.stock.stock.events.shop.watch"
    free = [f"{second}.retry.{level}" for level in range(5)]
    assert list(own) == [f"{first}.retry.0", f"{first}.dlq", *free, f"{second}.dlq"]
    assert (own[f"{second}.dlq"].partitions, own[f"{second}.dlq"].retention) == (1, 3 * 86400.0)
    assert own.keys() <= {topic.name for topic in builder.monorepo().topics}
    stock = next(builder.service(service) for service in resolved.services if service.name == "stock")
    assert all(each.ordered for each in stock.subscriptions)


def test_what_feeds_a_copy_stays_in_order_whatever_else_is_free() -> None:
    text = SHOP.replace(
        "\nsagas:\n",
        WATCH.replace("    unordered:", "    copies: {stocks: {from: [StockOpened], key: sku}}\n    unordered:"),
    )
    document, _ = load_text(text)
    assert document is not None
    resolved, found = resolve(document)
    assert resolved is not None, found
    watch = next(service for service in resolved.services if service.name == "watch")
    subscriptions = {each.topic: each for each in FactsBuilder(resolved).service(watch).subscriptions}
    assert subscriptions["shop.stock.stock.events"].ordered
