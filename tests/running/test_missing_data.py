"""Runs on data sets that no source gives, looked for once, and runs that need an extra: which are not applicable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ntkbench import datasets
from ntkbench.experiment.plan import plan
from ntkbench.experiment.registry import load_tasks
from ntkbench.results.record import RunRecord
from ntkbench.running.runner import execute
from ntkbench.running.settings import RunSettings

# In the worker's process no source gives anything: each attempt leaves a line in a file beside the tasks.
TASKS = """
from pathlib import Path
import ntkbench.datasets.catalogue as catalogue
from ntkbench import Context, Metric, Tier, task
from ntkbench.datasets import DatasetUnavailable
from ntkbench.errors import NotInstalled

class Absent:
    def __init__(self, name):
        self.dataset = catalogue.get(name)

    def load(self, progress):
        with Path(__file__).with_name("attempts").open("a") as file:
            file.write(self.dataset.name + "\\n")
        raise DatasetUnavailable(self.dataset.name, ["a host: timed out", "npm: not installed"], self.dataset.optional)

for name in ("mnist", "uci90"):
    catalogue._PROVIDERS[name] = Absent(name)

@task(title="Tables", source="none", metrics=[Metric("sets", "1")],
      tiers=[Tier("smoke", dataset="uci90", x=[1, 2, 3])])
def tables(ctx: Context, *, dataset: str, x: int) -> None:
    ctx.record(sets=len(ctx.tables(dataset)))

@task(title="Peers", source="none", metrics=[Metric("found", "1")], tiers=[Tier("smoke", x=[1, 2])])
def peers(ctx: Context, *, x: int) -> None:
    if x == 2:
        raise NotInstalled("a task", "GPyTorch", "gpytorch")
    ctx.record(found=x)

@task(title="Images", source="none", metrics=[Metric("images", "1")],
      tiers=[Tier("smoke", dataset=["digits", "mnist"], x=[1, 2])])
def images(ctx: Context, *, dataset: str, x: int) -> None:
    ctx.record(images=len(ctx.dataset(dataset, n_train=10, n_test=10).labels_test))
"""

TRIED = "(tried a host: timed out; npm: not installed); the smoke tier of every task needs no network"


@pytest.fixture
def records(tmp_path: Path) -> Callable[[str], list[RunRecord]]:
    """Carry out the smoke tier of one of the tasks."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "absent.py").write_text(TASKS)

    def run(name: str) -> list[RunRecord]:
        before = {name: datasets.catalogue._PROVIDERS[name] for name in ("mnist", "uci90")}
        try:
            tasks = load_tasks([folder])
        finally:
            datasets.catalogue._PROVIDERS.update(before)
        found: list[RunRecord] = []
        runs = plan([tasks[name]], tier="smoke", backends=["numba"])
        execute(runs, tasks, found.append, RunSettings((folder,)))
        return found

    return run


def test_without_an_optional_data_set_runs_are_not_applicable_with_the_reason(records, tmp_path):
    found = records("tables")
    reason = f"No source reachable for dataset 'uci90' {TRIED}"
    assert [(r.status, r.reason) for r in found] == [("not_applicable", reason)] * 3
    assert (tmp_path / "tasks" / "attempts").read_text() == "uci90\n"


def test_without_a_library_that_is_an_extra_a_run_is_not_applicable_and_says_how_to_get_it(records):
    found = [(r.status, r.reason) for r in records("peers")]
    assert sorted(found) == [("not_applicable", "a task needs GPyTorch: pip install 'ntkbench[gpytorch]'"), ("ok", "")]


def test_without_another_data_set_runs_fail_and_the_others_do_not(records, tmp_path):
    found = records("images")
    reason = f"No source reachable for dataset 'mnist' {TRIED}"
    failed = [r for r in found if r.params["dataset"] == "mnist"]
    assert [(r.status, r.reason) for r in failed] == [("error", reason)] * 2
    assert all("DatasetUnavailable" in r.traceback for r in failed)
    assert [r.status for r in found if r.params["dataset"] == "digits"] == ["ok", "ok"]
    assert (tmp_path / "tasks" / "attempts").read_text() == "mnist\n"
