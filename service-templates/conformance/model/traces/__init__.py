"""Strategies that make traces: situations as they come up in a fleet, and the odd ones between them."""
