from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import copier
import pytest

import shop
from fleetgen.render.engine import engine, render
from fleetgen.render.files import EXECUTABLE
from fleetgen.render.templates import Templates, TemplatesError, from_bundle

FLEET = {"name": "shop", "title": "Shop {{ not a template }} {% raw %}"}
MANY = shop.facts(
    commands=("PlaceOrder", "CancelOrder", "PayOrder"),
    stores={"primary": "postgresql", "redis": "7"},
    sagas=[{"name": "fulfilment"}],
    purpose="ünïcode, 'quotes' and\nlines: " + "long " * 40,
    figures={"share": 0.1, "tiny": 1e-07, "none": None, "yes": "yes", "empty": [], "nothing": {}},
)
CASES = {
    "service": (shop.SERVICE, {"service": shop.facts(), "fleet": FLEET}),
    "everything": (shop.SERVICE, {"service": MANY, "fleet": FLEET}),
    "no commands": (shop.SERVICE, {"service": shop.facts(commands=()), "fleet": FLEET}),
    "chassis": (shop.CHASSIS, {"fleet": FLEET}),
    "root": (shop.ROOT, {"fleet": FLEET}),
    "defaults": (shop.CHASSIS, {}),
}


def by_copier(templates: Templates, template: str, answers: Mapping[str, Any], folder: Path) -> shop.Files:
    """What copier itself writes to disk."""
    source = folder / "templates.bundle"
    source.write_bytes(templates.bundle())
    data = {**answers, "template": template}
    copier.run_copy(str(source), folder / "made", data=data, defaults=True, quiet=True)
    return shop.tree(folder / "made")


@pytest.mark.parametrize("name", CASES)
def test_files_are_what_copier_writes(name: str, tmp_path: Path) -> None:
    template, answers = CASES[name]
    assert shop.plain(render(shop.FIRST, template, answers)) == by_copier(shop.FIRST, template, answers, tmp_path)


def test_a_release_out_of_a_bundle_renders_the_same() -> None:
    template, answers = CASES["everything"]
    again = from_bundle(shop.FIRST.bundle(), "1.0.0")
    assert render(again, template, answers) == render(shop.FIRST, template, answers)


def test_paths_loops_exclusions_and_modes() -> None:
    template, answers = CASES["service"]
    small = render(shop.FIRST, template, answers)
    large = render(shop.FIRST, *CASES["everything"])
    assert set(large) - set(small) == {
        "src/shop_order/adapters/cache.py",
        "src/shop_order/application/cancel_order.py",
        "src/shop_order/application/pay_order.py",
        "src/shop_order/sagas/flow.py",
    }
    assert [path for path, file in small.items() if file.mode == EXECUTABLE] == ["bin/start"]


def test_only_the_answers_are_rendered_when_only_they_are_asked_for() -> None:
    template, answers = CASES["everything"]
    assert (
        engine(shop.FIRST).draft(template, answers).answers.content
        == render(shop.FIRST, template, answers)[".copier-answers.yml"].content
    )
    broken = shop.newer({"README.md.jinja": "{{ service.unknown }}"})
    assert engine(broken).draft(template, answers).answers.content.startswith(b"# Recorded")


def test_jinja_in_an_answer_stays_inert() -> None:
    assert b"Shop {{ not a template }} {% raw %}" in render(shop.FIRST, *CASES["root"])["README.md"].content


WRONG = {
    "unknown fact": ({"README.md.jinja": "{{ service.unknown }}"}, r"unknown"),
    "syntax": ({"README.md.jinja": "one\n{% if %}"}, r"README\.md\.jinja:2"),
    "two sources": ({"README.md": "plain"}, r"both .*README\.md.* give `README\.md`"),
    "two sources in a loop": (
        {"{% yield command from service.commands %}same{% endyield %}.txt": "x"},
        r"give `same\.txt`",
    ),
    "leaves the project": ({"{{ '..' }}/{{ 'up' }}.txt": "x"}, r"leaves the project"),
    "yield in a file": ({"README.md.jinja": "{% yield c from service.commands %}{% endyield %}"}, r"for paths only"),
    "unknown fact in a path": ({"{{ service.unknown }}.txt": "x"}, r"unknown"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_fault_of_the_templates_is_told(name: str) -> None:
    changes, message = WRONG[name]
    answers = {"service": shop.facts(commands=("PlaceOrder", "PayOrder")), "fleet": FLEET}
    with pytest.raises(TemplatesError, match=message):
        render(shop.newer(changes), shop.SERVICE, answers)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("_tasks: [ls]", "`_tasks`"),
        ("_jinja_extensions: [x.Y]", "`_jinja_extensions`"),
        ("_external_data: {x: y.yml}", "`_external_data`"),
        ("_templates_suffix: ''", "`_templates_suffix`"),
        ("more: {type: str, when: false}", "`when`"),
        ("more: {type: str, secret: true, default: x}", "`secret`"),
        ("more: {type: str, default: '{{ template }}'}", "must be rendered"),
        ("more: {type: str}", "no answer to `more`"),
    ],
)
def test_what_this_engine_does_not_do_as_copier_is_refused(line: str, message: str) -> None:
    configuration = shop.FIRST.files["copier.yml"].content.decode() + line + "\n"
    with pytest.raises(TemplatesError, match=message):
        render(shop.newer({"copier.yml": configuration}), *CASES["root"])


def test_an_unknown_template_is_told() -> None:
    with pytest.raises(TemplatesError, match="no templates in `service-templates/cobol/service`"):
        render(shop.FIRST, "service-templates/cobol/service", {})
