"""Looks in the topic itself for records that did not arrive."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from chassis.dispatch import Record
from chassis.kafka import in_no_group, librdkafka_log
from chassis.records import record_of

log = logging.getLogger(__name__)

LOOK_BACK = 100_000  # offsets before the record whose predecessor is missing
MOST_SECONDS = 30.0


class TopicReader:
    """Reads a stretch of a partition with a consumer of its own that belongs to no group."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._config = {**in_no_group(bootstrap, f"{group}.refetch"), "enable.partition.eof": True}

    def missing(self, record: Record, after: int) -> Sequence[Record]:
        """The records of the same key and source with sequences behind `after` and before the record's own."""
        last = record.sequence or 0
        found: dict[int, Record] = {}
        consumer = Consumer(self._config, logger=librdkafka_log)
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(record.topic, record.partition), timeout=10.0)
            start = max(low, record.offset - LOOK_BACK)
            consumer.assign([TopicPartition(record.topic, record.partition, start)])
            until = time.monotonic() + MOST_SECONDS
            reached = start
            while reached < high and len(found) < last - after - 1 and time.monotonic() < until:
                for message in consumer.consume(500, timeout=1.0):
                    if message.error() is not None:  # the end of the partition
                        reached = high
                        continue
                    reached = (message.offset() or 0) + 1
                    if message.key() == record.raw_key:
                        _keep(found, record_of(message), record, after)
        except KafkaException as reason:
            log.warning("cannot look for what is missing before %s: %s", record.ce_id, reason)
        finally:
            consumer.close()
        return [found[sequence] for sequence in sorted(found)]


def _keep(found: dict[int, Record], candidate: Record, record: Record, after: int) -> None:
    sequence = candidate.sequence
    if sequence is not None and after < sequence < (record.sequence or 0) and candidate.ce_source == record.ce_source:
        found.setdefault(sequence, candidate)
