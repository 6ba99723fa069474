"""A lease: at most one owner at a time, and a token that grows with each new one. Pure; moments in milliseconds.

The database keeps leases by the same rules: `lease_take`, and the statements of `leases` and `locks`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

TTL, RENEW, TRUST = 10_000, 3_000, 7_000
"""How long a lease lasts, after how long its holder prolongs it, and how long it believes in it when that fails."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A row. Nobody holds it from `expires` on."""

    owner: str | None = None
    token: int = 0
    expires: int = 0

    def take(self, owner: str, ttl: int, now: int) -> Lease | None:
        """Taken, or prolonged by its owner; `None` while another one holds it."""
        runs = now < self.expires
        if runs and owner != self.owner:
            return None
        return Lease(owner, self.token if runs else self.token + 1, now + ttl)

    def is_held(self, owner: str, token: int, now: int) -> bool:
        """Whether this owner still holds it under this token: then it may write."""
        return self.is_of(owner, token) and now < self.expires

    def is_of(self, owner: str, token: int) -> bool:
        """Whether nobody else has taken it since."""
        return (self.owner, self.token) == (owner, token)

    def prolonged(self, ttl: int, now: int) -> Lease:
        """By its holder."""
        return replace(self, expires=now + ttl)

    def released(self) -> Lease:
        """Free at once; the token stays, so that the next owner has a greater one."""
        return Lease(token=self.token)


def is_trusted(renewed: int, now: int) -> bool:
    """Whether a lease was renewed so lately that nobody else can hold it; on the holder's own clock."""
    return now - renewed <= TRUST


def may_write(fence: int, token: int) -> bool:
    """Whether a resource that was last written under the token `fence` may be written under `token`."""
    return token >= fence
