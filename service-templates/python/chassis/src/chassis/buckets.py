"""Buckets of the outbox: keys are spread over them, and instances of a service share them out among themselves."""

from __future__ import annotations

from functools import lru_cache

BUCKETS = 64


@lru_cache(maxsize=4096)
def bucket(key: str) -> int:
    """Which bucket a key falls into: FNV-1a of 32 bits, modulo 64, the same in every language."""
    value = 0x811C9DC5
    for byte in key.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value % BUCKETS
