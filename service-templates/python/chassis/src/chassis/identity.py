"""Identifiers that sort by the time they were made (UUID version 7)."""

from __future__ import annotations

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """A new identifier: 48 bits of milliseconds, then 74 random bits, so that a clock set back repeats nothing."""
    millis = time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF
    random = int.from_bytes(os.urandom(10), "big")
    high = random >> 68
    low = random & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=millis << 80 | 0x7 << 76 | high << 64 | 0x2 << 62 | low)
