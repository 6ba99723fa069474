"""Which templates may be left alone when a release only changed others."""

from __future__ import annotations

import pytest

from fleetgen.render.files import EXECUTABLE, File
from fleetgen.render.unchanged import Unchanged

THEN = {
    "copier.yml": File(b"_exclude: []\n"),
    "macros/text.jinja": File(b"{% macro line() %}{% endmacro %}"),
    "macros/more.jinja": File(b"{%- from 'macros/text.jinja' import line -%}"),
    "plain.md.jinja": File(b"{{ service.name }}"),
    "near.md.jinja": File(b'{% from "macros/text.jinja" import line %}'),
    "far.md.jinja": File(b"{% import 'macros/more.jinja' as more %}"),
    "computed.md.jinja": File(b'{% include "macros/" ~ name %}'),
    "listed.md.jinja": File(b"{% include ['macros/text.jinja', 'macros/more.jinja'] %}"),
    "base.md.jinja": File(b"{%+ extends 'plain.md.jinja' %}"),
    "release.md.jinja": File(b"{{ _copier_answers._commit }}"),
    "{{ _copier_conf.answers_file }}.jinja": File(b"x"),
    "self.md.jinja": File(b"{% include 'self.md.jinja' %}"),
    "lost.md.jinja": File(b"{% include 'nowhere.jinja' %}"),
    "old.md": File(b"old"),
}
STEADY = {"plain.md.jinja", "near.md.jinja", "far.md.jinja", "base.md.jinja", "old.md"}
SHARED = {"macros/text.jinja", "macros/more.jinja"}
CHANGED = {
    "nothing": ({}, STEADY | SHARED),
    "a template": ({"plain.md.jinja": File(b"new")}, (STEADY | SHARED) - {"plain.md.jinja", "base.md.jinja"}),
    "a macro of a macro": ({"macros/text.jinja": File(b"new")}, {"plain.md.jinja", "base.md.jinja", "old.md"}),
    "a mode": ({"old.md": File(b"old", EXECUTABLE)}, (STEADY | SHARED) - {"old.md"}),
    "the rules": ({"copier.yml": File(b"_exclude: [x]\n")}, set()),
}


@pytest.mark.parametrize("what", CHANGED)
def test_only_what_surely_gives_the_same_counts_as_unchanged(what: str) -> None:
    changes, expected = CHANGED[what]
    now = {**THEN, **changes, "new.md": File(b"new")}
    unchanged = Unchanged(THEN, now)
    assert {path for path in now if path != "copier.yml" and unchanged(path)} == expected
