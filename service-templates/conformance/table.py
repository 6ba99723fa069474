"""Write the results of runs into the page of the documentation: `table.py PAGE RESULTS.json…`.

Where files tell of the same language, the later one is believed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- results: written by `make conformance-table` -->", "<!-- end of results -->"


def table(results: list[dict[str, Any]]) -> str:
    """Scenario by language, then the mutants of each."""
    languages = [result["subject"] for result in results]
    scenarios = sorted({scenario for result in results for scenario in result["scenarios"]})
    lines = ["| scenario | " + " | ".join(languages) + " |", "|---" * (len(languages) + 1) + "|"]
    for scenario in scenarios:
        cells = [_cell(result["scenarios"].get(scenario)) for result in results]
        lines.append(f"| {scenario} | " + " | ".join(cells) + " |")
    for result in results:
        if result["mutants"]:
            lines += ["", f"Mutants of the chassis in {result['subject']}:", "", "| mutant | caught by | which said |"]
            lines.append("|---|---|---|")
            lines += [f"| {name} | {scenario} | {_plain(said)} |" for name, scenario, said in sorted(result["mutants"])]
    return "\n".join(lines)


def _cell(found: dict[str, Any] | None) -> str:
    return f"{found['outcome']} ({found['tests']})" if found else "not run"


def _plain(said: str) -> str:
    """One line without what differs from run to run."""
    said = said.removeprefix("AssertionError: ")
    said = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "…", said)
    return re.sub(r"(late|load|item|board)-[0-9a-f]{8}", r"\1-…", said).replace("|", "\\|")[:120]


def main(page: Path, files: list[Path]) -> None:
    """Replace what stands between the marks."""
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    merged: dict[str, dict[str, Any]] = {}
    for file in files:
        found = json.loads(file.read_text())
        known = merged.setdefault(found["subject"], {"subject": found["subject"], "scenarios": {}, "mutants": {}})
        known["scenarios"] |= found["scenarios"]
        known["mutants"] |= {name: (name, scenario, said) for name, scenario, said in found["mutants"]}
    results = [{**known, "mutants": list(known["mutants"].values())} for known in merged.values()]
    page.write_text(f"{before}{BEGIN}\n\n{table(results)}\n\n{END}{after}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
