"""The page of metrics names what the chassis reports, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "metrics.md"
CHASSIS = ROOT / "service-templates" / "python" / "chassis" / "src" / "chassis"
CREATED = re.compile(r'(?:create_(?:observable_)?(counter|histogram|gauge)|_(gauge))\(\s*"([a-z_.]+)"')
ROW = re.compile(r"^\| `([a-z_.]+)` \| (counter|histogram|gauge) \|", re.MULTILINE)


def test_the_table_of_metrics_is_that_of_the_source() -> None:
    found = [match for file in sorted(CHASSIS.rglob("*.py")) for match in CREATED.findall(file.read_text("utf-8"))]
    source = {name: kind or gauge for kind, gauge, name in found}
    rows = ROW.findall(PAGE.read_text("utf-8"))
    assert len(rows) == len({name for name, _ in rows})
    assert dict(rows) == source
