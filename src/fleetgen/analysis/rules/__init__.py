"""One rule a file, found by the engine. A module holds its documentation, `check` and `RULE`, and nothing else."""
