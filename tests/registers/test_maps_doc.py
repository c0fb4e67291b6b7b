"""docs/register-maps.md says what the map files say."""

from pathlib import Path

import pytest
from maps_doc import BLOCK, PAGE, examples, rewrite

from gridmuster.registers import load_map, map_names

TEXT = PAGE.read_text("utf-8")


def test_every_map_has_its_table_and_no_other() -> None:
    assert {m[3] for m in BLOCK.finditer(TEXT) if m[2] == "points"} == set(map_names())
    with_orders = {name for name in map_names() if load_map(name).orders}
    assert {m[3] for m in BLOCK.finditer(TEXT) if m[2] == "orders"} == with_orders


def test_the_tables_are_as_the_files_have_them() -> None:
    assert rewrite(TEXT) == TEXT, "run: python tests/registers/maps_doc.py"


@pytest.mark.parametrize("name", sorted(examples(TEXT)))
def test_every_map_file_on_the_page_loads(name: str, tmp_path: Path) -> None:
    for other, content in examples(TEXT).items():
        (tmp_path / other).write_text(content)
    found = load_map(str(tmp_path / name))
    assert found.points
