"""C24: many sagas want the last units of one item. As many as there are units get one, the others are undone."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from rig.fleet import Fleet
from rig.sagas import SAGA_SERVICES, Saga, order, stock
from rig.waiting import until


@pytest.mark.parametrize(("sagas", "units"), [(20, 4), pytest.param(50, 10, marks=pytest.mark.full)])
def test_the_last_units(fleet: Fleet, sagas: int, units: int) -> None:
    fleet.ensure(*SAGA_SERVICES)
    sku, begun, guard = stock(fleet, units), [], threading.Lock()

    def start(number: int) -> None:
        saga = order(fleet, sku, subject=f"buyer-{number}")
        with guard:
            begun.append(saga)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(sagas)]
    since = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == sagas
    until(lambda: all(saga.status in ("completed", "compensated") for saga in begun), lambda: f"{ends(begun)}", 120)
    assert ends(begun) == Counter(completed=units, compensated=sagas - units), ends(begun)
    assert fleet.sql("inventory", "SELECT reserved FROM stocks WHERE sku = %s", sku) == [(units,)]
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert all(fleet.sql(name, deadlocks) == [(0,)] for name in SAGA_SERVICES), "C24: deadlocks"
    print(f"{sagas} sagas in {time.monotonic() - since:.1f} s")


def ends(sagas: list[Saga]) -> Counter[str]:
    return Counter(saga.status for saga in sagas)
