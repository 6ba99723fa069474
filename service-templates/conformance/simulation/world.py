"""Time, chance, and processes that can be killed or paused wherever they wait.

A process is a generator that yields how many milliseconds it waits, or `Idle`. Between two waits it cannot be
interrupted, so what another process could see half-done in a real fleet must have a wait in its middle here.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass

STEPS_MOST = 200_000
IDLE_MOST = 4_000


@dataclass(frozen=True)
class Idle:
    """Wait until something happens there, or for a while."""

    place: Hashable


Body = Generator[int | Idle, None, None]


class World:
    """The clock (milliseconds), the chance, and what will happen. From `calm_from` on nothing is broken any more."""

    def __init__(self, seed: int, calm_from: int) -> None:
        self.rng = random.Random(seed)
        self.now = 0
        self.calm_from = calm_from
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._idlers: dict[Hashable, list[Callable[[], None]]] = defaultdict(list)

    def at(self, delay: int, act: Callable[[], None]) -> None:
        """Let something happen after so many milliseconds."""
        self._number += 1
        heapq.heappush(self._agenda, (self.now + delay, self._number, act))

    def idle(self, place: Hashable, act: Callable[[], None]) -> None:
        """Let something happen once something has happened there, or after a while."""
        self._idlers[place].append(act)
        self.at(self.about(IDLE_MOST // 2, IDLE_MOST), act)

    def happened(self, place: Hashable) -> None:
        """Wake who idles there."""
        for act in self._idlers.pop(place, []):
            self.at(0, act)

    def run(self, until: int) -> None:
        """Let time pass."""
        for _ in range(STEPS_MOST):
            if not self._agenda or self._agenda[0][0] > until:
                return
            self.now, _, act = heapq.heappop(self._agenda)
            act()
        raise RuntimeError("the simulation does not come to rest")

    def breaks(self, chance: float) -> bool:
        """Whether something goes wrong now."""
        return self.now < self.calm_from and self.rng.random() < chance

    def about(self, low: int, high: int) -> int:
        """Milliseconds by chance."""
        return self.rng.randint(low, high)


class Process:
    """Runs bodies until it is killed, and starts again with nothing in memory."""

    KILLED, PAUSED = 0.008, 0.006
    """Chances of being killed or paused at each wait."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.life = 0
        self.wakes_at = 0

    def bodies(self) -> list[Body]:
        """What it does, from the start."""
        raise NotImplementedError

    def on_kill(self) -> None:
        """What the world does with its remains."""

    def start(self) -> None:
        """Begin a life."""
        self.life += 1
        for body in self.bodies():
            self._resume(body, self.life)

    def _resume(self, body: Body, life: int) -> None:
        if life != self.life:
            body.close()
            return
        if self.world.now < self.wakes_at:
            self.world.at(self.wakes_at - self.world.now, lambda: self._resume(body, life))
            return
        if self.world.breaks(self.KILLED):
            body.close()
            self.kill()
            return
        if self.world.breaks(self.PAUSED):
            self.wakes_at = self.world.now + self.world.about(500, 20_000)
        wait = next(body, None)
        if isinstance(wait, Idle):
            self.world.idle(wait.place, self._once(body, life))
        elif wait is not None:
            self.world.at(wait, lambda: self._resume(body, life))

    def _once(self, body: Body, life: int) -> Callable[[], None]:
        ways = iter([True])  # woken, or tired of waiting: whichever is first
        return lambda: self._resume(body, life) if next(ways, False) else None

    def kill(self) -> None:
        """It is gone; a new one starts a little later."""
        self.life += 1
        self.on_kill()
        self.world.at(self.world.about(100, 4_000), self.start)
