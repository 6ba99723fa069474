"""The stopgap broker: the mock cluster inside librdkafka, in a process of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Final

from fleetgen.runtime.events import Listener
from fleetgen.runtime.process import Launch
from fleetgen.runtime.tools import own_environment


class MockBroker:
    """Needs nothing but a wheel, and keeps little."""

    kind: Final = "mock"
    promise = (
        "librdkafka's mock cluster: forgets everything when it stops, keeps about 5 MB a partition, "
        "makes topics on first use; good for a look, not for a proof"
    )
    admin = False

    def __init__(self, data: Path, log: Path, port: int, partitions: int) -> None:
        """It chooses its own port: `port` is not used."""
        self._data, self._log, self._partitions = data, log, partitions

    @staticmethod
    def missing() -> str:
        """The wheel."""
        return "" if importlib.util.find_spec("confluent_kafka") else "it needs the extra `fleetgen[run]`"

    def prepare(self, listen: Listener) -> None:
        """Forget the address of last time."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._address.unlink(missing_ok=True)

    def launch(self) -> Launch:
        """A Python process that only holds the cluster."""
        module = "fleetgen.runtime.broker.mock_cluster"
        return Launch(
            name="broker",
            arguments=(sys.executable, "-m", module, str(self._address), str(self._partitions)),
            folder=self._data,
            log=self._log,
            environment=own_environment(),
            grace=5,
        )

    def bootstrap(self) -> str:
        """What the process wrote."""
        return self._address.read_text().strip() if self._address.exists() else ""

    @property
    def _address(self) -> Path:
        return self._data / "address"
