"""`python -m simulation [--first N] [--count N]`: prints the seeds that broke a promise; exit code 1 if any did."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from simulation.fleet import Fleet, Parts
from simulation.invariants import broken
from simulation.wrong import VARIANTS


def failures(seed: int, parts: Parts) -> list[str]:
    """What one seed breaks."""
    fleet = Fleet(seed, parts)
    try:
        fleet.run()
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    return broken(fleet)


def main() -> int:
    """Run the seeds that were asked for."""
    parser = argparse.ArgumentParser(prog="simulation")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--count", type=int, default=1000, help="how many seeds")
    parser.add_argument("--wrong", choices=sorted(VARIANTS), help="a fleet that has this wrong")
    given = parser.parse_args()
    parts, bad, started = VARIANTS[given.wrong] if given.wrong else Parts(), 0, time.monotonic()
    seeds = range(given.first, given.first + given.count)
    with ProcessPoolExecutor() as pool:
        results = list(pool.map(failures, seeds, repeat(parts), chunksize=20))
    for seed, found in zip(seeds, results, strict=True):
        bad += bool(found)
        for sentence in found:
            print(f"seed {seed}: {sentence}")
        if found:
            again = f" --wrong {given.wrong}" if given.wrong else ""
            print(f"seed {seed}: again with python -m simulation --first {seed} --count 1{again}")
    print(f"{given.count} seeds, {bad} broke a promise, {time.monotonic() - started:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
