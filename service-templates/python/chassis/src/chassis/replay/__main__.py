"""The command line. Exit codes: 0 all agree, 1 some do not, 2 a file cannot be replayed."""

from __future__ import annotations

import sys
from pathlib import Path

from chassis.replay.traces import NotReplayable, replayed

SHOWN = 10


def main(paths: list[str]) -> int:
    """Replay the files and print what became of them."""
    if not paths:
        print("usage: python -m chassis.replay FILE …", file=sys.stderr)
        return 2
    found = 0
    try:
        for path in paths:
            result = replayed(Path(path))
            for difference in result.differences[:SHOWN]:
                print(f"{path}: {difference}")
            if len(result.differences) > SHOWN:
                print(f"{path}: {len(result.differences) - SHOWN} more")
            found += len(result.differences)
            print(f"{', '.join(result.cores)}: {result.traces} traces, {result.steps} steps")
    except NotReplayable as reason:
        print(reason, file=sys.stderr)
        return 2
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
