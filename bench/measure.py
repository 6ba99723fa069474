"""What a command costs, asked of the operating system, and the fleet that all benchmarks use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

GROUP = 4  # services that one saga joins


@dataclass(frozen=True)
class Cost:
    """One finished process: seconds of CPU and wall time, MiB at the peak, children included."""

    cpu: float
    wall: float
    peak: float


def measured(command: list[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end and ask the operating system what it took."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{errors.decode()}")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024)


def specification(size: int) -> str:
    """A fleet of `size` services in groups that one choreographed saga each joins."""
    lines = ["fleet: bench", "domain: Benchmark", "organisation: com.example.bench", "teams:"]
    lines += [f"  team{number}: 6" for number in range(size)]
    lines += ["contexts:"]
    for number in range(size):
        name = f"Item{number}"
        lines += [
            f"  part{number}:",
            f"    subdomain: {'core' if number == 0 else 'supporting'}",
            f"    purpose: Part {number} of the benchmark",
            f"    team: team{number}",
            "    stack: python",
            "    aggregates:",
            f"      {name}:",
            "        fields: {customerId: uuid, amount: money, note: string}",
            "        states: [opened, closed, dropped]",
            "        partition-by: customerId",
            "        commands:",
            f"          Open{name}: {{emits: {name}Opened, or: {{{name}Refused: amount.amount > 100000}}}}",
            f"          Close{name}: {{emits: {name}Closed, from: opened}}",
            f"          Drop{name}: {{emits: {name}Dropped, from: opened}}",
            f"        queries: [Get{name}, Search{name}s]",
        ]
    lines += ["sagas:"]
    for first in range(0, size - GROUP + 1, GROUP):
        lines += [f"  flow{first}:", "    mode: choreography", "    steps:"]
        lines += [f"      - OpenItem{first + step} / DropItem{first + step}" for step in range(GROUP - 1)]
        lines += [f"      - pivot OpenItem{first + GROUP - 1}"]
    return "\n".join(lines) + "\n"
