"""What a team answers that comes out of a workshop with two contexts: an order is placed, a shipment follows."""

from __future__ import annotations

from screen import Person

TITLE = 'Do not lose a parcel: "ever" & never # again'


def domain(person: Person) -> None:
    person.answers("called", "parcels")
    person.answers("What business", "Parcels, sent")
    person.answers("achieve", TITLE)
    person.answers("Whose", "org.example.parcels")
    person.answers("replace")
    person.answers("teams", "sales: 4\nharbour: 7")
    person.answers("bounded contexts", "order: core\nshipping: supporting")


def order(person: Person) -> None:
    person.answers("`order` for", "Taking orders")
    person.chooses("owns `order`", "sales")
    person.chooses("may call `order`", "public")
    person.answers("aggregates does `order`")
    person.answers(
        "asked of `Order`",
        "PlaceOrder -> OrderPlaced | OrderRefused if total.amount > 50000\n"
        "CancelOrder(reason: string) from placed -> OrderCancelled",
    )
    person.answers("`Order` know", "customerId: uuid, total: money\naddress: string")
    person.answers("states does `Order`")
    person.answers("read of `Order`", "GetOrder, SearchOrders")
    person.answers("else about `Order`", "partition-by: customerId")
    person.answers("else about `order`", "title: Orders")


def shipping(person: Person) -> None:
    person.answers("`shipping` for", "Parcels on their way")
    person.chooses("owns `shipping`", "harbour")
    person.chooses("may call `shipping`", "internal")
    person.answers("aggregates does `shipping`", "Shipment")
    person.answers("asked of `Shipment`", "CreateShipment -> ShipmentCreated")
    person.answers("`Shipment` know", "orderId: uuid, address: string")
    person.answers("states does `Shipment`")
    person.answers("read of `Shipment`")
    person.answers("else about `Shipment`")
    person.answers("else about `shipping`")


def rest(person: Person) -> None:
    person.answers("event leads", "OrderPlaced -> CreateShipment")
    person.answers("transactions")
    person.answers("Which stack")
    person.answers("keep its data")
    person.chooses("gateway", "kong")
    person.answers("keep events", "14d")
    person.answers("traces is kept")
    person.answers("else about the platform")
    person.answers("busiest time", "20/s")
    person.answers("people use it", "300")
    person.answers("must be good", "99.5%")
    person.answers("95 of 100", "250ms")
    person.answers("else about `parcels`")
