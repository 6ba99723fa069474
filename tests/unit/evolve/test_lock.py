from __future__ import annotations

import pytest

from fleetgen.evolve.lock import Lock, Rendered, read
from fleetgen.render.files import Stamp

LOCK = Lock(
    "1.0.0",
    "d1",
    "s1",
    {
        "services/b": Rendered("t/b", "a2", {"src/b/gen/x.py": Stamp("2"), "main.py": Stamp("3", True)}),
        ".": Rendered("t/root", "a1", {"README.md": Stamp("1")}),
    },
    {"contracts/a.avsc": Stamp("4"), "fleet.schema.json": Stamp("5")},
)


def test_it_reads_what_it_wrote() -> None:
    assert read(LOCK.write()) == LOCK
    assert read(LOCK.write()).write() == LOCK.write()


def test_it_names_owners_and_is_sorted() -> None:
    written = LOCK.write().decode()
    assert '"main.py": "user 3 executable"' in written
    assert '"src/b/gen/x.py": "fleetgen 2"' in written
    assert '"fleet.schema.json": "fleetgen 5"' in written
    assert written.index('".": {') < written.index('"services/b"')
    assert written.endswith("}\n")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"null", b"\xff", b"<<<<<<< HEAD\n", LOCK.write().replace(b'"format": 1', b'"format": 2'),
     LOCK.write().replace(b'"user 3 executable"', b'"x"'), LOCK.write().replace(b'"user 3 executable"', b"[3]")],
)  # fmt: skip
def test_what_is_no_lock_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(content)
