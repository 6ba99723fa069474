"""The same diagnostics as text, JSON, SARIF and annotations."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from fleetgen.core.diagnostic import Diagnostic, Severity, Span
from fleetgen.report.diagnostics import as_json, github, sarif, segments, summary, text

SOURCE = "fleet: shop\nsagas:\n      - ReserveStock\n"
NO_UNDO = Diagnostic(
    "SAGA-1",
    "no-undo-before-pivot",
    Severity.ERROR,
    "step `ReserveStock` of saga `order` can commit but has no undo",
    Span("fleet.yaml", 3, 9, 12),
    "write `ReserveStock / ReleaseStock`",
    (("the saga", Span("fleet.yaml", 2, 1, 5)),),
)
NOWHERE = Diagnostic("OUT-1", "no-folder", Severity.INFORMATION, "nothing to write")


def test_text_shows_line_caret_related_and_hint():
    assert text([NO_UNDO, NOWHERE], {"fleet.yaml": SOURCE}) == (
        "fleet.yaml:3:9: error SAGA-1 no-undo-before-pivot: "
        "step `ReserveStock` of saga `order` can commit but has no undo\n"
        "  3 |       - ReserveStock\n"
        "              ^^^^^^^^^^^^\n"
        "fleet.yaml:2:1: the saga\n"
        "hint: write `ReserveStock / ReleaseStock`\n"
        "\n"
        "information OUT-1 no-folder: nothing to write\n"
    )


def test_text_without_the_source_leaves_the_excerpt_out():
    shown = text([NO_UNDO], {})
    assert "^" not in shown
    assert shown.startswith("fleet.yaml:3:9: error")


def at(column: int, length: int = 1, line: int = 1) -> Diagnostic:
    return Diagnostic("SPEC-1", "x", Severity.ERROR, "m", Span("f", line, column, length))


def excerpt(diagnostic: Diagnostic, source: str) -> list[str]:
    return text([diagnostic], {"f": source}).split("\n")[1:-1]


def test_caret_stands_under_its_word_behind_tabs_and_wide_characters():
    assert excerpt(at(3), "\tkx") == ["  1 | \tkx", "      \t ^"]
    assert excerpt(at(3, 2), "店: ab") == ["  1 | 店: ab", "         ^^"]
    assert excerpt(at(2, 2), "a店b") == ["  1 | a店b", "       ^^^"]


def test_caret_beyond_the_line_stands_at_its_end():
    assert excerpt(at(40, 7), "ab\r") == ["  1 | ab", "        ^"]
    assert excerpt(at(1, 5, line=9), "ab") == []


def test_long_lines_are_cut_round_the_caret():
    line, caret = excerpt(at(5001, 3), "a" * 5000 + "bad" + "c" * 5000)
    assert len(line) < 200
    assert line[caret.index("^") :][:3] == "bad"
    assert caret.count("^") == 3


def test_control_characters_do_not_reach_the_terminal():
    (line, _) = excerpt(at(1), "key: \x1b[2Jgone\u202e")
    assert line == "  1 | key: �[2Jgone�"


def test_segments_join_to_the_text():
    parts = list(segments([NO_UNDO], {"fleet.yaml": SOURCE}))
    assert "".join(part.text for part in parts) == text([NO_UNDO], {"fleet.yaml": SOURCE})
    assert {part.role for part in parts} >= {"place", "error", "code", "message", "gutter", "source", "caret", "hint"}


def test_summary_counts():
    assert summary([]) == "nothing found"
    assert summary([NO_UNDO, NO_UNDO, NOWHERE]) == "2 errors, 1 note"


def test_json_holds_everything():
    first, second = json.loads(as_json([NO_UNDO, NOWHERE]))["diagnostics"]
    assert first == {
        "code": "SAGA-1",
        "name": "no-undo-before-pivot",
        "severity": "error",
        "message": NO_UNDO.message,
        "span": {"file": "fleet.yaml", "line": 3, "column": 9, "length": 12},
        "hint": NO_UNDO.hint,
        "related": [{"message": "the saga", "span": {"file": "fleet.yaml", "line": 2, "column": 1, "length": 5}}],
    }
    assert second["span"] is None


def test_annotations():
    assert github([NO_UNDO, NOWHERE]).splitlines() == [
        "::error file=fleet.yaml,line=3,endLine=3,col=9,endColumn=21,title=SAGA-1 no-undo-before-pivot::"
        "step `ReserveStock` of saga `order` can commit but has no undo%0Afleet.yaml:2:1: the saga%0A"
        "hint: write `ReserveStock / ReleaseStock`",
        "::notice title=OUT-1 no-folder::nothing to write",
    ]


def test_annotations_escape():
    odd = Diagnostic("A-1", "n", Severity.WARNING, "50%\r\nof, all: x", Span("a,b:c%.yaml", 1))
    assert github([odd]) == (
        "::warning file=a%2Cb%3Ac%25.yaml,line=1,endLine=1,col=1,endColumn=2,title=A-1 n::50%25%0D%0Aof, all: x\n"
    )


@given(st.text(), st.text(min_size=1))
def test_an_annotation_is_one_line_whatever_is_said(said, file):
    line = github([Diagnostic("A-1", "n", Severity.ERROR, said, Span(file.replace("\0", "x")), said)])
    assert line.count("\n") == 1 and "\r" not in line
    assert re.fullmatch(r"::error file=[^,:]*,line=1,endLine=1,col=1,endColumn=2,title=A-1 n::.*\n", line, re.DOTALL)


def test_sarif_has_the_shape_of_the_standard():
    log = json.loads(sarif([NO_UNDO, NOWHERE, NO_UNDO], "1.2.3"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("fleetgen", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["SAGA-1", "OUT-1"]
    assert [result["level"] for result in run["results"]] == ["error", "note", "error"]
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    first = run["results"][0]
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "fleet.yaml"},
                "region": {"startLine": 3, "startColumn": 9, "endColumn": 21},
            }
        }
    ]
    assert first["relatedLocations"][0]["message"] == {"text": "the saga"}
    assert first["message"]["text"].endswith("\nhint: write `ReserveStock / ReleaseStock`")
    assert "locations" not in run["results"][1]


def test_sarif_carries_the_documentation_of_rules():
    rule = json.loads(sarif([NO_UNDO]))["runs"][0]["tool"]["driver"]["rules"][0]
    assert rule["fullDescription"]["text"].startswith("Looks for a step")
    assert "## Use instead" in rule["help"]["markdown"]
    assert rule["defaultConfiguration"] == {"level": "error"}


def test_sarif_uris_are_escaped():
    log = json.loads(sarif([Diagnostic("A-1", "n", Severity.ERROR, "m", Span("contexts/a b#.yaml"))]))
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "contexts/a%20b%23.yaml"
