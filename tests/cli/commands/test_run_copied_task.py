"""A reader copies `tasks/data/heavy_tails.py`, changes the distribution, and runs the copy with `--tasks`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ntkbench import paths

ORIGINAL = paths.shared("tasks") / "data" / "heavy_tails.py"
SMALL = ["--set", "n=64", "--set", "dimension=1024", "--set", "width=64"]


def copied(folder: Path, **replacements: str) -> Path:
    folder.mkdir()
    text = ORIGINAL.read_text()
    for old, new in replacements.values():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "my_tails.py").write_text(text)
    return folder


@pytest.mark.slow
def test_a_copy_with_another_distribution_runs(ntkbench: Any, query: Any, tmp_path: Path) -> None:
    folder = copied(
        tmp_path / "my_folder",
        name=("def heavy_tails(", "def my_tails("),
        draw=("DISTRIBUTIONS = {", 'DISTRIBUTIONS = {"constant": lambda rng, n, d: rng.choice([-1.0, 1.0], (n, d)),'),
    )
    words = ["run", "my_tails", "--tasks", folder, "--tier", "smoke", "--backend", "torch"]
    outcome = ntkbench(*words, "--set", "distribution=constant", *SMALL)
    assert outcome.code == 0, outcome.err
    assert query("SELECT task, status, params->>'distribution' FROM run") == [("my_tails", "ok", "constant")]
    found = dict(query("SELECT metric, value FROM measurement"))
    # What this distribution is known for: norms that are the same, so that raw inputs are as good as any.
    assert found["norm_slope"] == pytest.approx(0, abs=1e-9)
    assert found["raw_slope"] == pytest.approx(found["ntk_slope"], abs=1e-9)
    assert found["ostrowski_ratio"] == pytest.approx(1, rel=1e-9)
    assert query("SELECT DISTINCT verdict FROM verdict WHERE task = 'my_tails' AND claim = 'raw NTK = D NTK D'") == [
        ("reproduced",)
    ]


def test_a_copy_that_keeps_the_name_is_refused(ntkbench: Any, tmp_path: Path) -> None:
    folder = copied(tmp_path / "my_folder")
    outcome = ntkbench("run", "heavy_tails", "--tasks", folder, "--tier", "smoke", *SMALL)
    assert outcome.code == 2
    assert outcome.err.startswith("ntkbench: two tasks are named 'heavy_tails': in ")
    assert str(folder / "my_tails.py") in outcome.err
