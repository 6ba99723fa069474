"""The architecture report of a fleet, from its model and analysis alone."""

from fleetgen.report.architecture.document import architecture_report

__all__ = ["architecture_report"]
