"""One random life of a fleet: specification, templates and hand edits change, fleetgen runs, and loses nothing.

A seed is a whole history: `python tests/histories/replay.py SEED` tells it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import shop
from fleetgen.core.diagnostic import Diagnostic
from fleetgen.evolve.actions import Plan
from fleetgen.evolve.apply import apply
from fleetgen.evolve.desired import Desired, Project, place
from fleetgen.evolve.lock import read as read_lock
from fleetgen.evolve.ownership import Owner, owner_of
from fleetgen.evolve.plan import plan
from fleetgen.evolve.update import pull_templates
from fleetgen.render.files import EXECUTABLE, PLAIN, File, Stamp
from histories.hand import Hand
from histories.releases import LINES, line

_COMMANDS = ("PlaceOrder", "CancelOrder", "PayOrder")
_NAMES = ("order", "payment")
_REFUSED = {"OUT-1", "OUT-2", "OUT-3", "OUT-5"}  # what a person can mend


class Lost(AssertionError):
    """An invariant does not hold."""


@dataclass
class History:
    """The fleet at `root`, what its specification says, and the release its fleetgen carries."""

    root: Path
    seed: int
    with_git: bool = False
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.hand = Hand(self.root, self.random, self.seed)
        self.releases = line(self.seed % LINES)
        self.carried = 0
        self.services = {"order": shop.facts("order")}
        self.copier_ran = False

    def live(self) -> None:
        """Begin, and go through some rounds of change.

        Raises:
            Lost: When something of a person's is gone, or fleetgen contradicts itself.
        """
        self._begin()
        for _ in range(self.random.randint(2, 4)):
            for _ in range(self.random.randint(0, 5)):
                self._tell(self.hand.edit(sorted(self.services)))
            self.hand.marks = self._still_there(self._tree())
            if self.random.random() < 0.6:
                self._respecify()
            if self.with_git and self.random.random() < 0.5:
                self._copier()
            self._fleetgen(update=self.random.random() < 0.6)

    def _tell(self, text: str) -> None:
        self.story.append(text)

    def _begin(self) -> None:
        if self.with_git:
            shop.git(self.root, "init", "--quiet")
        found, _ = plan(self.root, self._desired())
        if found is None or apply(found):
            raise Lost("a new fleet is not written")

    def _desired(self) -> Desired:
        fleet = {"name": "shop", "title": f"Shop of {len(self.services)}"}
        projects = [Project(".", shop.ROOT, {"fleet": fleet})]
        for name, facts in self.services.items():
            projects.append(Project(f"services/{name}", shop.SERVICE, {"service": facts, "fleet": fleet}))
        extra = {f"contracts/{name}.json": File(repr(facts).encode()) for name, facts in self.services.items()}
        return Desired(tuple(projects), self.releases[self.carried], extra, "digest")

    def _respecify(self) -> None:
        name = self.random.choice(_NAMES)
        if name in self.services and len(self.services) > 1 and self.random.random() < 0.3:
            del self.services[name]
            self._tell(f"the specification loses {name}")
            return
        commands = tuple(command for command in _COMMANDS if self.random.random() < 0.6)
        stores = {"primary": "postgresql", **({"redis": "x"} if self.random.random() < 0.5 else {})}
        sagas = ["flow"] if self.random.random() < 0.3 else []
        self.services[name] = shop.facts(name, commands, stores=stores, sagas=sagas)
        self._tell(f"the specification has {name} with {commands} {stores} {sagas}")

    def _copier(self) -> None:
        """A person runs plain copier in one service. What that loses is not held against fleetgen."""
        written = {path.parent.name for path in self.root.glob("services/*/.copier-answers.yml")}
        known = sorted(written & self.services.keys())
        if not known:
            return
        shop.commit(self.root)
        self.carried = self.random.randrange(self.carried, len(self.releases))
        pull_templates(self.root, self.releases[self.carried])
        shop.commit(self.root)
        name = self.random.choice(known)
        done = shop.copier_update(self.root / "services" / name, self.root.parent / "home")
        self._tell(f"copier update in {name} to {self.releases[self.carried].version}: {done.returncode}")
        if done.returncode != 0:
            shop.git(self.root, "reset", "--hard", "--quiet")
            shop.git(self.root, "clean", "-fdq")
        self.copier_ran = True
        self.hand.marks = self._still_there(self._tree())

    def _fleetgen(self, *, update: bool) -> None:
        if self.random.random() < 0.7:  # a newer fleetgen is installed
            self.carried = self.random.randrange(self.carried, len(self.releases))
        made, before = self._plan(update)
        locked = self._locked()
        self._tell(f"{'update' if update else 'apply'} with {self.releases[self.carried].version}: {made.summary}")
        if codes := {item.code for item in apply(made)} - {"OUT-4"}:
            raise Lost(f"apply says {codes}")
        self._check(before, locked, self._tree())
        again, diagnostics = plan(self.root, self._desired(), update=update)
        if again is None or not again.empty:
            raise Lost(f"a second run is not nothing: {again.text() if again else diagnostics}")
        self.copier_ran = False

    def _plan(self, update: bool) -> tuple[Plan, shop.Files]:
        """Plan as often as it takes a person to mend what stands against it."""
        overwrite: list[str] = []
        for _ in range(10):
            before = self._tree()
            made, diagnostics = plan(self.root, self._desired(), update=update, overwrite=overwrite)
            if made is not None:
                return made, before
            if self._tree() != before:
                raise Lost("a refused plan changed something")
            for item in diagnostics:
                self._mend(item, overwrite)
            given_up = {path: content for path, content in self._tree().items() if path not in overwrite}
            self.hand.marks = self._still_there(given_up)
        raise Lost(f"there is no way on: {diagnostics}")

    def _mend(self, item: Diagnostic, overwrite: list[str]) -> None:
        path = item.span.file if item.span else ""
        if item.severity.value == "error" and item.code not in _REFUSED:
            raise Lost(f"refused: {item.code} {item.message}")
        if item.code == "OUT-1" and self.random.random() < 0.5:
            overwrite.append(path)
        elif item.code == "OUT-1":
            self.hand.move_aside(path)
        elif item.code == "OUT-2":
            shop.commit(self.root)
        elif item.code == "OUT-3":
            (self.root / path).unlink()
        elif item.code == "OUT-5":
            self.hand.resolve(path)

    def _tree(self) -> shop.Files:
        return shop.tree(self.root)

    def _still_there(self, files: shop.Files) -> set[bytes]:
        everything = b"\n".join(content for content, _ in files.values())
        return {mark for mark in self.hand.marks if mark in everything}

    def _locked(self) -> dict[str, Stamp]:
        lock = read_lock((self.root / "fleet.lock").read_bytes())
        projects = {
            place(project, path): stamp
            for project, rendered in lock.projects.items()
            for path, stamp in rendered.files.items()
        }
        return {**projects, **lock.extra}

    def _check(self, before: shop.Files, locked: dict[str, Stamp], after: shop.Files) -> None:
        if gone := self.hand.marks - self._still_there(after):
            raise Lost(f"bytes of a person are gone: {gone}")
        now = self._locked()
        for path in sorted(before.keys() | after.keys()):
            if path.startswith((".fleetgen/", "fleet.lock")):
                continue
            self._check_path(path, before.get(path), locked.get(path), after.get(path), now.get(path))

    def _check_path(
        self,
        path: str,
        before: tuple[bytes, bool] | None,
        base: Stamp | None,
        after: tuple[bytes, bool] | None,
        wanted: Stamp | None,
    ) -> None:
        """Compare what was on disk and rendered last with what is on disk and rendered now."""
        was, now = _stamp(before), _stamp(after)
        if base is None and wanted is None and was != now:
            raise Lost(f"`{path}` is no file of fleetgen's and was touched")
        if self.copier_ran or path.endswith(".copier-answers.yml"):  # the lock does not know what copier rendered
            return
        mine, once = owner_of(path) is Owner.USER, path.endswith("/once.md")
        if mine and not once and base is not None and was is None and now is not None:
            raise Lost(f"`{path}` was deleted and is back")
        if mine and once and wanted is not None and now != (was or wanted):
            raise Lost(f"`{path}` is given once and was touched, or was not given again")
        if was is not None and was == base and not (once and wanted) and now != wanted:
            raise Lost(f"`{path}` carried no edit and is not what the templates say")
        if mine and base and was and now and was.executable != base.executable and now.executable != was.executable:
            raise Lost(f"`{path}` lost its mode")


def _stamp(file: tuple[bytes, bool] | None) -> Stamp | None:
    return File(file[0], EXECUTABLE if file[1] else PLAIN).stamp if file else None
