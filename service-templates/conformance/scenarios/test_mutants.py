"""The suite is tested itself: wrong variants of the chassis, each of which a scenario must fail in its own words.

The build as it is passes the same scenario in the same run. A suite that has never failed proves nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.peer import Peer
from rig.players import Players
from rig.results import RESULTS
from rig.sagas import SAGA_SERVICES
from rig.servers import Servers
from rig.subject import Subject
from scenarios import test_c03_order as c03
from scenarios import test_c05_duplicates as c05
from scenarios import test_c11_consumer_crash as c11
from scenarios import test_c20_failure_matrix as c20
from scenarios import test_c22_timers as c22
from scenarios import test_c23_barrier as c23
from scenarios import test_c28_breaker as c28


@dataclass(frozen=True)
class Mutant:
    """A patch, the scenario that must fail on it, and what that says."""

    name: str
    scenario: str
    run: Callable[[Fleet], None]
    says: str


def barrier(fleet: Fleet) -> None:
    fleet.ensure(*SAGA_SERVICES)
    c23.test_before_its_step(fleet, c23.Conductor(fleet))


def undoing(fleet: Fleet) -> None:
    fleet.only("order")
    fleet.ensure("order")
    players = Players(fleet)
    try:
        c20.run_all(fleet, players, [{("SendParcel", False): ["refuse"]}])
    finally:
        players.stop()


def storm(fleet: Fleet) -> None:
    peer = Peer()
    fleet.only()
    fleet.peers["risk"] = peer.url
    try:
        fleet.ensure("order")
        c28.test_a_storm_of_retries(fleet, peer)
    finally:
        fleet.peers.clear()
        fleet.only()
        peer.close()


def with_counters(scenario: Callable[[Fleet, list[str]], None]) -> Callable[[Fleet], None]:
    return lambda fleet: scenario(fleet, c03.two_counters(fleet))


late_commit = with_counters(c03.test_r1_a_commit_that_comes_late_is_not_passed_over)
early_id = with_counters(c03.test_r2_and_r3_an_early_transaction_id_changes_no_order)
slow_relay = with_counters(c03.test_a_slow_relay_is_not_overtaken)
notified = with_counters(c03.test_no_notification_rides_on_a_transaction)

MUTANTS = (
    Mutant("relay-with-a-cursor", "C03", late_commit, "R1: "),
    Mutant("relay-by-transaction-id", "C03", early_id, "R3: "),
    Mutant("relay-skips-locked-rows", "C03", slow_relay, "C03: one relay overtook"),
    Mutant("notify-in-the-transaction", "C03", notified, "C03: notified within"),
    Mutant("inbox-of-a-minute", "C05", c05.test_a_record_that_comes_again_after_weeks, "C05: one signal counted"),
    Mutant("offsets-before-effects", "C11", c11.test_records_in_hand_without_an_order, "C11: "),
    Mutant("undo-in-forward-order", "C20", undoing, "was undone before"),
    Mutant("timers-in-memory", "C22", c22.test_a_deadline_over_a_restart, "C22: "),
    Mutant("no-barrier", "C23", barrier, "C23: "),
    Mutant("retries-without-a-budget", "C29", storm, "C29: "),
)


@contextmanager
def patched(subject: Subject, root: Path, servers: Servers, mutant: Mutant) -> Iterator[Fleet]:
    """A fleet of the same services with the patch in their chassis, on databases of its own."""
    copy = root.with_name(f"mutant-{mutant.name}")
    shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".fleet", ".git", ".bytecode"))
    (copy / ".venv").symlink_to(root / ".venv")
    patch = subject.mutant(mutant.name)
    subprocess.run(["git", "apply", "--unsafe-paths", f"--directory={copy}", str(patch)], cwd="/", check=True)
    fleet = Fleet(subject, copy, servers, servers.folder.path, tag=f"_{mutant.name[:20].replace('-', '_')}")
    try:
        yield fleet
    finally:
        fleet.close()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_wrong_chassis_is_failed(
    pytestconfig: pytest.Config, whole_fleet: Fleet, subject: Subject, root: Path, servers: Servers, mutant: Mutant
) -> None:
    whole_fleet.only()
    mutant.run(whole_fleet)
    await_rest(whole_fleet)
    whole_fleet.only()
    with patched(subject, root, servers, mutant) as fleet, pytest.raises(AssertionError) as failure:
        mutant.run(fleet)
    said = str(failure.value).splitlines()[0]
    assert re.search(mutant.says, said), f"failed, but not for its own reason: {said}"
    pytestconfig.stash[RESULTS].mutants.append((mutant.name, mutant.scenario, said))
