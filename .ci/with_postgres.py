"""Run a command beside a real PostgreSQL on loopback, which it finds in POSTGRES_URL.

Usage: with_postgres.py COMMAND [ARGUMENT …]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "service-templates/python/chassis/tests"))

from servers import postgres


def main(command: list[str]) -> int:
    """Exit code of the command; the server ends with it."""
    with postgres() as url:
        return subprocess.run(command, env={**os.environ, "POSTGRES_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
