"""Ten thousand random histories, some of them in repositories where plain copier runs too."""

from __future__ import annotations

import pytest

from histories.replay import WITH_GIT, run

LONG = range(10_000)


def test_histories_with_plain_copier_in_between() -> None:
    assert run(range(WITH_GIT - 1, 3 * WITH_GIT, WITH_GIT)) == 3


@pytest.mark.full
def test_ten_thousand_histories() -> None:
    assert run(LONG) == len(LONG)
