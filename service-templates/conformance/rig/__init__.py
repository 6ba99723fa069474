"""What the scenarios stand on: servers, services, faults, and what must hold afterwards. Knows no language."""
