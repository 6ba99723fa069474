"""Sagas to test with, written as the facts would say them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.definition import Saga
from chassis.saga.flow import Flow

START = datetime(2026, 1, 1, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def ids(first: int = 1) -> Callable[[], UUID]:
    """Identifiers that count up."""
    numbers = itertools.count(first)
    return lambda: UUID(int=next(numbers) << 16)


def name(text: str) -> dict[str, str]:
    return {"text": text, "snake": text.lower(), "kebab": text.lower(), "pascal": text}


def bound(**inputs: str | None) -> list[dict[str, Any]]:
    """`sku="item.sku"`, `orderId="OrderPlaced.orderId"`, `reason="rejection"`, `note=None` for left out."""
    return [{"input": key, "source": source(text)} for key, text in inputs.items()]


def source(text: str | None) -> dict[str, Any]:
    if text is None:
        return {"kind": "absent"}
    head, *path = text.split(".")
    if head == "rejection":
        return {"kind": "rejection"}
    if head == "item":
        return {"kind": "item", "path": path}
    if head.startswith("="):
        return {"kind": "literal", "value": head[1:]}
    return {"kind": "message", "message": head, "path": path}


def step(do: str, service: str, *, kind: str = "compensatable", undo: str = "", **more: Any) -> dict[str, Any]:
    """`Place` succeeds with `PlaceDone`, may refuse with `PlaceRefused`, and is undone with `<Undo>Done`."""
    return {
        "name": do,
        "service": service,
        "kind": kind,
        "call": False,
        "route": {"method": "POST", "path": f"/{do.lower()}"},
        "command_topic": f"shop.{service}.commands",
        "command_type": f"{service}.{do}.v1",
        "succeeds_with": f"{do}Done",
        "refuses_with": f"{do}Refused" if kind != "retriable" else "",
        "undo": undo,
        "undo_type": f"{service}.{undo}.v1" if undo else "",
        "undone_with": f"{undo}Done" if undo else "",
        "bindings": bound(orderId="PlaceDone.orderId"),
        "undo_bindings": bound(orderId="PlaceDone.orderId") if undo else [],
        "within": 60.0,
        **more,
    }


def flow(*steps: dict[str, Any], mode: str = "orchestration", timeout: float = 300.0) -> Flow:
    return Flow(
        Saga.model_validate(
            {
                "name": name("fulfil"),
                "mode": mode,
                "owner": "order",
                "version": 1,
                "timeout": timeout,
                "stuck": "manual",
                "steps": list(steps),
                "fulfilment_topic": "shop.order.fulfilment",
            }
        )
    )


def plain(mode: str = "orchestration", **more: Any) -> Flow:
    """Two steps with an undo, one without, the pivot, and one behind it."""
    return flow(
        step("Place", "order", undo="Cancel", undo_bindings=bound(orderId="PlaceDone.orderId", reason="rejection")),
        step("Authorize", "payment", undo="Void", undo_bindings=bound(id="AuthorizeDone.id")),
        step("Check", "risk"),
        step("Capture", "payment", kind="pivot"),
        step("Confirm", "order", kind="retriable"),
        mode=mode,
        **more,
    )


def fanned(mode: str = "orchestration") -> Flow:
    """A step for each line, which an undo follows for each line."""
    return flow(
        step("Place", "order", undo="Cancel"),
        step(
            "Reserve",
            "stock",
            undo="Release",
            for_each=source("PlaceDone.lines"),
            bindings=bound(sku="item.sku", quantity="item.quantity", orderId="PlaceDone.orderId"),
            undo_bindings=bound(sku="item.sku", reservation="ReserveDone.reservation"),
        ),
        step("Capture", "payment", kind="pivot"),
        mode=mode,
    )


PLACED = {"orderId": "o-1", "lines": [{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": 2}]}
