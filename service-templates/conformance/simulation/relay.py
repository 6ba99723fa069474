"""The relay of one instance of a service: outbox to broker, under leases, by the model's `relay` and `lease`."""

from __future__ import annotations

from model.leases import lease
from model.messages import relay
from model.values import Json

from simulation.broker import Broker
from simulation.database import BUCKETS, Database, Row
from simulation.world import Body, Idle, Process, World

TTL, RENEW, BATCH = 10_000, 3_000, 6


class Relay(Process):
    """One instance."""

    def __init__(self, world: World, name: str, database: Database, broker: Broker) -> None:
        super().__init__(world, name)
        self.database, self.broker = database, broker

    def bodies(self) -> list[Body]:
        return [self._relay()]

    def _relay(self) -> Body:
        owner, tokens, renewed = f"{self.name}#{self.life}", dict[int, int](), -RENEW
        while True:
            if self.world.now - renewed >= RENEW:
                renewed = self.world.now
                tokens = self._take(owner)
            rows = self.select(tokens)
            if not rows:
                yield Idle(self.database.name)
                continue
            yield self.world.about(1, 5)
            if not self._decided(lease, {}, {"trust": {"renewed": renewed}})[0]["trust"]:
                renewed = -RENEW
                continue
            results, away = [], set[str]()
            for row in rows:
                results.append(self.broker.produce(row, away))
                if self.world.breaks(0.01):
                    yield self.world.about(1, 3_000)  # slow in the middle of a batch
            yield self.world.about(1, 10)
            self.record(rows, results, owner, tokens)

    def _take(self, owner: str) -> dict[int, int]:
        tokens = {}
        for bucket in range(BUCKETS):
            token = self._of_lease(bucket, {"take": {"owner": owner, "ttl": TTL}})[0]["token"]
            if token is not None:
                tokens[bucket] = token
        return tokens

    def _of_lease(self, bucket: int, given: Json) -> list[Json]:
        name = f"relay:{bucket}"
        state, effects = lease({}, self.database.lease(name), given, self.world.now)
        self.database.leases[name] = state
        return effects

    def _decided(self, core: Json, state: Json, given: Json) -> list[Json]:
        effects: list[Json] = core(
            {}, {**{"owner": None, "token": 0, "expires": 0, "fence": 0}, **state}, given, self.world.now
        )[1]
        return effects

    def select(self, tokens: dict[int, int]) -> list[Row]:
        """What is there, in order of position; keys that are held wait whole. No cursor."""
        rows = self.database.outbox.values()
        held = {(row.topic, row.key) for row in rows if row.not_before > self.world.now}
        mine = [row for row in rows if row.bucket in tokens and (row.topic, row.key) not in held]
        return sorted(mine, key=lambda row: row.position)[:BATCH]

    def record(self, rows: list[Row], results: list[str | None], owner: str, tokens: dict[int, int]) -> None:
        """Write down what became of a batch, unless somebody else has taken over."""
        for bucket in {row.bucket for row in rows}:
            if not self._of_lease(bucket, {"guard": {"owner": owner, "token": tokens[bucket]}})[0]["held"]:
                return
        batch = [{"position": r.position, "topic": r.topic, "key": r.key, "attempts": r.attempts} for r in rows]
        given = {"settle": {"results": results, "chance": self.world.about(0, 65535)}}
        for effect in relay({}, {"batch": batch}, given, self.world.now)[1]:
            for position in effect.get("delete", []):
                self.database.outbox.pop(position, None)
            for held in effect.get("hold", []):
                row = self.database.outbox[held["position"]]
                row.attempts, row.not_before = row.attempts + 1, self.world.now + held["delay"]
            if "bury" in effect:
                raise AssertionError("no record fails so often here")
