"""Replays vectors: `python -m chassis.replay FILE …`.

Vectors are traces of what a reference model decided; this chassis must decide the same. Their format is described in
`vectors/README.md` of the conformance suite.
"""
