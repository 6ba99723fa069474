from __future__ import annotations

from itertools import product

import pytest

from fleetgen.evolve.decide import Verdict, decide
from fleetgen.evolve.ownership import Owner, owner_of
from fleetgen.render.files import Stamp

A, B, C = Stamp("a"), Stamp("b"), Stamp("c")
USER, OURS = Owner.USER, Owner.FLEETGEN

# (owner, rendered last, wanted, on disk)
TABLE = {
    (USER, None, A, None): Verdict.ADD,
    (USER, None, A, A): Verdict.NOTHING,
    (USER, None, A, B): Verdict.MERGE,
    (USER, A, A, A): Verdict.NOTHING,
    (USER, A, A, B): Verdict.NOTHING,
    (USER, A, A, None): Verdict.NOTHING,
    (USER, A, B, None): Verdict.NOTHING,
    (USER, A, B, A): Verdict.CHANGE,
    (USER, A, B, B): Verdict.NOTHING,
    (USER, A, B, C): Verdict.MERGE,
    (USER, A, None, A): Verdict.DELETE,
    (USER, A, None, B): Verdict.KEEP,
    (USER, A, None, None): Verdict.NOTHING,
    (USER, None, None, A): Verdict.NOTHING,
    (USER, None, None, None): Verdict.NOTHING,
    (OURS, None, A, None): Verdict.ADD,
    (OURS, None, A, A): Verdict.NOTHING,
    (OURS, None, A, B): Verdict.EDITED,
    (OURS, A, A, None): Verdict.ADD,
    (OURS, A, A, B): Verdict.EDITED,
    (OURS, A, B, None): Verdict.ADD,
    (OURS, A, B, A): Verdict.CHANGE,
    (OURS, A, B, B): Verdict.NOTHING,
    (OURS, A, B, C): Verdict.EDITED,
    (OURS, A, None, A): Verdict.DELETE,
    (OURS, A, None, B): Verdict.EDITED,
    (OURS, A, None, None): Verdict.NOTHING,
    (OURS, None, None, A): Verdict.NOTHING,
}


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_verdict(case: tuple[Owner, Stamp | None, Stamp | None, Stamp | None]) -> None:
    assert decide(*case) is TABLE[case]


def test_an_edit_of_a_persons_file_is_never_overwritten_or_deleted() -> None:
    stamps = (None, A, B, C)
    for base, wanted, current in product(stamps, stamps, stamps):
        if current is not None and current != base:
            assert decide(USER, base, wanted, current) in {Verdict.NOTHING, Verdict.MERGE, Verdict.KEEP}


def test_a_changed_mode_is_a_change() -> None:
    assert decide(USER, A, Stamp("a", True), A) is Verdict.CHANGE


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("services/order/src/shop_order/gen/messages.py", OURS),
        ("services/order/src/shop_order/gen/deep/er.sql", OURS),
        ("services/order/.copier-answers.yml", OURS),
        (".copier-answers.yml", OURS),
        ("contracts/events/a.avsc", OURS),
        ("deploy/compose.yaml", OURS),
        ("docs/report/index.md", OURS),
        ("fleet.lock", OURS),
        (".fleetgen/templates.bundle", OURS),
        ("docs/adr/0001-a.md", USER),
        ("fleet.yaml", USER),
        ("services/order/src/shop_order/gen.py", USER),
        ("services/order/deploy/x", USER),
        ("services/generator/src/main.py", USER),
        ("services/gen/src/shop_gen/main.py", USER),
        ("services/gen/src/shop_gen/gen/messages.py", OURS),
        ("README.md", USER),
    ],
)
def test_owner(path: str, owner: Owner) -> None:
    assert owner_of(path) is owner
