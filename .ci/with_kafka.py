"""Run a command beside a real Kafka broker on loopback, which it finds in KAFKA_BOOTSTRAP.

Usage: with_kafka.py COMMAND [ARGUMENT …]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from fleetgen.runtime.broker.provider import broker_of
from fleetgen.runtime.broker.topics import await_broker
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.ports import keep_ports
from fleetgen.runtime.process import Child


def main(command: list[str]) -> int:
    """Exit code of the command; the broker ends with it."""
    with tempfile.TemporaryDirectory(prefix="fleetgen-ci-") as place:
        folder = FleetFolder(Path(place))
        folder.create()
        port = keep_ports(folder, ("broker", "controller"))["broker"]
        broker = broker_of("kafka", folder.path / "kafka", folder.log("broker"), port, 3)
        broker.prepare(lambda _: None)
        child = Child(broker.launch(), "ci", lambda *_: None)
        try:
            bootstrap = await_broker(broker.bootstrap, 120, lambda: not child.exited.is_set())
            return subprocess.run(command, env={**os.environ, "KAFKA_BOOTSTRAP": bootstrap}, check=False).returncode
        finally:
            child.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
