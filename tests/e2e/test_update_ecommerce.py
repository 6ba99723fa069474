"""The e-commerce fleet with the templates that fleetgen carries: nine services, a hand edit, a newer release."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import shop
from fleetgen.core.resources import sample
from fleetgen.evolve.actions import Kind
from fleetgen.evolve.apply import apply
from fleetgen.evolve.create import create
from fleetgen.evolve.desired import Desired, Project
from fleetgen.evolve.plan import plan
from fleetgen.evolve.update import pull_templates, update
from fleetgen.facts.build import FactsBuilder, fleet_facts
from fleetgen.render.files import File
from fleetgen.render.templates import Templates, installed
from fleetgen.spec.load import load
from fleetgen.spec.resolve import resolve

CARRIED = installed()
SERVICE = "service-templates/python/service"
BY_HAND = "\n\ndef by_hand() -> int:\n    return 42\n"


def ecommerce(templates: Templates) -> Desired:
    path = sample("ecommerce")
    assert path is not None
    document, diagnostics = load(path)
    assert document is not None, diagnostics
    fleet, diagnostics = resolve(document)
    assert fleet is not None, diagnostics
    builder = FactsBuilder(fleet)
    facts = fleet_facts(fleet).model_dump(mode="json")
    projects = [
        Project(".", "blueprints/monorepo", {"fleet": builder.monorepo().model_dump(mode="json")}),
        Project("libs/chassis-python", "service-templates/python/chassis", {"fleet": facts}),
    ]
    for service in fleet.services:
        known = builder.service(service).model_dump(mode="json")
        projects.append(Project(f"services/{known['name']['kebab']}", SERVICE, {"fleet": facts, "service": known}))
    return Desired(tuple(projects), templates)


def release() -> Templates:
    """A newer release: another first line in every file of the domain, another end of every README, a new file."""
    files = dict(CARRIED.files)
    for path, file in CARRIED.files.items():
        if path.startswith(SERVICE) and "/domain/{%" in path:
            files[path] = File(b"# Newer.\n" + file.content, file.mode)
        if path == f"{SERVICE}/README.md.jinja":
            files[path] = File(file.content + b"\nA newer paragraph.\n", file.mode)
    files[f"{SERVICE}/docs/newer.md"] = File(b"newer\n")
    return Templates("99.0.0", dict(sorted(files.items())))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    assert create(folder, ecommerce(CARRIED)) == ()
    for service in ("order", "payment"):
        [domain] = [
            path for path in sorted((folder / "services" / service).glob("src/*/domain/*.py")) if path.stem == service
        ]
        domain.write_text(domain.read_text() + BY_HAND)
    shop.commit(folder)
    return folder


def test_copier_on_a_shallow_clone_and_fleetgen_give_the_same_fleet(root: Path, tmp_path: Path) -> None:
    newer = release()
    ours = tmp_path / "ours"
    shutil.copytree(root, ours, symlinks=True)
    pull_templates(root, newer)
    shop.commit(root)
    theirs = tmp_path / "theirs"
    shop.git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{root}", str(theirs))
    services = ("order", "payment", "analytics")
    for service in services:
        done = shop.copier_update(theirs / "services" / service, tmp_path / "home")
        assert done.returncode == 0, done.stderr
        shop.commit(theirs)

    found, diagnostics = update(ours, ecommerce(newer), newer)
    assert found is not None, diagnostics
    assert {action.path for action in found.actions if action.kind is Kind.MERGE} == {
        "services/order/src/shop_order/domain/order.py",
        "services/payment/src/shop_payment/domain/payment.py",
    }
    assert apply(found) == ()

    for service in services:
        assert shop.tree(ours / "services" / service) == shop.tree(theirs / "services" / service)
    domain = (ours / "services/order/src/shop_order/domain/order.py").read_text()
    assert domain.startswith("# Newer.\n")
    assert domain.endswith(BY_HAND)
    assert len(list(ours.glob("services/*/docs/newer.md"))) == 9
    for fleet in (ours, theirs):
        again, diagnostics = plan(fleet, ecommerce(newer))
        assert again is not None, diagnostics
        assert again.empty, again.text()
