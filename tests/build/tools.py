"""Tools that tests need and that come from registries: Go programs, built once and kept beside the other servers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fleetgen.runtime.lab import once

HELM = ("helm", "helm.sh/helm/v4@v4.3.1", "helm.sh/helm/v4/cmd/helm")


def go_tool(name: str, module: str, package: str) -> Path:
    """The program `name`, built from `module@version` as a main module of its own."""

    def build(folder: Path) -> None:
        environment = {
            **os.environ,
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-buildvcs=false -mod=mod -p=2",
        }
        for command in (
            ["go", "mod", "init", f"lab/{name}"],
            ["go", "get", module],
            ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", name, package],
        ):
            subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=900)

    return once(f"{name}-{module.rpartition('@')[2]}", build) / name
