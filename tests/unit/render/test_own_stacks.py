"""Templates that nobody here wrote: what is refused and where, and that the rest renders as with its own tool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import copier
import pytest
from cookiecutter.main import cookiecutter

import own_templates
import shop
from fleetgen.core.diagnostic import Diagnostic, has_errors
from fleetgen.render import bundle
from fleetgen.render.engine import engine, render
from fleetgen.render.own.accept import Accepted, accept, kind_of
from fleetgen.render.own.engine import FOLDER, SUGGESTED, OwnTemplates, chosen
from fleetgen.render.own.source import fetch
from fleetgen.render.templates import TemplatesError

PLACE = ".fleetgen/templates/mine.bundle"
SLUG = own_templates.SLUG
Content = Mapping[str, "str | bytes"]


def taken(folder: Path) -> tuple[Accepted | None, tuple[Diagnostic, ...]]:
    fetched, diagnostics = fetch(str(folder))
    return accept(fetched) if fetched else (None, diagnostics)


def accepted(folder: Path, files: Content) -> OwnTemplates:
    template, diagnostics = taken(own_templates.write(folder, files))
    assert template is not None, diagnostics
    return OwnTemplates("1", template.files, PLACE)


def refusals(folder: Path, files: Content) -> list[tuple[str, str, int]]:
    """Code and place of each error, the place relative to the template."""
    template, diagnostics = taken(own_templates.write(folder, files))
    assert template is None
    assert has_errors(diagnostics)
    return [
        (item.code, item.span.file.removeprefix(f"{folder}/") if item.span else "", item.span.line if item.span else 0)
        for item in diagnostics
    ]


# -- equality


def by_cookiecutter(template: Path, out: Path, given: dict[str, Any]) -> shop.Files:
    home = out / "home"
    config = out / "config.yaml"
    out.mkdir()
    config.write_text(json.dumps({"cookiecutters_dir": str(home), "replay_dir": str(home), "default_context": {}}))
    made = cookiecutter(
        str(template), no_input=True, extra_context=given, output_dir=str(out / "made"), config_file=str(config)
    )
    return shop.tree(Path(made))


@pytest.mark.parametrize(
    "given",
    [{}, {"project_name": "Order Fulfilment", "port": "9090"}, {"with_docker": False, "database": "sqlite"}],
    ids=["defaults", "named", "chosen"],
)
def test_a_cookiecutter_template_renders_as_with_cookiecutter(given: dict[str, Any], tmp_path: Path) -> None:
    templates = accepted(tmp_path / "template", own_templates.COOKIECUTTER)
    ours = shop.plain(render(templates, PLACE, given))
    recorded = ours.pop(".copier-answers.yml")[0].decode()
    assert ours == by_cookiecutter(tmp_path / "template", tmp_path / "out", given)
    assert len(ours) == 7 + given.get("with_docker", True) + (not given.get("with_docker", True))
    assert "_src_path: ../../.fleetgen/templates/mine.bundle\n" in recorded
    assert "\ncookiecutter:" not in recorded


def by_copier(templates: OwnTemplates, place: Path, given: dict[str, Any], monkeypatch: Any) -> shop.Files:
    """Copier's public function, in a service folder two deep, on the bundle."""
    (place / PLACE).parent.mkdir(parents=True)
    (place / PLACE).write_bytes(bundle.append(None, "1", templates.files))
    service = place / "services" / "order"
    service.mkdir(parents=True)
    monkeypatch.chdir(service)
    copier.run_copy(f"../../{PLACE}", ".", data=given, defaults=True, quiet=True)
    return shop.tree(service)


SERVICE = {"commands": [{"name": {"text": "PlaceOrder", "snake": "place_order"}}]}


