"""How the code is laid out: files that can be read at once, folders that can be looked over, a sign on every room."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import ntkbench

PACKAGE = Path(ntkbench.__file__).parent
ROOT = Path(__file__).parents[1]
FILES = sorted(
    file
    for folder in ("suite", "tasks", "tests")
    for file in (ROOT / folder).rglob("*.py")
    if not {"_vendor", "_share", "__pycache__"} & set(file.parts)
)
ROOMS = sorted({file.parent for file in FILES if PACKAGE in file.parents} - {PACKAGE})
LONGEST, MOST = 300, 20
# What the sign of the room around them describes.
SIGNED_ABOVE = {
    "compat/neural_tangents/predict",
    "compat/neural_tangents/stax",
    "datasets/formats",
    "datasets/sources",
    "peers/entrants",
    "report/rows",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_is_one_idea_long(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("room", [PACKAGE, *ROOMS], ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_has_no_more_files_than_can_be_looked_over_and_no_two_of_one_name(room: Path) -> None:
    assert len(list(room.glob("*.py"))) <= MOST
    modules = Counter(item.stem for item in room.iterdir() if item.suffix == ".py" or (item / "__init__.py").is_file())
    assert max(modules.values()) == 1


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(PACKAGE)))
def test_a_room_has_a_sign_of_half_a_page(room: Path) -> None:
    if room.relative_to(PACKAGE).as_posix() in SIGNED_ABOVE:
        room = room.parent
    text = (room / "README.md").read_text()
    assert 100 < len(text) < 3000
