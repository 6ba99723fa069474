"""Tools that tests need and that come from registries, fetched or built once and kept beside the other servers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fleetgen.runtime.lab import once

KUBECONFORM = (
    "kubeconform",
    "github.com/yannh/kubeconform@v0.8.0",
    "github.com/yannh/kubeconform/cmd/kubeconform",
)
ACTIONLINT = ("actionlint", "github.com/rhysd/actionlint@v1.7.12", "github.com/rhysd/actionlint/cmd/actionlint")
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


def debian_program(package: str, program: str) -> Path:
    """A program out of a Debian package, which is unpacked and not installed: no daemon of it starts."""

    def unpack(folder: Path) -> None:
        # apt downloads as a user of its own, who must be able to write here
        folder.chmod(0o777)
        for command in (["apt-get", "download", "-qq", package], ["sh", "-c", "dpkg -x *.deb . && rm *.deb"]):
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)

    return once(f"debian-{package}", unpack) / program
