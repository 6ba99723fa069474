"""The conformance build of the Python chassis: hooks by which a test breaks a service. Never part of what is shipped.

`python -m chassis_conformance probe_order.main` runs the service as `python -m probe_order.main` would, and adds what
the suite's contract asks of a conformance build. A service that is started in any other way has none of it.
"""
