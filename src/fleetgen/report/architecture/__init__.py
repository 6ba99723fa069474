"""The architecture report of a fleet, from its specification, its analysis and what is generated from it."""

from fleetgen.report.architecture.document import architecture_report, subject_of
from fleetgen.report.architecture.sources import leaves
from fleetgen.report.architecture.subject import Subject
from fleetgen.report.architecture.trees import trees

__all__ = ["Subject", "architecture_report", "leaves", "subject_of", "trees"]
