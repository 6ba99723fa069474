"""The templates that fleetgen carries, rendered by fleetgen and by copier: byte for byte the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

import copier
import pytest

import shop
from fleetgen.core.resources import sample
from fleetgen.facts.build import FactsBuilder, fleet_facts
from fleetgen.render.answers import recorded_version
from fleetgen.render.engine import render
from fleetgen.render.templates import installed
from fleetgen.spec.load import load
from fleetgen.spec.resolve import resolve

TEMPLATES = installed()
WHOLE_FLEET = {"monorepo", "deploy", "fleet-chart"}  # blueprints whose `fleet` is the whole monorepo's facts
GOAL = 0.05  # CPU seconds for a further service


@cache
def answers(name: str) -> tuple[dict[str, Any], dict[str, Any], tuple[dict[str, Any], ...]]:
    """Facts of the fleet, of the monorepo, and of each service of a sample."""
    path = sample(name)
    assert path is not None
    document, diagnostics = load(path)
    assert document is not None, diagnostics
    fleet, diagnostics = resolve(document)
    assert fleet is not None, diagnostics
    builder = FactsBuilder(fleet)
    services = tuple(builder.service(service).model_dump(mode="json") for service in fleet.services)
    return fleet_facts(fleet).model_dump(mode="json"), builder.monorepo().model_dump(mode="json"), services


def folders() -> list[str]:
    """Every template folder of the tree."""
    parts = [path.split("/") for path in TEMPLATES.files]
    found = {"/".join(part[:2]) for part in parts if part[0] == "blueprints"}
    found |= {
        "/".join(part[:3]) for part in parts if part[0] == "service-templates" and part[2:] and part[1] != "macros"
    }
    return sorted(
        folder for folder in found if folder.split("/")[-1] in {"service", "chassis"} or "blueprints" in folder
    )


def given(folder: str) -> dict[str, Any]:
    fleet, monorepo, services = answers("starter")
    if folder.rsplit("/", maxsplit=1)[-1] in WHOLE_FLEET:
        return {"fleet": monorepo}
    return {"fleet": fleet} if folder.endswith("/chassis") else {"fleet": fleet, "service": services[0]}


def by_copier(folder: str, data: dict[str, Any], place: Path) -> shop.Files:
    source = place / "templates.bundle"
    source.write_bytes(TEMPLATES.bundle())
    copier.run_copy(str(source), place / "made", data={**data, "template": folder}, defaults=True, quiet=True)
    return shop.tree(place / "made")


@pytest.mark.parametrize("folder", folders())
def test_a_template_renders_as_with_copier(folder: str, tmp_path: Path) -> None:
    ours = shop.plain(render(TEMPLATES, folder, given(folder)))
    assert ours == by_copier(folder, given(folder), tmp_path)
    assert len(ours) > 0


def test_the_largest_service_renders_as_with_copier(tmp_path: Path) -> None:
    fleet, _, services = answers("ecommerce")
    data = {"fleet": fleet, "service": max(services, key=lambda service: len(str(service)))}
    folder = f"service-templates/{data['service']['stack']}/service"
    folder = folder if any(path.startswith(folder) for path in TEMPLATES.files) else "service-templates/python/service"
    assert shop.plain(render(TEMPLATES, folder, data)) == by_copier(folder, data, tmp_path)


@pytest.mark.parametrize(
    "folder", [folder for folder in folders() if folder.split("/")[-1] in {"service", "chassis", "monorepo"}]
)
def test_a_project_records_answers_that_copier_can_update_from(folder: str) -> None:
    recorded = render(TEMPLATES, folder, given(folder))[".copier-answers.yml"].content
    assert recorded_version(recorded) == TEMPLATES.version
    depth = "" if folder == "blueprints/monorepo" else "../../"
    assert f"_src_path: {depth}.fleetgen/templates.bundle\n".encode() in recorded


def test_a_further_service_costs_less_than_the_goal() -> None:
    fleet, _, services = answers("ecommerce")
    data = [{"fleet": fleet, "service": service} for service in services]
    for one in data:
        render(TEMPLATES, "service-templates/python/service", one)
    begun = process_time()
    for one in data:
        render(TEMPLATES, "service-templates/python/service", one)
    assert (process_time() - begun) / len(data) < GOAL
