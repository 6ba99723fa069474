"""Running a fleet on this machine: `running.up`, `down`, `status`, `logs`, `smoke`, `seed`, `token`, `doctor`.

Nothing here prints: what happens is told to a listener as the frozen data of `events`, results are frozen data, and
what cannot be done is an `events.RuntimeProblem`. Importing this package imports none of its parts, since some need the
extra `fleetgen[run]`.
"""
