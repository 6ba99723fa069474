"""`SearchOrders`, a query for an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chassis import paging
from chassis.work import UnitOfWork

from starter_order.domain.order import Order
from starter_order.gen.messages import SearchOrders, SearchOrdersResult
from starter_order.gen.ports import OrderRepository


@dataclass(frozen=True)
class SearchOrdersHandler:
    """Answers `SearchOrders`."""

    orders: OrderRepository[Order]

    def __call__(
        self,
        query: SearchOrders,
        page: paging.PageRequest,
        work: UnitOfWork,
        /,
    ) -> paging.Page[SearchOrdersResult]:
        """Give those that match every filter that is set, in the order of their keys."""
        filters: dict[str, Any] = {
            "id": query.id,
            "customer_id": query.customer_id,
            "address": query.address,
            "state": query.state,
        }
        found = self.orders.page(work, filters, page.after, page.limit)
        return paging.Page(tuple(_result(item) for item in found.items), found.next)


def _result(order: Order) -> SearchOrdersResult:
    return SearchOrdersResult(
        id=order.id,
        customer_id=order.customer_id,
        lines=order.lines,
        total=order.total,
        address=order.address,
        state=order.state,
    )
