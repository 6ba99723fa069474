"""What generating costs: CPU, wall time, memory and files for fleets of several sizes, beside copier and tar.

All figures come from one run on one machine; the ratios are what compares. Usage: python bench/generate.py [SIZE…]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Cost, measured, specification

SIZES = (4, 10, 50, 200)
COPIED = 4  # services that the copier command copies one by one; more would only take longer


def generate(folder: Path, size: int) -> Cost:
    """`fleetgen new` as a person runs it, but into a repository that exists, so that git's commit is not counted."""
    (folder / "fleet.yaml").write_text(specification(size))
    target = folder / "out"
    return measured(
        [sys.executable, "-m", "fleetgen.cli.main", "new", "--spec", str(folder / "fleet.yaml"), str(target)]
    )


def copier_loop(folder: Path, fleet: Path) -> Cost:
    """The copier command over the same templates and answers, once a service."""
    total = Cost(0, 0, 0)
    services = sorted((fleet / "services").iterdir())[:COPIED]
    for service in services:
        answers = service / ".copier-answers.yml"
        command = [
            str(Path(sys.executable).with_name("copier")),
            "copy",
            "--quiet",
            "--defaults",
            "--data-file",
            str(answers),
        ]
        cost = measured([*command, str(fleet / ".fleetgen/templates.bundle"), str(folder / service.name)], cwd=service)
        total = Cost(total.cpu + cost.cpu, total.wall + cost.wall, max(total.peak, cost.peak))
    return Cost(total.cpu / len(services), total.wall / len(services), total.peak)


def untar(folder: Path, fleet: Path) -> Cost:
    """`tar x` of the same tree: what the disk alone costs."""
    archive, target = folder / "tree.tar", folder / "untarred"
    subprocess.run(["tar", "cf", archive, "--exclude=.git", "-C", fleet, "."], check=True)
    target.mkdir()
    return measured(["tar", "xf", str(archive), "-C", str(target)])


def count(fleet: Path) -> int:
    """Files of the monorepo."""
    return sum(1 for path in fleet.rglob("*") if path.is_file() and ".git" not in path.relative_to(fleet).parts)


def main(sizes: tuple[int, ...]) -> None:
    """Print the table and the ratios."""
    costs: dict[int, Cost] = {}
    base = Path(tempfile.mkdtemp(prefix="fleetgen-bench-"))
    subprocess.run(["git", "init", "--quiet", base], check=True)
    try:
        started = measured([sys.executable, "-m", "fleetgen.cli.main", "--version"])
        print(f"start                 {started.cpu:7.2f} CPU s {started.wall:7.2f} s   (goal: at most 1 s)")
        for size in sizes:
            folder = base / str(size)
            folder.mkdir()
            costs[size] = cost = generate(folder, size)
            tar, files = untar(folder, folder / "out"), count(folder / "out")
            print(
                f"{size:4d} services {files:6d} files {cost.cpu:7.2f} CPU s {cost.wall:7.2f} s {cost.peak:6.0f} MiB"
                f"   tar x {tar.wall:5.2f} s, ratio {cost.wall / max(tar.wall, 0.01):5.1f}"
            )
            if size == sizes[0]:
                one = copier_loop(folder / "copies", folder / "out")
                print(f"   1 service by the copier command  {one.cpu:7.2f} CPU s {one.wall:7.2f} s {one.peak:6.0f} MiB")
            shutil.rmtree(folder)
        _ratios(costs, one)
    finally:
        shutil.rmtree(base)


def _ratios(costs: dict[int, Cost], one: Cost) -> None:
    sizes = sorted(costs)
    further = (costs[sizes[-1]].cpu - costs[sizes[0]].cpu) / (sizes[-1] - sizes[0])
    print(f"a further service: {further:.3f} CPU s (goal: at most 0.05); copier: {one.cpu / further:.0f} times as much")
    if {50, 200} <= costs.keys() and 4 in costs:
        early = (costs[50].cpu - costs[4].cpu) / 46
        late = (costs[200].cpu - costs[50].cpu) / 150
        print(f"slope from 50 to 200 against 4 to 50: {late / early:.2f} (goal: within 0.9 to 1.1)")
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main(tuple(int(size) for size in sys.argv[1:]) or SIZES)