@pytest.mark.parametrize(
    ("files", "given"),
    [
        (own_templates.COPIER, {"project_name": "Order", "service": SERVICE}),
        (own_templates.COPIER, {"project_name": "Order", "service": SERVICE, "with_docker": False, "features": []}),
        (own_templates.COOKIECUTTER, {"project_name": "Order {{ 7 * 6 }}"}),
    ],
    ids=["copier", "copier-chosen", "cookiecutter"],
)
def test_a_template_renders_as_with_copier(
    files: Content, given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = accepted(tmp_path / "template", files)
    ours = shop.plain(render(templates, PLACE, {SUGGESTED: {FOLDER: "order"}, **given}))
    assert ours == by_copier(templates, tmp_path / "fleet", given, monkeypatch)
    assert len(ours) > 3


def test_the_recorded_answers_render_the_same_again(tmp_path: Path) -> None:
    import yaml

    templates = accepted(tmp_path / "template", own_templates.COPIER)
    first = render(templates, PLACE, {SUGGESTED: {FOLDER: "order", "project_name": "Order"}, "service": SERVICE})
    recorded = yaml.safe_load(first[".copier-answers.yml"].content)
    again = render(templates, PLACE, {key: value for key, value in recorded.items() if not key.startswith("_")})
    assert recorded["folder"] == "order"
    assert again == first


def test_the_place_that_records_the_answers_is_added_where_it_lacks(tmp_path: Path) -> None:
    files = {path: content for path, content in own_templates.COPIER.items() if "answers_file" not in path}
    templates = accepted(tmp_path / "template", files)
    made = render(templates, PLACE, {"project_name": "Order", "service": SERVICE})
    assert b"_commit: v1\n" in made[".copier-answers.yml"].content


def test_a_person_s_own_settings_of_copier_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "settings.yml"
    settings.write_text("defaults: {description: from my settings, project_name: Mine}\n")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))
    templates = accepted(tmp_path / "template", own_templates.COPIER)
    made = render(templates, PLACE, {"project_name": "Order", "service": SERVICE})
    assert b"A service on 8080." in made["README.md"].content


def test_a_text_that_looks_like_jinja_stays_a_text(tmp_path: Path) -> None:
    templates = accepted(tmp_path / "template", own_templates.COOKIECUTTER)
    made = render(templates, PLACE, {"project_name": "{{ 7 * 6 }}{% raw %}", "author": "{{ cookiecutter }}"})
    assert b"# {{ 7 * 6 }}{% raw %} by {{ cookiecutter }}" in made["README.md"].content


# -- kinds and sources


def test_the_kind_is_known_later(tmp_path: Path) -> None:
    assert kind_of(accepted(tmp_path / "a", own_templates.COOKIECUTTER).files) == "cookiecutter"
    assert kind_of(accepted(tmp_path / "b", own_templates.COPIER).files) == "copier"


def test_a_repository_is_read_at_its_newest_version_or_at_what_was_asked(tmp_path: Path) -> None:
    repository = own_templates.write(tmp_path / "template", own_templates.COPIER)
    shop.git(repository, "init", "--quiet")
    for version in ("v1.0.0", "v1.1.0", "v2.0.0rc1"):
        (repository / "version.txt").write_text(version)
        shop.commit(repository)
        shop.git(repository, "tag", version)
    bundled = tmp_path / "template.bundle"
    shop.git(repository, "bundle", "create", "--quiet", str(bundled), "HEAD", "--tags")
    for source in (f"file://{repository}", str(bundled)):
        newest, _ = fetch(source)
        asked, _ = fetch(source, ref="v1.0.0")
        assert newest is not None
        assert asked is not None
        assert (newest.version, newest.files["version.txt"].content) == ("1.1.0", b"v1.1.0")
        assert (asked.version, asked.files["version.txt"].content) == ("1.0.0", b"v1.0.0")
    lies, _ = fetch(str(repository))
    assert lies is not None
    assert (lies.version, lies.files["version.txt"].content) == ("", b"v2.0.0rc1")


def test_one_folder_of_a_source_is_a_template(tmp_path: Path) -> None:
    own_templates.write(tmp_path / "inner" / "one", own_templates.COPIER)
    fetched, _ = fetch(str(tmp_path), directory="inner/one")
    assert fetched is not None
    assert "copier.yml" in fetched.files
    assert fetch(str(tmp_path), directory="../..")[0] is None


