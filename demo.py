"""`make demo`: generate a fleet, start it on real servers, run its transactions, show the trace, end everything.

Usage: python demo.py [SAMPLE [OPTION …]]; without arguments the e-commerce fleet of nine services. Every step is a
command a person could type; this file only types them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

FLEETGEN = [sys.executable, "-m", "fleetgen.cli.main"]


def step(*arguments: str, cwd: Path | None = None) -> int:
    """Show a command and run it."""
    print(f"\n$ fleetgen {' '.join(arguments)}", flush=True)
    return subprocess.run([*FLEETGEN, *arguments], cwd=cwd, check=False).returncode


def main(sample: str, *options: str) -> int:
    """Exit code 0 when every transaction ended as the specification says."""
    fleet = Path(tempfile.mkdtemp(prefix="fleetgen-demo-")) / sample
    if step("new", "--from", sample, *options, str(fleet)):
        return 1
    try:
        failed = step("up", "-d", cwd=fleet) or step("smoke", cwd=fleet)
    finally:
        step("down", cwd=fleet)
    print(f"\nThe fleet is in {fleet}; its architecture report in {fleet / 'docs' / 'report'}")
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main(*(sys.argv[1:] or ["ecommerce", "--stack", "python"])))
    except KeyboardInterrupt:
        sys.exit(130)
