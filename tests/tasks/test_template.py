"""The task that is there to be copied: it runs as it is, is no task of the suite itself, and keeps the rules of one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ntkbench import paths
from ntkbench.backends import installed
from ntkbench.experiment.registry import load_tasks
from ntkbench.results.store import Store

TEMPLATE = paths.shared("tasks") / "_template.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the user's own with a copy of it."""
    folder = tmp_path / "my_folder"
    folder.mkdir()
    shutil.copy(TEMPLATE, folder / "digits_regression.py")
    return folder


def test_it_is_short_and_no_task_of_the_suite() -> None:
    assert len(TEMPLATE.read_text().splitlines()) <= 60
    assert "digits_regression" not in load_tasks()


def test_a_copy_runs_on_every_backend_and_its_claim_is_reproduced(ntkbench: Any, folder: Path, database: Path) -> None:
    outcome = ntkbench("run", "digits_regression", "--tasks", folder, "--tier", "smoke")
    assert (outcome.code, outcome.err) == (0, "")
    verdicts = "SELECT backend, verdict, runs FROM verdict WHERE task = 'digits_regression' ORDER BY ALL"
    assert Store(database).query(verdicts)[1] == [(name, "reproduced", 2) for name in sorted(installed())]
    assert Store(database).query("SELECT DISTINCT status FROM agreement")[1] == [("agrees",)]
    accuracies = Store(database).query("SELECT value FROM measurement WHERE metric = 'test_accuracy'")[1]
    assert all(80 < accuracy <= 100 for (accuracy,) in accuracies)
