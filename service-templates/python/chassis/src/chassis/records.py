"""Records as they come from Kafka, and as they are kept while parked: nothing of them is lost."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chassis.dispatch import Record
from chassis.retry_rules import level_of, original_topic
from chassis.work import MessageContext, SagaHeaders

RAW = "_raw"
"""Beside the headers of a parked record when text cannot hold them or its key exactly."""

_INDEXED = ("ce_id", "ce_source")
_INT_MOST, _BIGINT_MOST = 2**31 - 1, 2**63 - 1
_MOST_INDEXED = 512  # bytes; PostgreSQL's indexes end at 2700 for all columns together


def record_of(message: Any) -> Record:
    """A record from what the Kafka client gives."""
    raw_headers = tuple(message.headers() or ())
    raw_key = message.key()
    headers = {name: _text(value) for name, value in raw_headers}
    headers |= {name: _bounded(headers[name]) for name in _INDEXED if name in headers}
    return Record(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        key=_bounded(_text(raw_key)),
        headers=headers,
        payload=message.value(),
        timestamp=message.timestamp()[1],
        raw_key=raw_key,
        raw_headers=raw_headers,
    )


def returned(record: Record, group: str) -> Record:
    """A record of a retry topic as the record that it was: where it lay before it failed the first time."""
    headers = record.headers
    return replace(
        record,
        topic=headers.get("dlq_topic") or original_topic(record.topic, group),
        partition=_number(headers.get("dlq_partition", ""), _INT_MOST, record.partition),
        offset=_number(headers.get("dlq_offset", ""), _BIGINT_MOST, record.offset),
        timestamp=_number(headers.get("dlq_timestamp", ""), _BIGINT_MOST, record.timestamp),
        level=level_of(record.topic),
    )


def _number(text: str, most: int, otherwise: int) -> int:
    """What a header counts, if a database can hold it."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return otherwise
    return number if (number := int(text)) <= most else otherwise


def context_of(record: Record) -> MessageContext:
    """The context in which a record is handled: its own business transaction, caused by it."""
    headers = record.headers
    return MessageContext(
        correlation_id=headers.get("ce_correlationid") or record.ce_id,
        causation_id=record.ce_id,
        saga=SagaHeaders.of(headers),
        caller=record.ce_source or None,
        traceparent=headers.get("ce_traceparent") or headers.get("traceparent"),
    )


def stored_headers(record: Record) -> dict[str, Any]:
    """The headers as a JSON object, with the raw bytes beside them where the object would not be exact."""
    plain = tuple((name, value.encode()) for name, value in record.headers.items())
    if sorted(plain) == sorted(record.raw_headers, key=str) and record.raw_key == record.key.encode():
        return dict(record.headers)
    raw = {"key": _base64(record.raw_key), "headers": [[name, _base64(value)] for name, value in record.raw_headers]}
    return {**record.headers, RAW: raw}


def stored_record(place: tuple[str, int, int], key: str, headers: Mapping[str, Any], payload: bytes | None) -> Record:
    """The record that was parked; `place` is its topic, partition and offset."""
    plain = {name: value for name, value in headers.items() if name != RAW}
    raw = headers.get(RAW)
    if raw is None:
        raw_key: bytes | None = key.encode()
        raw_headers = tuple((name, value.encode()) for name, value in plain.items())
    else:
        raw_key = _bytes(raw["key"])
        raw_headers = tuple((name, _bytes(value)) for name, value in raw["headers"])
    return Record(*place, key, plain, payload, raw_key=raw_key, raw_headers=raw_headers)


def _text(raw: bytes | None) -> str:
    """Text that a database can keep: what is no UTF-8 or NUL is written as an escape."""
    return (raw or b"").decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def _bounded(text: str) -> str:
    """Text that an index can hold; what is longer is known by its digest."""
    if len(text.encode()) <= _MOST_INDEXED:
        return text
    return f"{text[:64]}#{hashlib.sha256(text.encode()).hexdigest()}"


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
