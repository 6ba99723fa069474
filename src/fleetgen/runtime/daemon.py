"""The supervisor of a detached fleet: `python -m fleetgen.runtime.daemon ROOT OPTIONS_AS_JSON`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fleetgen.runtime.events import Event, Failed, RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.running import text_of, up


def main(root: Path, options: UpOptions) -> int:
    """Run the fleet until a signal ends it; events go to the fleet's folder."""
    with FleetFolder(root).events_file.open("a", buffering=1) as stream:
        told: list[Event] = []

        def tell(event: Event) -> None:
            told.append(event)
            del told[:-20]
            stream.write(text_of(event) + "\n")

        try:
            running = up(root, options, tell)
        except RuntimeProblem as problem:
            if not any(isinstance(event, Failed) for event in told):
                tell(Failed(problem.message, problem.hint))
            return 1
        running.wait()
    return 0


if __name__ == "__main__":
    wishes = {**json.loads(sys.argv[2]), "detach": False}
    sys.exit(main(Path(sys.argv[1]), UpOptions.from_json(wishes)))
