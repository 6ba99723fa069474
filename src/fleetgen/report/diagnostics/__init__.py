"""Diagnostics in the forms that people and tools read. Every form is a function from the same data to text."""

from fleetgen.report.diagnostics.github import github
from fleetgen.report.diagnostics.json import as_json
from fleetgen.report.diagnostics.sarif import sarif
from fleetgen.report.diagnostics.text import Segment, segments, summary, text

__all__ = ["Segment", "as_json", "github", "sarif", "segments", "summary", "text"]
