"""The reference model of a chassis: what its contract says, written again apart from every chassis.

Each core is a function `(config, state, given, now) -> (next, effects)` on JSON values, as `../vectors/README.md`
describes them. Nothing here imports a chassis, so the two can disagree: `write` makes traces of the model, and every
chassis replays them.
"""
