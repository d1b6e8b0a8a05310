from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.cli.verdicts import show_verdicts
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


def cells(line: str) -> list[str]:
    return [part.strip() for part in line.split("  ") if part.strip()]


@pytest.fixture
def store(database: Path) -> Store:
    store = Store(database)
    store.prepare()
    return store


def test_the_closing_table_holds_published_and_measured_side_by_side(store, capsys):
    for seed, value in enumerate((40.0, 40.2, 40.4)):
        metrics = [replace(RECORD.metrics[0], value=value)]
        run = f"{seed:032x}"
        store.add([replace(RECORD, run_id=run, experiment_id=run, seed=seed, metrics=metrics)])
    show_verdicts(store, ["images"])
    header, _, first, second = capsys.readouterr().out.strip().splitlines()[2:6]
    assert cells(header) == [
        "task", "claim", "backend", "metric", "published", "measured", "seeds", "verdict", "figure", "time",
    ]  # fmt: skip
    # 4.3027 * 0.2 / sqrt(3) = 0.497, within 1.5 of 40; the median of 0.25 and 0.125 s.
    assert cells(first) == [
        "images", "forty", "numba", "accuracy", "40.00 % ± 1.5", "40.20 % ± 0.50", "3", "reproduced", "verified",
        "188 ms",
    ]  # fmt: skip
    assert cells(second) == [
        "images", "worst", "numba", "accuracy", "0.1000 % ± 1.0e-6", "40.40 %", "3", "not reproduced", "unverified",
        "188 ms",
    ]  # fmt: skip


def test_another_device_or_precision_is_named_beside_the_backend(store, capsys):
    store.add([replace(RECORD, device="cuda", precision="float64")])
    show_verdicts(store, ["images"])
    assert "numba cuda float64" in capsys.readouterr().out


def test_other_tasks_are_not_in_the_table_and_what_was_not_run_is_counted(store, capsys):
    store.add([RECORD, replace(RECORD, run_id="f" * 32, task="it's", metrics=[])])
    show_verdicts(store, ["it's"])
    out = capsys.readouterr().out
    assert out.startswith("2 more claims are not run yet")
    assert "images" not in out
