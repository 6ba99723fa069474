"""Reads the user's tree. Never through a symbolic link: what lies behind one is not part of the fleet."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fleetgen.render.files import File


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a path can be neither read nor written."""

    reason: str


class Disk:
    """The tree under `root` at one moment; folders are looked at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)
        self._folder = cache(self._look_at_folder)

    def look(self, path: str) -> File | Blocked | None:
        """The file at a path, nothing, or what is in the way."""
        obstacle = self._folder(path.rpartition("/")[0])
        if obstacle is not None:
            return obstacle if isinstance(obstacle, Blocked) else None
        return read(f"{self._root}/{path}")

    def _look_at_folder(self, folder: str) -> Blocked | bool | None:
        """None for a folder to go on with, True for one that is not there, else what is in the way."""
        if not folder:
            return None
        above = self._folder(folder.rpartition("/")[0])
        if above is not None:
            return above
        try:
            mode = os.lstat(f"{self._root}/{folder}").st_mode
        except FileNotFoundError:
            return True
        except OSError as error:
            return Blocked(f"`{folder}`: {error.strerror}")
        if stat.S_ISLNK(mode):
            return Blocked(f"`{folder}` is a symbolic link")
        return None if stat.S_ISDIR(mode) else Blocked(f"`{folder}` is not a folder")


def inside(path: str) -> bool:
    """Whether a path that was read from a file is in its plain form, in the tree, and out of git's own folder."""
    return path == "." or ("\\" not in path and not {"", ".", "..", ".git"} & set(path.split("/")))


def read(path: str | Path) -> File | Blocked | None:
    """A plain file, opened so that a link is never followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Blocked("it is a symbolic link" if Path(path).is_symlink() else str(error.strerror))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        return Blocked("it is a folder" if stat.S_ISDIR(mode) else "it is not a plain file")
    with os.fdopen(descriptor, "rb") as stream:
        return File(stream.read(), mode)
