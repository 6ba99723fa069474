"""Runs copier's own command line, as a person would who has no fleetgen."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleetgen.render.git import own_environment

# -P: a folder of the user's must not be searched for Python modules.
_COMMAND = (sys.executable, "-P", "-m", "copier", "update", "--skip-answered", "--defaults", "--quiet")


class CopierError(Exception):
    """Copier refused or crashed; the text is the end of what it said."""


def update(project: Path, tag: str, answers: Mapping[str, Any]) -> None:
    """`copier update -A -l` in `project`, to the release `tag`, with facts that may have changed.

    Raises:
        CopierError: When it fails. That a conflict was left is no failure to copier.
    """
    with TemporaryDirectory(prefix="fleetgen-answers-") as folder:
        data = Path(folder, "answers.json")  # JSON is YAML
        data.write_text(json.dumps(answers))
        done = subprocess.run(
            [*_COMMAND, "--vcs-ref", tag, "--data-file", str(data)],
            cwd=project,
            env=own_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise CopierError(lines[-1].strip() if lines else f"exit code {done.returncode}")
