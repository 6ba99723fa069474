"""The small broker: franz-go's kfake with its data on disk, built once by Go from the sources beside this file."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import Final

from fleetgen.runtime.events import Listener, Preparing, RuntimeProblem
from fleetgen.runtime.lab import lab, once, run_tool
from fleetgen.runtime.process import Launch
from fleetgen.runtime.tools import go, go_version, plain_environment

_SOURCES = ("main.go", "go.mod", "go.sum")
_GO_LEAST = (1, 26)


class KfakeBroker:
    """A broker of ten megabytes that is there in a blink."""

    kind: Final = "kfake"
    promise = (
        "kfake, a small broker with Kafka's protocol: keeps what it acknowledged, over restarts and kills; no replicas"
    )
    admin = True

    def __init__(self, data: Path, log: Path, port: int, partitions: int) -> None:
        """Listen on `port`."""
        self._data, self._log, self._port, self._partitions = data, log, port, partitions

    @staticmethod
    def missing() -> str:
        """Go, unless it was built before."""
        if _place().exists():
            return ""
        program = go()
        if program is None:
            return "it is built by Go, which is not there"
        if go_version(program) < _GO_LEAST:
            return f"it is built by Go {_GO_LEAST[0]}.{_GO_LEAST[1]} or newer"
        return ""

    def prepare(self, listen: Listener) -> None:
        """Build it, once per machine."""
        kfake_binary(listen)
        self._data.mkdir(parents=True, exist_ok=True)

    def launch(self) -> Launch:
        """A static binary."""
        arguments = (str(_place() / "kfake"), "-port", str(self._port), "-data", str(self._data))
        return Launch(
            name="broker",
            arguments=(*arguments, "-partitions", str(self._partitions)),
            folder=self._data,
            log=self._log,
            environment=plain_environment(),
            grace=10,
        )

    def bootstrap(self) -> str:
        """Known before it starts."""
        return f"127.0.0.1:{self._port}"


def _texts() -> dict[str, str]:
    folder = resources.files("fleetgen.runtime.broker") / "resources" / "kfake"
    return {name: (folder / name).read_text() for name in _SOURCES}


def _place() -> Path:
    digest = hashlib.sha256("\0".join(_texts()[name] for name in _SOURCES).encode())
    return lab() / f"kfake-{digest.hexdigest()[:12]}"


def kfake_binary(listen: Listener) -> Path:
    """The broker's binary, built once per machine; other sources are another binary."""
    place = _place()
    if place.exists():
        return place / "kfake"
    program = go()
    if program is None:
        raise RuntimeProblem("the small broker is not built, nor is Go there to build it", "install Go")
    listen(Preparing("the small broker: building it once, about half a minute"))

    def build(folder: Path) -> None:
        for name, text in _texts().items():
            (folder / name).write_text(text)
        wishes = {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-mod=readonly -buildvcs=false",
            "GOWORK": "off",
        }
        command = (str(program), "build", "-p", "2", "-trimpath", "-ldflags", "-s -w", "-o", "kfake", ".")
        run_tool("building the small broker", command, folder, plain_environment(wishes), 900)

    return once(place.name, build) / "kfake"
