"""Flows of sagas: questions about them, and those that traces are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from model.values import Json

TIMEOUT, WITHIN = 300_000, 60_000


def number(flow: Json, name: str) -> int:
    """The number of the step, from 1; 0 for none."""
    return next((seq for seq, step in enumerate(flow["steps"], 1) if step["name"] == name), 0)


def pivot(flow: Json) -> int:
    """The number of the pivot, 0 where there is none."""
    return next((seq for seq, step in enumerate(flow["steps"], 1) if step["kind"] == "pivot"), 0)


def last_that_may_fail(flow: Json) -> int:
    """The pivot; without one, the last step."""
    return pivot(flow) or len(flow["steps"])


def reserve(flow: Json) -> int:
    """Milliseconds at the end that are kept for compensation."""
    return int(flow["timeout"]) // 5


def bound(**inputs: str | None) -> list[Json]:
    """`sku="item.sku"`, `orderId="OrderPlaced.orderId"`, `reason="rejection"`, `a="=text"`, `b=None`: left out."""
    return [{"input": name, "source": source(text)} for name, text in inputs.items()]


def source(text: str | None) -> Json:
    """Where a value comes from."""
    if text is None:
        return {"kind": "absent"}
    if text.startswith("="):
        return {"kind": "literal", "value": text[1:]}
    head, *path = text.split(".")
    if head in ("rejection", "item"):
        return {"kind": head, "path": path}
    return {"kind": "message", "message": head, "path": path}


def step(name: str, service: str, kind: str = "compensatable", undo: str = "", **more: Any) -> Json:
    """`Place` succeeds with `PlaceDone` and is refused with `PlaceRefused`; its undo succeeds with `<undo>Done`."""
    return {
        "name": name,
        "service": service,
        "kind": kind,
        "call": False,
        "within": WITHIN,
        "succeeds_with": f"{name}Done",
        "refuses_with": "" if kind == "retriable" else f"{name}Refused",
        "undo": undo,
        "undone_with": f"{undo}Done" if undo else "",
        "bindings": bound(order="PlaceDone.id"),
        "undo_bindings": bound(order="PlaceDone.id") if undo else [],
        "for_each": None,
        **more,
    }


def flow(steps: Iterable[Json], timeout: int = TIMEOUT) -> Json:
    """A saga's flow."""
    return {"timeout": timeout, "steps": list(steps)}


def placed(**more: Any) -> Json:
    """The step that every flow begins with."""
    return step("Place", "order", undo="Cancel", **more)


FLOWS: dict[str, Json] = {
    "plain": flow(
        [
            placed(undo_bindings=bound(order="PlaceDone.id", reason="rejection", channel="=saga", note=None)),
            step("Authorize", "payment", undo="Void", undo_bindings=bound(id="AuthorizeDone.id")),
            step("Check", "risk"),
            step("Capture", "payment", "pivot", bindings=bound(id="AuthorizeDone.id")),
            step("Confirm", "order", "retriable"),
        ]
    ),
    "no-pivot": flow([placed(), step("Book", "hotel", undo="Unbook"), step("Fly", "air", undo="Unfly", within=20_000)]),
    "pivot-with-undo": flow(
        [
            placed(undo_bindings=bound(order="PlaceDone.id", reason="rejection")),
            step("Score", "risk", undo="Unscore", within=400_000),
            step("Post", "ledger", "pivot", undo="Reverse"),
            step("Settle", "order", "retriable", within=10_000),
            step("Tell", "mail", "retriable"),
        ],
        timeout=120_000,
    ),
    "fan": flow(
        [
            placed(),
            step(
                "Reserve",
                "stock",
                undo="Release",
                for_each=source("PlaceDone.lines"),
                bindings=bound(sku="item.sku", order="PlaceDone.id"),
                undo_bindings=bound(sku="item.sku", id="ReserveDone.id"),
            ),
            step("Pack", "depot", undo="Unpack", for_each=source("ReserveDone"), bindings=bound(id="item.id")),
            step("Capture", "payment", "pivot"),
            step("Ship", "depot", "retriable", for_each=source("PackDone"), bindings=bound(id="item.id")),
        ]
    ),
    "two": flow([placed(), step("Capture", "payment", "pivot")], timeout=60_000),
}

CALLS: dict[str, Json] = {
    "calls": flow(
        [
            placed(undo_bindings=bound(order="PlaceDone.id", reason="rejection")),
            step("Quote", "price", call=True),
            step("Hold", "credit", undo="Free", call=True, within=30_000),
            step("Capture", "payment", "pivot", call=True),
            step("Confirm", "order", "retriable", call=True),
        ]
    ),
    "fanned-calls": flow(
        [
            placed(),
            step(
                "Reserve",
                "stock",
                undo="Release",
                call=True,
                for_each=source("PlaceDone.lines"),
                bindings=bound(sku="item.sku"),
                undo_bindings=bound(sku="item.sku"),
            ),
            step("Capture", "payment", "pivot"),
        ]
    ),
}
"""Flows with synchronous steps: orchestrated ones only."""
