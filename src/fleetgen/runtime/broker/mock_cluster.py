"""The process behind the stopgap broker: `python -m … ADDRESS_FILE PARTITIONS`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from confluent_kafka import Producer

from fleetgen.runtime.folder import write_atomically


def main(address: Path, partitions: int) -> None:
    """Hold a mock cluster until a signal asks to end; write its address once it answers."""
    wishes = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, wishes)
    producer = Producer({
        "test.mock.num.brokers": 1,
        "test.mock.broker.rtt": 0,
        "topic.metadata.refresh.interval.ms": -1,
    })  # fmt: skip
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    write_atomically(address, f"{broker.host}:{broker.port}\n")
    signal.sigwait(wishes)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
