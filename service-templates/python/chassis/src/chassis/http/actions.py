"""Manual interventions in messages: each is done once, on the version that the operator has seen, and is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from chassis.http.orders import Order
from chassis.http.problem import Problem
from chassis.work import Connection

MOST = 200
# Two operators at the same thing take turns.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_DONE = "SELECT result FROM admin_action WHERE op = %s AND target = %s AND version = %s AND actor = %s"
_RECORD = "INSERT INTO admin_action (op, target, version, actor, reason, result) VALUES (%s, %s, %s, %s, %s, %s)"
_LIST = "SELECT op, target, version, actor, reason, result, at FROM admin_action ORDER BY id DESC LIMIT %s"


def once(
    connection: Connection,
    op: str,
    target: str,
    order: Order,
    *,
    version: Callable[[], str],
    act: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Do it unless this person has done it to this version already; gives what came of it then.

    `version` gives the present one or raises what is to be said when the thing is gone.
    """
    connection.execute(_LOCK, (target,))
    row = connection.execute(_DONE, (op, target, order.version, order.actor)).fetchone()
    if row is not None:
        known: dict[str, Any] = row[0]
        return known
    present = version()
    if present != order.version:
        raise Problem(409, "version-stale", "It has changed since", f"its version is {present}, not {order.version}")
    result = act()
    record(connection, op, target, order, result)
    return result


def record(connection: Connection, op: str, target: str, order: Order, result: dict[str, Any]) -> None:
    """Keep who did what and why."""
    connection.execute(_RECORD, (op, target, order.version, order.actor, order.reason, Jsonb(result)))


def actions(connection: Connection) -> list[dict[str, Any]]:
    """The latest interventions, the newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_LIST, (MOST,)).fetchall()
