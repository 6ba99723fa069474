"""The traces of the reference model: this chassis decides the same, and a chassis with a broken rule is found."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from chassis import backoff, inbox_rules, lease_rules, relay_rules, retry_rules
from chassis.http import breaker, bulkhead, deadlines, limits, retries
from chassis.replay import calls
from chassis.replay.__main__ import main
from chassis.replay.traces import CORES, replayed
from chassis.saga import barrier, choreography, fulfilment, orchestration

VECTORS = Path(__file__).parents[4] / "conformance" / "vectors"
LEAST = 10_000


def file_of(core: str) -> Path:
    return VECTORS / f"{core}.jsonl.gz"


@pytest.mark.parametrize("core", sorted(CORES))
def test_this_chassis_decides_as_the_model(core: str) -> None:
    result = replayed(file_of(core))
    assert result.cores == [core]
    assert result.differences == []
    assert result.steps > result.traces > 0


@pytest.mark.parametrize("path", sorted(VECTORS.glob("regressions/*.jsonl")), ids=lambda path: path.stem)
def test_what_once_failed_does_not_fail_again(path: Path) -> None:
    assert replayed(path).differences == []


def test_every_core_has_its_file_and_there_are_enough_traces() -> None:
    assert {path.name.removesuffix(".jsonl.gz") for path in VECTORS.glob("*.gz")} == set(CORES)
    assert sum(len(gzip.decompress(path.read_bytes()).splitlines()) for path in VECTORS.glob("*.gz")) >= LEAST


def never(*_: Any, **__: Any) -> bool:
    return False


BROKEN: list[tuple[str, Any, str, Any]] = [
    ("back-off", calls, "equal_jitter", backoff.full_jitter),
    ("retry", retries, "TENTHS", 5),  # twice the budget
    ("retry-topic", retry_rules, "next_level", lambda *_, delays, **__: 1 if delays else None),  # for ever
    ("breaker", breaker, "SUCCESSES_TO_CLOSE", 1),
    ("breaker", breaker, "OPEN_MOST", 10**9),
    ("bulkhead", bulkhead, "WAIT_PART", 2),
    ("rate-limit", limits, "TOKEN", 59_999),
    ("deadline", deadlines, "WAY_BACK", 0),
    ("lease", lease_rules, "TRUST", lease_rules.TTL),
    ("lease", lease_rules.Lease, "is_of", lambda self, owner, token: self.owner == owner),  # no fencing token
    ("relay", relay_rules, "MOST_ATTEMPTS", 11),
    ("relay", relay_rules, "BUCKETS", 60),
    ("inbox", inbox_rules, "IN_PLACE_TRIES", 4),
    ("inbox", inbox_rules, "decide", lambda arrival: inbox_rules.Verdict.HANDLE),
    ("barrier", barrier, "behind", lambda *_, **__: "act"),
    ("orchestration", orchestration, "TRIES", 4),
    ("choreography", choreography, "is_undo_due", never),
    ("fulfilment", fulfilment, "COMPENSATION_SHARE", 0.1),
]


@pytest.mark.parametrize(
    ("core", "module", "rule", "broken"), BROKEN, ids=[f"{core}-{rule}" for core, _, rule, _ in BROKEN]
)
def test_a_broken_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, core: str, module: Any, rule: str, broken: Any
) -> None:
    monkeypatch.setattr(module, rule, broken)
    assert replayed(file_of(core)).differences


def test_every_core_was_broken_once() -> None:
    assert {core for core, *_ in BROKEN} == set(CORES)


def test_the_command_says_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = json.loads(gzip.decompress(file_of("bulkhead").read_bytes()).splitlines()[0])
    trace["steps"][0]["next"]["running"] += 1
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(trace) + "\n", "utf-8")
    assert main([str(path)]) == 1
    out = capsys.readouterr().out
    assert "bulkhead-0, step 1: next.running: wanted 2, got 1" in out
    assert main([str(file_of("bulkhead"))]) == 0


NO_TRACES = [
    "{",
    "[]",
    '{"core": "nothing"}',
    '{"core": "relay", "name": "x", "config": {}, "steps": [{}]}',
    '{"core": "lease", "name": "x", "config": {}, "steps": [{"now": 0, "input": {"x": {}}, "effects": []}]}',
]


@pytest.mark.parametrize("text", NO_TRACES)
def test_what_cannot_be_replayed_is_no_success(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text(text + "\n", "utf-8")
    assert main([str(path)]) == 2
    assert main([str(tmp_path / "missing.jsonl")]) == 2
    assert main([]) == 2
