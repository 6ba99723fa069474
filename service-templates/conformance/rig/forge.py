"""Records and outbox rows of the suite's own, as a service would write them."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import fastavro
import psycopg
from psycopg.types.json import Jsonb

from rig.bus import Record
from rig.fleet import Fleet

SOURCE = "/fleet/probe/forge"
BUCKETS = 64


def bucket(key: str) -> int:
    """FNV-1a over 32 bits, modulo the number of buckets."""
    digest = 0x811C9DC5
    for byte in key.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest % BUCKETS


def headers_of(ce_type: str, key: str, **more: str) -> dict[str, str]:
    """An envelope without its sequence."""
    identity = str(uuid.uuid4())
    return {
        "content-type": "application/avro",
        "ce_specversion": "1.0",
        "ce_id": identity,
        "ce_source": SOURCE,
        "ce_type": ce_type,
        "ce_time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_subject": key,
        "ce_partitionkey": key,
        "ce_correlationid": identity,
        **more,
    }


def encode(fleet: Fleet, like: Record, data: Mapping[str, Any]) -> bytes:
    """A value of the same schema as a record that lies on the bus."""
    found = next(fleet.root.glob(f"contracts/events/{like.ce_type}.avsc"))
    schema = fastavro.parse_schema(json.loads(found.read_text()))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, dict(data))
    assert like.value is not None
    return like.value[:5] + out.getvalue()


def decode(fleet: Fleet, record: Record) -> dict[str, Any]:
    """What an event says."""
    found = next(fleet.root.glob(f"contracts/events/{record.ce_type}.avsc"))
    assert record.value is not None
    read = fastavro.schemaless_reader(
        io.BytesIO(record.value[5:]), fastavro.parse_schema(json.loads(found.read_text()))
    )
    assert isinstance(read, dict)
    return read


class Forge:
    """Writes counters' events for one fresh key, in any order and as often as wished."""

    TOPIC = "probe.counter.counter.events"

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.key = fleet, f"forged-{uuid.uuid4().hex[:8]}"
        self._likes = {}
        for record in fleet.bus.of(self.TOPIC):
            if not record.by_suite:
                self._likes.setdefault(record.ce_type, record)
        self.made: dict[int, tuple[dict[str, str], bytes]] = {}

    def message(self, sequence: int) -> tuple[dict[str, str], bytes]:
        """The first opens the counter; each later one adds its sequence number."""
        if sequence not in self.made:
            event = "CounterOpened" if sequence == 1 else "CounterIncreased"
            like = next(record for kind, record in self._likes.items() if f".{event}." in kind)
            total = sum(range(2, sequence + 1))
            data = {"name": self.key, "total": total, "amount": sequence}
            value = encode(self.fleet, like, data if sequence > 1 else {"name": self.key, "total": 0})
            self.made[sequence] = headers_of(like.ce_type, self.key, ce_sequence=f"{sequence:020d}"), value
        return self.made[sequence]

    def write(self, *sequences: int, partition: int | None = None) -> None:
        """In this order; all lie in one partition."""
        for sequence in sequences:
            headers, value = self.message(sequence)
            self.fleet.bus.write(self.TOPIC, self.key, headers, value, partition)
        self.fleet.bus.flush()

    def tallied(self) -> tuple[int, int] | None:
        """What the consumer made of it: its own sum, and the counter's as last seen."""
        rows = self.fleet.sql("tally", "SELECT total, seen FROM tallies WHERE name = %s", self.key)
        return rows[0] if rows else None

    def parked(self) -> list[tuple[int, str]]:
        """Sequence and reason of what waits."""
        query = "SELECT key_seq::int, reason FROM inbox_parked WHERE msg_key = %s ORDER BY key_seq"
        return self.fleet.sql("tally", query, self.key)


def append(connection: psycopg.Connection[Any], topic: str, key: str, source: str) -> str:
    """A row in the outbox of the service that is that source, in the transaction of the connection; its id.

    Nobody handles its type.
    """
    headers = headers_of("probe.Written.v1", key, **{"content-type": "application/json", "ce_source": source})
    arguments = (topic, key, bucket(key), headers["ce_id"], headers["ce_type"], Jsonb(headers), b"{}")
    connection.execute("SELECT outbox_append(%s, %s, %s::smallint, %s, %s, %s, %s)", arguments)
    return headers["ce_id"]
