"""The anti-corruption layer: what other contexts publish, in this context's own terms. Nothing else knows theirs."""
