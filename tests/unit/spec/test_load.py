from __future__ import annotations

from pathlib import Path

from fleetgen.spec.load import load
from fleetgen.spec.resolve import resolve

MAIN = """\
fleet: shop
contexts:
  order: {purpose: Orders}
  payment:
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder / "fleet.yaml"


def test_contexts_in_files_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path, fleet=MAIN, contexts__order="subdomain: core\n", contexts__user="purpose: People\n")
    document, found = load(path)
    assert not found
    assert document is not None
    fleet, found = resolve(document)
    assert not found
    assert fleet is not None
    assert [(each.name, each.purpose, each.subdomain) for each in fleet.contexts] == [
        ("order", "Orders", "core"),
        ("payment", "", "supporting"),
        ("user", "People", "supporting"),
    ]


def test_a_folder_is_its_specification(tmp_path: Path) -> None:
    write(tmp_path, fleet=MAIN)
    document, found = load(tmp_path)
    assert not found
    assert document is not None
    assert document.path == (tmp_path / "fleet.yaml").as_posix()


def test_diagnostics_name_the_right_file(tmp_path: Path) -> None:
    path = write(tmp_path, fleet=MAIN, contexts__order="pupose: x\npolicies: {OrderPlaced: PlaceOrder}\n")
    document, found = load(path)
    assert document is not None
    places = [(each.code, str(each.span)) for each in found]
    order = (tmp_path / "contexts/order.yaml").as_posix()
    assert places == [("SPEC-13", f"{order}:1:1")]
    _, found = resolve(document)
    assert [(each.code, str(each.span)) for each in found] == [
        ("SPEC-22", f"{order}:2:12"),
        ("SPEC-22", f"{order}:2:25"),
    ]


def test_a_key_in_both_files(tmp_path: Path) -> None:
    path = write(tmp_path, fleet=MAIN, contexts__order="purpose: Else\n")
    _, found = load(path)
    assert [each.code for each in found] == ["SPEC-7"]
    assert str(found[0].span).endswith("contexts/order.yaml:1:1")
    assert [str(place) for _, place in found[0].related] == [f"{path.as_posix()}:3:11"]


def test_a_broken_part_leaves_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, fleet=MAIN, contexts__order="a: [\n", contexts__user="zzz: 1\n")
    document, found = load(path)
    assert document is not None
    assert document.flawed
    assert [each.code for each in found] == ["SPEC-6", "SPEC-13"]


def test_the_file_name_is_the_name_of_the_context(tmp_path: Path) -> None:
    path = write(tmp_path, fleet="fleet: shop\n", contexts__Order="purpose: Orders\n")
    _, found = load(path)
    assert [(each.code, each.hint) for each in found] == [("SPEC-18", "write `order`")]


def test_other_names_than_fleet_yaml_stand_alone(tmp_path: Path) -> None:
    write(tmp_path, fleet=MAIN, contexts__user="zzz: 1\n")
    (tmp_path / "other.yaml").write_text(MAIN)
    document, found = load(tmp_path / "other.yaml")
    assert not found
    assert document is not None
    assert list(document.texts) == [(tmp_path / "other.yaml").as_posix()]
