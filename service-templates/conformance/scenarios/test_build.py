"""The hooks of the suite are part of a conformance build and of nothing else."""

from __future__ import annotations

from fleetgen.runtime.http import fetch

from rig.fleet import Fleet


def test_a_plain_build_has_no_hooks(fleet: Fleet) -> None:
    fleet.only()
    passages = fleet.folder / "plain-passages"
    clock = fleet.folder / "plain-clock"
    clock.write_text("86400")
    plain = fleet.start(
        "counter", "plain", FLEET_CRASH_AT="tx.before_commit", FLEET_FAIL_AT="tx.before_commit",
        FLEET_PAUSE_AT="tx.before_commit:60000", FLEET_CLOCK_OFFSET_FILE=str(clock),
        FLEET_PASSAGES_FILE=str(passages),
    )  # fmt: skip
    fleet.do("OpenCounter", {"name": "plain", "total": 0}, limit=20)
    for base in (plain.http, plain.admin):
        for name in ("handler", "faults"):
            reply = fetch("POST", f"{base}/conformance/{name}", {})
            assert reply is not None and reply.status == 404, (base, name, reply)
    assert plain.lives
    assert not passages.exists(), "a plain build counts passages"
    fleet.only()
    fleet.ensure("counter", "tally")
