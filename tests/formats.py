"""The samples with their messages in either format."""

from __future__ import annotations

import re
from pathlib import Path

from fleetgen.core.resources import sample

ENDINGS = {"avro": "avsc", "protobuf": "proto"}


def written(name: str, form: str, folder: Path) -> Path:
    """The specification of a sample whose messages travel in `form`, in `folder`."""
    source = sample(name)
    assert source is not None
    text, found = re.subn(r"format: avro\b", f"format: {form}", source.read_text())
    if not found:
        assert "\nplatform:" not in text
        text += f"\nplatform:\n  events: {{format: {form}}}\n"
    path = folder / "fleet.yaml"
    path.write_text(text)
    return path
