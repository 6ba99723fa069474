"""Commands sent by several clients at once, and the account of what became of them."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rig.fleet import Fleet
from rig.invariants import ACCOUNT

ANSWER = 120.0  # seconds in which somebody must say what became of a command


@dataclass
class Load:
    """Adds to `keys` counters and withdraws from as many accounts, each command with one key until it is answered.

    `check` is I9: what was acknowledged is there, once. Commands go to whichever instance lives.
    """

    fleet: Fleet
    keys: int = 20
    clients: int = 6
    seed: int = 1
    pace: float = 0.0  # seconds between two commands of a client
    limit: float = 10.0  # seconds a client waits for one answer
    seconds: list[float] = field(default_factory=list)  # how long each command took to be acknowledged
    refused: Counter[str] = field(default_factory=Counter)  # answers other than success, by status
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        mark = uuid.uuid4().hex[:8]
        self.names = [f"load-{mark}-{number}" for number in range(self.keys)]
        self.added: Counter[str] = Counter()
        self.withdrawn: Counter[str] = Counter()
        self._guard, self._over, self._left = threading.Lock(), threading.Event(), 0
        for number in range(self.clients):
            self.fleet.admit(f"client-{number}", "AddToCounter", "WithdrawMoney")
        for name in self.names:
            self.fleet.do("OpenCounter", {"name": name, "total": 0})
            self.fleet.do("OpenAccount", {"holder": name, "balance": ACCOUNT})

    def send(self, count: int) -> None:
        """So many commands, then wait for their answers."""
        with self.flowing(count):
            pass

    @contextmanager
    def flowing(self, count: int = 0) -> Iterator[Load]:
        """Commands flow while inside, or until `count` of them were sent; on leaving all are answered."""
        self._over.clear()
        self._left = count
        threads = [
            threading.Thread(target=self._client, args=(number, bool(count)), name=f"client-{number}")
            for number in range(self.clients)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            if not count:
                self._over.set()
            for thread in threads:
                thread.join()
        assert self.problems == [], self.problems[:3]

    def check(self) -> None:
        """I9: every counter and account shows just what was acknowledged."""
        names = self.names
        totals = dict(self.fleet.sql("counter", "SELECT name, total FROM counters WHERE name = ANY(%s)", names))
        assert totals == {name: self.added[name] for name in names}, "I9: counters differ from what was acknowledged"
        query = "SELECT holder, balance FROM accounts WHERE holder = ANY(%s)"
        left = dict(self.fleet.sql("counter", query, names))
        wanted = {name: ACCOUNT - self.withdrawn[name] for name in names}
        assert left == wanted, "I9: accounts differ from what was acknowledged"

    def _client(self, number: int, counted: bool) -> None:
        chance = random.Random(self.seed * 1000 + number)
        subject = f"client-{number}"
        try:
            while not self._over.is_set():
                if counted:
                    with self._guard:
                        if self._left <= 0:
                            return
                        self._left -= 1
                self._command(chance, subject)
                if self.pace:
                    self._over.wait(self.pace)
        except Exception as reason:  # told by `flowing`: a thread's own end would be silent
            self.problems.append(repr(reason))

    def _command(self, chance: random.Random, subject: str) -> None:
        name, amount = chance.choice(self.names), chance.randint(1, 9)
        adds = chance.random() < 0.8
        if adds:
            command, given = "AddToCounter", {"name": name, "amount": amount}
        else:
            command, given = "WithdrawMoney", {"holder": name, "amount": amount}
        key, begun, turn = str(uuid.uuid4()), time.monotonic(), chance.randint(0, 1000)
        while True:
            places = self.fleet.running("counter")
            at = places[turn % len(places)] if places else None
            reply = self.fleet.ask(command, given, subject=subject, key=key, at=at, limit=self.limit) if at else None
            if reply is not None and reply.status in (200, 201):
                break
            with self._guard:
                self.refused[str(reply.status) if reply else "no answer"] += 1
            assert time.monotonic() < begun + ANSWER, f"{command}: no answer in {ANSWER:.0f} s, last {reply}"
            turn += 1
            time.sleep(1.0 if reply is not None and reply.status == 429 else 0.05)
        with self._guard:
            self.seconds.append(time.monotonic() - begun)
            (self.added if adds else self.withdrawn)[name] += amount

    def p99(self) -> float:
        """Of the seconds until acknowledgement."""
        ordered = sorted(self.seconds)
        return ordered[int(len(ordered) * 0.99)] if ordered else 0.0
