"""The messages of sagas in their envelopes: commands, replies and notices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from chassis.codec import JSON
from chassis.dispatch import REPLY
from chassis.saga.acting import Acting
from chassis.saga.flow import part_text
from chassis.saga.history import Notice
from chassis.saga.instance import Reply, SendCommand
from chassis.work import MessageContext, Outgoing, SagaHeaders, UnitOfWork


class Envelopes(Protocol):
    """What sagas need of `chassis.outbox.EventOutbox`."""

    def message(
        self,
        ce_type: str,
        wire: Mapping[str, Any],
        *,
        topic: str,
        key: str,
        context: MessageContext,
        subject: str = "",
        headers: Mapping[str, str] | None = None,
        ce_id: UUID | None = None,
    ) -> Outgoing:
        """A message that the codec knows."""

    def envelope(
        self,
        *,
        topic: str,
        key: str,
        ce_type: str,
        payload: bytes | None,
        context: MessageContext,
        subject: str,
        content_type: str = ...,
        schema: str = "",
        headers: Mapping[str, str] | None = None,
        ce_id: UUID | None = None,
    ) -> Outgoing:
        """A payload that is in wire format already."""


def command(outbox: Envelopes, acting: Acting, sent: SendCommand, reply_to: str) -> None:
    """Send the command of one part. Inputs that are not complete travel as JSON; the participant adds its own."""
    work, step = acting.work, acting.flow.step(sent.seq)
    saga = SagaHeaders(
        id=acting.saga_id,
        type=acting.flow.name,
        step=step.name,
        direction=sent.direction,
        part=part_text(sent.index, sent.total) if step.for_each else "",
        version=acting.flow.saga.version,
    )
    headers = {**saga.headers(), "ce_replyto": reply_to}
    if sent.expires_at is not None:
        headers["ce_expirytime"] = sent.expires_at.isoformat()
    ce_type = step.command_type if sent.direction == "forward" else step.undo_type
    key = acting.key
    if sent.complete:
        message = outbox.message(
            ce_type,
            sent.inputs,
            topic=step.command_topic,
            key=key,
            context=work.context,
            headers=headers,
            ce_id=sent.command_id,
        )
    else:
        message = outbox.envelope(
            topic=step.command_topic,
            key=key,
            ce_type=ce_type,
            payload=_json(sent.inputs),
            context=work.context,
            subject=key,
            content_type=JSON,
            headers=headers,
            ce_id=sent.command_id,
        )
    work.append(message)


def reply(outbox: Envelopes, work: UnitOfWork, saga: SagaHeaders, event_type: str, answer: Reply) -> None:
    """Answer a command: with the event it led to, or with the reason why there is none."""
    headers = {**saga.headers(), "ce_outcome": answer.outcome}
    if answer.outcome != "succeeded":
        headers |= {"ce_errorcode": answer.error or answer.event, "ce_retryable": str(answer.retryable).lower()}
    context = replace(work.context, causation_id=str(answer.command_id))
    key = str(saga.id)
    if event_type:
        message = outbox.message(
            event_type, answer.payload, topic=saga.reply_to, key=key, context=context, headers=headers
        )
    else:
        message = outbox.envelope(
            topic=saga.reply_to,
            key=key,
            ce_type=REPLY,
            payload=_json({"error": answer.error}),
            context=context,
            subject=key,
            content_type=JSON,
            headers=headers,
        )
    work.append(message)


def notice(outbox: Envelopes, acting: Acting, given: Notice, reason: str = "") -> None:
    """Publish a word about the saga on its fulfilment topic."""
    key, flow = acting.key, acting.flow
    known = {
        "sagaId": key,
        "sagaType": flow.name,
        "step": given.step,
        "reason": reason,
        "force": given.force,
        "history": dict(given.history),
    }
    acting.work.append(
        outbox.envelope(
            topic=flow.saga.fulfilment_topic,
            key=key,
            ce_type=given.type,
            payload=_json({name: value for name, value in known.items() if value}),
            context=acting.work.context,
            subject=key,
            content_type=JSON,
            headers=SagaHeaders(
                id=acting.saga_id, type=flow.name, step=given.step, version=flow.saga.version
            ).headers(),
        )
    )


def read_notice(ce_type: str, wire: Mapping[str, Any]) -> Notice:
    """The notice that a record says."""
    return Notice(
        type=ce_type, step=wire.get("step", ""), force=bool(wire.get("force")), history=wire.get("history", {})
    )


def read_time(text: str) -> datetime | None:
    """A moment from a header; `None` for none or a text that is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()
