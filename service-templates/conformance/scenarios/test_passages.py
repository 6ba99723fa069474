"""A point that is never passed proves nothing: behind all scenarios, each was."""

from __future__ import annotations

from collections import Counter

import pytest

from rig.fleet import Fleet

LABELS = (
    "tx.before_commit", "tx.after_commit",
    "relay.after_select", "relay.after_send", "relay.after_ack", "relay.after_delete", "relay.after_commit",
    "inbox.after_poll", "inbox.after_insert", "inbox.after_effect", "inbox.after_commit", "inbox.after_offset",
    "park.after_insert", "retry.after_produce", "dlq.after_produce", "redrive.after_produce",
    "saga.after_start", "saga.after_reply_commit", "saga.timer_claimed", "saga.after_compensate_commit",
    "barrier.after_insert", "lease.after_take", "shutdown.draining",
)  # fmt: skip


def test_every_point_was_passed(request: pytest.FixtureRequest, whole_fleet: Fleet) -> None:
    files = {item.path.name for item in request.session.items}
    whole = sum(name.startswith("test_c") for name in files) >= len(list(request.path.parent.glob("test_c*.py")))
    passed = Counter(line.split(" ")[0] for line in whole_fleet.passages.read_text().splitlines())
    never = [label for label in LABELS if not passed[label]]
    assert passed, "no point was passed at all"
    assert not (whole and never), f"never passed: {never}"
