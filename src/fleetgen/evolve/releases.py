"""The releases of the templates a fleet can be rendered with: those in its bundle, and the one fleetgen carries."""

from __future__ import annotations

from packaging.version import Version

from fleetgen.render import bundle as bundles
from fleetgen.render.git import GitError
from fleetgen.render.own.engine import OwnTemplates
from fleetgen.render.templates import Templates, from_bundle


class Releases:
    """Looks releases up and keeps the bundle complete."""

    def __init__(self, bundle: bytes | None, carried: Templates) -> None:
        self.bundle = bundle
        self.carried = carried
        self.known = bundles.versions(bundle) if bundle else ()
        self._read = {carried.version: carried}

    def __contains__(self, version: str) -> bool:
        return version in self.known or version == self.carried.version

    def get(self, version: str) -> Templates:
        """The templates of a release.

        Raises:
            GitError: When the bundle does not hold it.
        """
        if version not in self._read:
            if self.bundle is None:
                raise GitError(f"there is no bundle to take v{version} from")
            self._read[version] = from_bundle(self.bundle, version)
        return self._read[version]

    def complete(self, version: str) -> bytes | None:
        """The bundle that holds `version` too, or nothing when it does already."""
        return None if version in self.known else self.get(version).bundle(self.bundle)


class OwnReleases:
    """The releases of a person's own template: all of them are in its bundle."""

    def __init__(self, place: str, bundle: bytes) -> None:
        self.place = place
        self.bundle = bundle
        self.known = bundles.versions(bundle)
        self._read: dict[str, OwnTemplates] = {}

    def __contains__(self, version: str) -> bool:
        return version in self.known

    @property
    def newest(self) -> str:
        """The release that new services are made from, and that `update` goes to."""
        if not self.known:
            raise GitError(f"`{self.place}` holds no release")
        return self.known[-1]

    def get(self, version: str) -> OwnTemplates:
        """The template of a release.

        Raises:
            GitError: When the bundle does not hold it.
        """
        if version not in self._read:
            self._read[version] = OwnTemplates(version, bundles.read(self.bundle, version), self.place)
        return self._read[version]


def newer(version: str, than: str) -> bool:
    """Whether a release is the later one."""
    return Version(version) > Version(than)
