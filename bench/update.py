"""What an update costs: `fleetgen update` of a whole fleet beside `copier update` of each service.

The templates change one file of every service, a person edited that file in some and committed. The copier command is
measured on a sample of services, edited ones in their share, and scaled to the fleet.
Usage: python bench/update.py [SIZE]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Cost, measured, specification

SIZE = 50
EDITED = 4  # one service in so many carries a hand edit in the file that the templates change
SAMPLED = 4  # services that the copier command updates; the first of them is an edited one
RATIO, QUIET = 50, 1.0  # goals: times less CPU than copier; wall seconds when there is nothing to do
HOUSE = Path(__file__).parents[1]
README = "service-templates/python/service/README.md.jinja"
IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")


def newer_fleetgen(folder: Path) -> dict[str, str]:
    """A later release of fleetgen as it would be installed, with one template changed; the environment that uses it."""
    package = folder / "fleetgen"
    litter = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache", ".venv")
    shutil.copytree(HOUSE / "src/fleetgen", package, ignore=litter)
    for name in ("blueprints", "service-templates", "samples"):
        shutil.copytree(HOUSE / name, package / "_templates" / name, ignore=litter)
    changed = package / "_templates" / README
    changed.write_text(f"{changed.read_text()}\nA newer paragraph.\n")
    about = folder / "fleetgen-99.0.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fleetgen\nVersion: 99.0.0\n")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(package)], check=False)  # as an installer does
    return environment


def commit(fleet: Path) -> None:
    subprocess.run(["git", *IDENTITY, "add", "--all"], cwd=fleet, check=True)
    subprocess.run(["git", *IDENTITY, "commit", "--quiet", "--message", "by hand"], cwd=fleet, check=True)


def edited_fleet(base: Path, size: int) -> Path:
    """A fleet of this fleetgen, in a repository of its own, with hand edits committed."""
    (base / "fleet.yaml").write_text(specification(size))
    fleet = base / "fleet"
    measured([sys.executable, "-m", "fleetgen.cli.main", "new", "--spec", str(base / "fleet.yaml"), str(fleet)])
    for service in sorted((fleet / "services").iterdir())[::EDITED]:
        readme = service / "README.md"
        readme.write_text("<!-- Ours. -->\n" + readme.read_text())
    commit(fleet)
    return fleet


def copier_loop(fleet: Path, newer: dict[str, str]) -> Cost:
    """The copier command, once a service, with a commit after each, which is not counted: the mean."""
    measured([sys.executable, "-m", "fleetgen.cli.main", "templates", "pull", "--root", str(fleet)], env=newer)
    commit(fleet)
    services, costs = sorted((fleet / "services").iterdir())[:SAMPLED], []
    for service in services:
        command = [str(Path(sys.executable).with_name("copier")), "update", "-A", "-l", "--quiet"]
        costs.append(measured(command, cwd=service))
        if "A newer paragraph." not in (service / "README.md").read_text():
            sys.exit(f"copier did not update {service}")
        commit(fleet)
    count = len(services)
    return Cost(sum(c.cpu for c in costs) / count, sum(c.wall for c in costs) / count, max(c.peak for c in costs))


def main(size: int) -> None:
    """Print the figures and how they stand to their goals."""
    base = Path(tempfile.mkdtemp(prefix="fleetgen-bench-"))
    try:
        newer = newer_fleetgen(base / "newer")
        fleet = edited_fleet(base, size)
        theirs = base / "theirs"
        shutil.copytree(fleet, theirs, symlinks=True)
        update = [sys.executable, "-m", "fleetgen.cli.main", "update", "--root", str(fleet)]
        ours = measured(update, env=newer)
        updated = sum("A newer paragraph." in path.read_text() for path in fleet.glob("services/*/README.md"))
        if updated != size:
            sys.exit(f"{updated} of {size} services were updated")
        quiet = measured(update, env=newer)
        one = copier_loop(theirs, newer)
        print(f"{size} services, one in {EDITED} edited")
        print(f"fleetgen update, all at once    {ours.cpu:8.2f} CPU s {ours.wall:7.2f} s {ours.peak:6.0f} MiB")
        print(f"copier update, a service        {one.cpu:8.2f} CPU s {one.wall:7.2f} s {one.peak:6.0f} MiB")
        print(f"copier update, {size} services     {size * one.cpu:8.1f} CPU s   (mean of {SAMPLED}, scaled)")
        print(f"ratio                           {size * one.cpu / ours.cpu:8.0f}         (goal: at least {RATIO})")
        print(f"nothing to do                   {quiet.cpu:8.2f} CPU s {quiet.wall:7.2f} s (goal: below {QUIET:.0f} s)")
        print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SIZE)
