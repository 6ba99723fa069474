"""The tiny service as a process: `python tiny_main.py FACTS.json TABLES.sql`."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from chassis.service import run
from tiny_parts import orders
from tiny_service import tiny_service

if __name__ == "__main__":
    more = json.loads(Path(sys.argv[1]).read_text())
    pause = float(os.environ.get("TINY_PAUSE", "0"))
    run(tiny_service(orders(), Path(sys.argv[2]), before_place=lambda: time.sleep(pause), **more))