def test_what_git_ignores_in_a_folder_is_no_part_of_the_template(tmp_path: Path) -> None:
    repository = own_templates.write(tmp_path, {**own_templates.COPIER, ".gitignore": "junk\n", "junk/big": "x"})
    shop.git(repository, "init", "--quiet")
    fetched, _ = fetch(str(repository))
    assert fetched is not None
    assert "junk/big" not in fetched.files
    assert "copier.yml" in fetched.files


@pytest.mark.parametrize(
    "source",
    ["ext::sh -c touch% {mark}", "--upload-pack=touch {mark}", "fd::7", "no/such/place", "https://127.0.0.1:1/x"],
)
def test_a_source_that_cannot_be_read_is_said_and_runs_nothing(source: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    fetched, diagnostics = fetch(source.format(mark=mark))
    assert fetched is None
    assert [item.code for item in diagnostics] == ["TPL-1"]
    assert not mark.exists()


def test_hooks_and_filters_of_a_repository_stay_dead(tmp_path: Path) -> None:
    repository = own_templates.write(tmp_path / "template", own_templates.COPIER)
    mark = tmp_path / "mark"
    shop.git(repository, "init", "--quiet")
    shop.commit(repository)
    script = tmp_path / "script.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    shop.git(repository, "config", "core.fsmonitor", str(script))
    shop.git(repository, "config", "uploadpack.packObjectsHook", str(script))
    assert fetch(str(repository))[0] is not None
    assert fetch(f"file://{repository}")[0] is not None
    assert not mark.exists()


# -- refusals

_JSON = json.dumps({"slug": "x", "_extensions": ["jinja2_time.TimeExtension"]}, indent=1)
_COOKIE = {"cookiecutter.json": '{"project_slug": "x"}'}
_COPIER = {"copier.yml": "name: x\n"}
REFUSED: dict[str, tuple[Content, list[tuple[str, str, int]]]] = {
    "hook": (
        {**_COOKIE, f"{SLUG}/a": "", "hooks/post_gen_project.sh": "", "hooks/pre_prompt.py": "", "hooks/other.py": ""},
        [("TPL-3", "hooks/post_gen_project.sh", 1), ("TPL-3", "hooks/pre_prompt.py", 1)],
    ),
    "extension": ({"cookiecutter.json": _JSON, "{{cookiecutter.slug}}/a": ""}, [("TPL-3", "cookiecutter.json", 3)]),
    "tasks": ({"copier.yml": "name: x\n_tasks: [touch mark]\n"}, [("TPL-3", "copier.yml", 2)]),
    "migrations": (
        {"copier.yml": "\n\n_migrations: [{version: 1, before: [x]}]\n"},
        [("TPL-3", "copier.yml", 3)],
    ),
    "copier extension": ({"copier.yml": "_jinja_extensions: [os.path.X]\n"}, [("TPL-3", "copier.yml", 1)]),
    "external data": ({"copier.yml": "_external_data: {x: ../x.yml}\n"}, [("TPL-5", "copier.yml", 1)]),
    "secret": ({"copier.yml": "a: 1\npassword: {type: str, secret: true}\n"}, [("TPL-5", "copier.yml", 2)]),
    "secrets": ({"copier.yml": "_secret_questions: [word]\nword: x\n"}, [("TPL-5", "copier.yml", 2)]),
    "answers elsewhere": ({"copier.yml": "_answers_file: .a.yml\n"}, [("TPL-6", "copier.yml", 1)]),
    "no yaml": ({"copier.yml": "a: 1\nb: [}\n"}, [("TPL-6", "copier.yml", 2)]),
    "two": ({"copier.yml": "a: 1\n", "copier.yaml": "a: 1\n"}, [("TPL-6", "copier.yml", 1)]),
    "no json": ({"cookiecutter.json": "{\n 1}", f"{SLUG}/a": ""}, [("TPL-6", "cookiecutter.json", 2)]),
    "no folder": (_COOKIE, [("TPL-6", "cookiecutter.json", 1)]),
    "nothing": ({"README.md": ""}, [("TPL-2", "", 0)]),
    "newer copier": ({"copier.yml": "_min_copier_version: '99'\n"}, [("TPL-6", "copier.yml", 1)]),
    "time": ({**_COOKIE, f"{SLUG}/a": "\n{% now 'utc' %}"}, [("TPL-6", f"{SLUG}/a", 2)]),
    "slugify": (
        {"cookiecutter.json": '{"a": "A",\n"s": "{{ cookiecutter.a|slugify }}"}', "{{cookiecutter.s}}/a": ""},
        [("TPL-6", "cookiecutter.json", 2)],
    ),
    "chance": ({**_COOKIE, f"{SLUG}/a": "{{ random_ascii_string(3) }}"}, [("TPL-5", f"{SLUG}/a", 1)]),
    "machine": ({**_COPIER, "a.jinja": "\n\n{{ '~' | expanduser }}"}, [("TPL-5", "a.jinja", 3)]),
    "copier's state": ({**_COPIER, "a.jinja": "{{ _copier_conf.src_path }}"}, [("TPL-5", "a.jinja", 1)]),
    "python": ({**_COPIER, "a.jinja": "{{ _copier_python }}"}, [("TPL-5", "a.jinja", 1)]),
    "folder": ({**_COPIER, "a.jinja": "{{ _folder_name }}"}, [("TPL-5", "a.jinja", 1)]),
    "syntax": ({**_COPIER, "a.jinja": "x\n{{ }"}, [("TPL-6", "a.jinja", 2)]),
    "syntax in a path": ({**_COPIER, "{{ a": ""}, [("TPL-6", "{{ a", 1)]),
    "include": ({**_COOKIE, f"{SLUG}/a": "{% include 'b' %}"}, [("TPL-6", f"{SLUG}/a", 1)]),
    "several": ({"cookiecutter.json": '{"template": {"a": {}}}', f"{SLUG}/a": ""}, [("TPL-6", "cookiecutter.json", 1)]),
    "name": ({"cookiecutter.json": '{"a-b": "x"}', "{{cookiecutter.x}}/a": ""}, [("TPL-6", "cookiecutter.json", 1)]),
    "no choices": ({"cookiecutter.json": '{"a": []}', "{{cookiecutter.a}}/a": ""}, [("TPL-6", "cookiecutter.json", 1)]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_a_stack_is_refused_with_its_place(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files, expected = REFUSED[name]
    assert refusals(tmp_path / "template", files) == expected
    assert capfd.readouterr() == ("", "")  # copier itself keeps silent
    assert not (tmp_path / "template" / "mark").exists()


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    template = own_templates.write(tmp_path / "template", _COPIER)
    (template / "passwd").symlink_to("/etc/passwd")
    assert [item.code for item in taken(template)[1]] == ["TPL-4"]
    (template / "passwd").unlink()
    (template / "etc").symlink_to("/etc")
    assert [item.code for item in taken(template)[1]] == ["TPL-4"]
    shop.git(template, "init", "--quiet")
    shop.commit(template)
    assert [item.code for item in fetch(f"file://{template}")[1]] == ["TPL-4"]


def test_a_submodule_is_refused(tmp_path: Path) -> None:
    template = own_templates.write(tmp_path / "template", _COPIER)
    shop.git(template, "init", "--quiet")
    shop.git(template, "update-index", "--add", "--cacheinfo", "160000," + "1" * 40 + ",sub")
    shop.commit(template)
    tree = subprocess.run(["git", "ls-tree", "HEAD"], cwd=template, capture_output=True, text=True, check=True).stdout
    if "160000" not in tree:
        shop.git(template, "update-index", "--add", "--cacheinfo", "160000," + "1" * 40 + ",sub")
        shop.git(template, "commit", "--quiet", "-m", "sub")
    assert [item.code for item in fetch(f"file://{template}")[1]] == ["TPL-4"]


# -- what a template cannot do while it renders


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("{{ '..' }}/{{ '..' }}/x", "", "forbidden"),
        ("{{ place }}/x", "", "forbidden"),
        ("{{ '.git' }}/config", "", "git's"),
        ("x.jinja", "{{ ''.__class__.__mro__ }}", "unsafe"),
        ("x.jinja", "{{ place.__init__.__globals__ }}", "unsafe"),
        ("x.jinja", "{% for i in range(10**9) %}{% endfor %}", "range"),
        ("x.jinja", "{{ 1 / 0 }}", "division"),
        ("x.jinja", "{% include '/etc/passwd' %}", "passwd"),
        ("x.jinja", "{% include '../../../../../../etc/passwd' %}", "passwd"),
    ],
)
def test_a_template_neither_leaves_its_folder_nor_its_sandbox(
    path: str, content: str, said: str, tmp_path: Path
) -> None:
    configuration = "_subdirectory: made\n_envops: {undefined: jinja2.StrictUndefined}\nplace: /etc\n"
    templates = accepted(tmp_path / "template", {"copier.yml": configuration, f"made/{path}": content})
    with pytest.raises(TemplatesError, match=said):
        render(templates, PLACE, {})


def test_a_question_without_an_answer_is_named_with_the_way_to_answer_it(tmp_path: Path) -> None:
    templates = accepted(tmp_path / "template", {"copier.yml": "licence: {type: str}\n"})
    with pytest.raises(TemplatesError, match=r"`licence`.*\.fleetgen/templates/mine\.yaml.*--set licence=…"):
        render(templates, PLACE, {})


def test_a_choice_that_is_none_is_named(tmp_path: Path) -> None:
    templates = accepted(tmp_path / "template", {"copier.yml": "db: {type: str, choices: [a, b]}\n"})
    with pytest.raises(TemplatesError, match=r"template `mine`: .*choice"):
        render(templates, PLACE, {"db": "c"})


# -- which answer answers


def test_facts_and_usual_answers_go_where_they_are_asked_for() -> None:
    questions: dict[str, dict[str, Any]] = {
        "service": {"type": "yaml"},
        "fleet": {"type": "str"},
        "Project-Name": {"type": "str"},
        "project_slug": {"default": "{{ project_name | lower }}"},
        "author": {"default": "Nobody"},
        "title": {"type": "str", "choices": ["a"]},
        "name": {"type": "int", "default": 3},
        "port": {"default": 8080},
    }
    suggested = dict.fromkeys(("fleet", "project_name", "project_slug", "author", "title", "name", "port"), "said")
    answers = {"service": {"a": 1}, "fleet": {"b": 2}, SUGGESTED: suggested, "port": 9090, "unasked": 1}
    assert chosen(questions, answers) == {
        "service": {"a": 1}, "fleet": "said", "Project-Name": "said", "author": "said", "port": 9090
    }  # fmt: skip


def test_which_paths_are_left_out_is_asked_of_copier(tmp_path: Path) -> None:
    templates = accepted(tmp_path / "template", own_templates.COPIER)
    given = {"project_name": "Order", "service": SERVICE}
    assert engine(templates).excluded(PLACE, {**given, "with_docker": False})("Dockerfile")
    assert not engine(templates).excluded(PLACE, given)("Dockerfile")


def test_what_the_template_gives_only_once_is_asked_of_copier(tmp_path: Path) -> None:
    files = {**own_templates.COPIER, "copier.yml": own_templates.COPIER_YML + '_skip_if_exists: ["{{ folder }}.txt"]\n'}
    draft = engine(accepted(tmp_path / "template", files)).draft(
        PLACE, {SUGGESTED: {FOLDER: "order"}, "project_name": "Order", "service": SERVICE}
    )
    once = draft.given_once()
    assert once("order.txt")
    assert not once("README.md")
