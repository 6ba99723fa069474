"""Kafka with a second door: clients that come through it are told to stay behind a proxy."""

from __future__ import annotations

from pathlib import Path

from fleetgen.runtime.broker.kafka import KafkaBroker
from fleetgen.runtime.events import Listener

_SECOND = """\
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{second},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
"""


class TwoDoorBroker(KafkaBroker):
    """One node. `second` is where it listens for the proxy, `proxy` where the proxy does."""

    def __init__(self, data: Path, log: Path, port: int, *, second: int, proxy: int) -> None:
        super().__init__(data, log, port, 3)
        self._doors = {"port": port, "controller": port + 1, "second": second, "proxy": proxy}

    def prepare(self, listen: Listener) -> None:
        """As any; the later lines of the configuration overrule the earlier."""
        super().prepare(listen)
        with self._properties.open("a") as properties:
            properties.write(_SECOND.format(**self._doors))
