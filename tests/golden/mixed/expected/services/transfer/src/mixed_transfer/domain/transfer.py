"""The aggregate `Transfer`: its state, and what it answers to each command.

Nothing here reads or writes anything: a decision is a function of the state and the command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from chassis.domain import Accepted, IllegalState

from mixed_transfer.gen.messages import (
    DropTransfer,
    Item,
    SettleTransfer,
    StartTransfer,
    TransferDropped,
    TransferSettled,
    TransferStarted,
)


class TransferState(StrEnum):
    """What a transfer goes through."""

    STARTED = "started"
    SETTLED = "settled"
    DROPPED = "dropped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """A transfer as it is between two commands."""

    id: UUID
    from_: UUID
    to: UUID
    items: tuple[Item, ...]
    type_: str | None
    score: Decimal
    state: TransferState


def start_transfer(command: StartTransfer, identity: UUID) -> Accepted[Transfer, TransferStarted]:
    """Answer `StartTransfer`."""
    transfer = Transfer(
        id=identity,
        from_=command.from_,
        to=command.to,
        items=command.items,
        type_=command.type_,
        score=command.score,
        state=TransferState.STARTED,
    )
    event = TransferStarted(
        transfer_id=transfer.id,
        from_=command.from_,
        to=command.to,
        items=command.items,
        type_=command.type_,
        score=command.score,
    )
    return Accepted(transfer, event)


def settle_transfer(transfer: Transfer, command: SettleTransfer) -> Accepted[Transfer, TransferSettled]:
    """Answer `SettleTransfer`."""
    allowed = [TransferState.STARTED]
    if transfer.state not in allowed:
        raise IllegalState("SettleTransfer", transfer.state, allowed)
    after = replace(transfer, state=TransferState.SETTLED)
    event = TransferSettled(transfer_id=after.id, from_=after.from_, items=after.items)
    return Accepted(after, event)


def drop_transfer(transfer: Transfer, command: DropTransfer) -> Accepted[Transfer, TransferDropped]:
    """Answer `DropTransfer`."""
    allowed = [TransferState.STARTED]
    if transfer.state not in allowed:
        raise IllegalState("DropTransfer", transfer.state, allowed)
    after = replace(transfer, state=TransferState.DROPPED)
    event = TransferDropped(transfer_id=after.id, from_=after.from_, reason=command.reason)
    return Accepted(after, event)
