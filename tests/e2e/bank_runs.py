"""The banking example's saga: a transfer that is settled, and both ways in which it is rejected."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from e2e.live_fleet import LiveFleet
from e2e.runs import Expected, Row, Scenario

FLAGGED_FROM = 5_000_000


def _transfer(amount: int) -> dict[str, Any]:
    return {
        "from": str(uuid.uuid4()),
        "to": str(uuid.uuid4()),
        "amount": {"amount": amount, "currency": "EUR"},
    }


def _plain(live: LiveFleet) -> dict[str, Any]:
    return _transfer(1200)


def _large(live: LiveFleet) -> dict[str, Any]:
    return _transfer(FLAGGED_FROM)


def _to_itself(live: LiveFleet) -> dict[str, Any]:
    given = _transfer(1200)
    return {**given, "to": given["from"]}


def _rows(given: Mapping[str, Any], key: str, state: Row, entries: list[Row], case: int) -> dict:
    entry = (given["from"], given["to"], given["amount"]["amount"])
    return {
        ("transaction", 'SELECT id::text, state, _version FROM transfers WHERE "from_" = %s', given["from"]): [
            (key, *state)
        ],
        (
            "transaction",
            "SELECT state, _version, debit::text, credit::text, (amount->>'amount')::bigint FROM entries"
            " WHERE transfer_id = %s",
            key,
        ): [(*row, *entry) for row in entries],
        ("risk", "SELECT _version FROM cases WHERE transfer_id = %s", key): [(case,)],
    }


def _settled(given: Mapping[str, Any], key: str) -> Expected:
    return Expected(
        ends="completed",
        rows=_rows(given, key, ("settled", 2), [("posted", 1)], case=1),
        messages={
            "TransferInitiated": 1,
            "TransactionScored": 1,
            "PostEntry": 1,
            "EntryPosted": 1,
            "reply EntryPosted": 1,
            "SettleTransfer": 1,
            "TransferSettled": 1,
            "reply TransferSettled": 1,
        },
    )


def _flagged(given: Mapping[str, Any], key: str) -> Expected:
    return Expected(
        ends="compensated",
        rows=_rows(given, key, ("rejected", 2), [], case=2),
        messages={
            "TransferInitiated": 1,
            "TransactionFlagged": 1,
            "SuspiciousActivityReported": 1,
            "RejectTransfer": 1,
            "TransferRejected": 1,
            "reply TransferRejected": 1,
        },
    )


def _refused(given: Mapping[str, Any], key: str) -> Expected:
    return Expected(
        ends="compensated",
        rows=_rows(given, key, ("rejected", 2), [("refused", 1)], case=1),
        messages={
            "TransferInitiated": 1,
            "TransactionScored": 1,
            "PostEntry": 1,
            "EntryRefused": 1,
            "reply EntryRefused": 1,
            "RejectTransfer": 1,
            "TransferRejected": 1,
            "reply TransferRejected": 1,
        },
    )


SETTLED = Scenario("settled", _plain, _settled)
FLAGGED = Scenario("flagged", _large, _flagged)
REFUSED = Scenario("refused", _to_itself, _refused)
