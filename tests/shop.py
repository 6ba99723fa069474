"""A tiny fleet with tiny templates, and the tools to look at what became of it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fleetgen.evolve.apply import apply
from fleetgen.evolve.create import create
from fleetgen.evolve.desired import Desired, Project
from fleetgen.evolve.plan import plan
from fleetgen.render.files import File
from fleetgen.render.templates import Templates, from_folder

FIXTURE = Path(__file__).parent / "fixtures" / "templates"
SERVICE = "service-templates/shop/service"
CHASSIS = "service-templates/shop/chassis"
ROOT = "blueprints/monorepo"
FIRST = from_folder(FIXTURE, "1.0.0")
PACKAGE = "{{ service.package }}"


def newer(changes: Mapping[str, str | bytes | None], version: str = "1.1.0", of: Templates = FIRST) -> Templates:
    """A later release: paths of the service template with new content, `None` for those it drops."""
    files = dict(of.files)
    for path, content in changes.items():
        full = path if path.startswith(("service-templates/", "blueprints/", "copier.yml")) else f"{SERVICE}/{path}"
        if content is None:
            del files[full]
        else:
            raw = content.encode() if isinstance(content, str) else content
            files[full] = File(raw, files[full].mode if full in files else 0o644)
    return Templates(version, dict(sorted(files.items())))


def source(path: str, of: Templates = FIRST) -> str:
    """A file of the service template as text."""
    return of.files[f"{SERVICE}/{path}"].content.decode()


def command(name: str, *fields: tuple[str, str]) -> dict[str, Any]:
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    return {"name": name, "snake": snake, "fields": [{"name": field, "type": kind} for field, kind in fields]}


def facts(name: str = "order", commands: tuple[str, ...] = ("PlaceOrder",), **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "package": f"shop_{name}",
        "title": f"{name.title()}: all of it",
        "purpose": 'Takes "orders" # and keeps them, which is a sentence long enough to be folded by a writer of YAML',
        "stores": {"primary": "postgresql"},
        "sagas": [],
        "commands": [command(name, ("quantity", "int")) for name in commands],
        **more,
    }


def desired(
    *services: dict[str, Any],
    templates: Templates = FIRST,
    extra: Mapping[str, File] | None = None,
    title: str = "Shop",
) -> Desired:
    fleet = {"name": "shop", "title": title}
    projects = [Project(".", ROOT, {"fleet": fleet}), Project("libs/chassis-shop", CHASSIS, {"fleet": fleet})]
    for service in services or (facts(),):
        projects.append(Project(f"services/{service['name']}", SERVICE, {"service": service, "fleet": fleet}))
    contract = {"contracts/events/placed.avsc": File(b'{"type": "record"}\n')}
    return Desired(tuple(projects), templates, contract if extra is None else extra, "digest")


def made(folder: Path, wanted: Desired | None = None) -> Path:
    """A new fleet in a repository of its own, with its first commit."""
    root = folder / "fleet"
    assert create(root, wanted or desired(), {"fleet.yaml": File(b"fleet: shop\n")}) == ()
    return root


def applied(root: Path, wanted: Desired, **options: Any) -> None:
    """Plan, apply, and expect no complaint."""
    found, diagnostics = plan(root, wanted, **options)
    assert found is not None, diagnostics
    assert apply(found) == ()


Files = dict[str, tuple[bytes, bool]]  # content, and whether it can be run


def plain(files: Mapping[str, File]) -> Files:
    """Rendered files, to be compared with what is on disk."""
    return {path: (file.content, bool(file.mode & 0o111)) for path, file in files.items()}


def tree(root: Path) -> Files:
    """Every file and link under a folder, but for git's own."""
    found: Files = {}
    top = len(str(root)) + 1
    for folder, folders, names in os.walk(root):
        if len(folder) < top and ".git" in folders:
            folders.remove(".git")
        for path in (os.path.join(folder, name) for name in (*folders, *names)):  # noqa: PTH118 - half of the time
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[path[top:]] = (b"-> " + os.fsencode(os.readlink(path)), False)  # noqa: PTH115
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:  # noqa: PTH123
                    found[path[top:]] = (file.read(), bool(mode & 0o111))
    return dict(sorted(found.items()))


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def commit(root: Path, message: str = "by hand") -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)


def edit(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


# Plain copier, as somebody has it who never heard of fleetgen: the import is barred, the environment empty.
_NO_NETWORK = ("unshare", "--map-root-user", "--net")
_COPIER = "import sys; sys.modules['fleetgen'] = None; from copier.__main__ import CopierApp; CopierApp.run()"


def copier_update(folder: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    barred = _NO_NETWORK if _can_bar_network() else ()
    command = [*barred, sys.executable, "-I", "-c", _COPIER, "update", "-A", "-l", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@cache
def _can_bar_network() -> bool:
    """Not every machine lets an ordinary user make a namespace; the update is offline all the same."""
    try:
        return subprocess.run([*_NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
