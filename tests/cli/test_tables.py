from __future__ import annotations

import pytest

from ntkbench.cli.tables import show
from ntkbench.formats import cell


def cells(line: str) -> list[str]:
    return [part.strip() for part in line.split("  ") if part.strip()]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0, "0"), (40.719, "40.72"), (1e-9, "1.000e-9"), (3, "3"), (True, "True"), ("a", "a")],
)
def test_a_cell_is_short_and_an_empty_one_is_empty(value, text):
    assert cell(value) == text


def test_cells_are_whole_whatever_the_width_of_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    show(["name", "value"], [("x" * 150, "y" * 150)])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "x" in line]
    assert cells(row) == ["x" * 150, "y" * 150]


def test_text_is_shown_as_it_is(capsys):
    show(["a"], [("[bold]not markup[/bold] :smile:",)], title="[red]title")
    out = capsys.readouterr().out
    assert "[bold]not markup[/bold] :smile:" in out
    assert out.startswith("[red]title")
