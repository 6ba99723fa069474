"""The tiny service as a process: `python tiny_main.py FACTS.json TABLES.sql`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from chassis import faults
from chassis.service import run
from tiny_parts import orders
from tiny_service import tiny_service


def die_at(label: str) -> None:
    """Let the process kill itself when it passes that point."""

    def hook(passed: str, _: str) -> None:
        if passed == label:
            os.kill(os.getpid(), signal.SIGKILL)

    faults.install(hook)


if __name__ == "__main__":
    if "TINY_DIE_AT" in os.environ:
        die_at(os.environ["TINY_DIE_AT"])
    more = json.loads(Path(sys.argv[1]).read_text())
    pause = float(os.environ.get("TINY_PAUSE", "0"))
    run(tiny_service(orders(), Path(sys.argv[2]), before_place=lambda: time.sleep(pause), **more))
