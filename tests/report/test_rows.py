"""What the pages ask for, against what the views say when they are put together by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import duckdb
import pytest

from ntkbench.report.query import ask, grouped, params_of
from ntkbench.report.rows.claims import CLAIMS
from ntkbench.report.rows.curves import CURVES
from ntkbench.report.rows.environments import DIFFERENCES, ENVIRONMENT_PAIRS
from ntkbench.report.rows.overview import WINNERS
from ntkbench.report.rows.times import RATIOS, SAMPLES, TIMES
from ntkbench.results.record import CurveRow, RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data/record.json").read_text())


@pytest.fixture
def connection(results: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    with results.reading() as connection:
        yield connection


def record(number: int, **changes) -> RunRecord:
    return replace(RECORD, run_id=f"{number:032x}", experiment_id=f"{number:032x}", **changes)


def test_a_claim_has_the_runs_that_it_was_measured_in_and_its_place_counts_numbers_as_numbers(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    claims = [claim for claim in ask(connection, CLAIMS).rows() if claim.task == "images"]
    assert list(dict.fromkeys(claim.claim for claim in claims)) == ["depth 3", "depth 6", "depth 11"]
    assert [claim.place for claim in claims] == [f"claim-{k}" for k in range(1, len(claims) + 1)]
    for claim in claims:
        rows = connection.execute(
            "SELECT run_id, params FROM measurement WHERE (task, metric, backend, device, precision) = (?, ?, ?, ?, ?)",
            [claim.task, claim.metric, claim.backend, claim.device, claim.precision],
        ).fetchall()
        about = params_of(claim.setting).items()
        expected = {run_id for run_id, params in rows if about <= json.loads(params).items()}
        assert set(claim.run_ids) == expected
        assert len(claim.run_ids) == claim.runs == 2


def test_a_time_has_its_runs_and_its_ratio_to_the_best_of_its_race(connection: duckdb.DuckDBPyConnection) -> None:
    times = ask(connection, TIMES).rows()
    for race in grouped(
        times, lambda time: (time.task, time.setting, time.precision, time.machine, time.stage)
    ).values():
        best = min(time.seconds for time in race)
        assert [time.ratio for time in race] == [time.seconds / best for time in race]
    samples = {(calls.run_id, calls.stage): calls for calls in ask(connection, SAMPLES).rows()}
    for time in times:
        calls = [samples[run_id, time.stage] for run_id in time.run_ids]
        assert sum(len(own.steady) for own in calls) == time.samples


def test_of_two_entries_one_ratio_is_shown(connection: duckdb.DuckDBPyConnection) -> None:
    shown = {(row.setting, row.backend, row.baseline) for row in ask(connection, RATIOS).rows()}
    (count,) = connection.execute("SELECT count(*) FROM speedup").fetchall()[0]
    assert 2 * len(shown) == count > 0
    assert {names for _, *names in map(list, shown) for names in [tuple(names)]} == {("jax", "torch")}


def test_the_points_of_a_curve_are_the_means_over_seeds(connection: duckdb.DuckDBPyConnection) -> None:
    columns = "task, name, params::VARCHAR, backend, device, precision, point, x, y, run_id"
    rows = connection.execute(f"SELECT {columns} FROM series").fetchall()
    points = grouped(rows, lambda row: row[:7])
    found = ask(connection, CURVES).rows()
    assert len(found) == len(points) > 0
    for point in found:
        same = points[point[:7]]
        assert (point.x, point.y) == tuple(pytest.approx(fmean(row[k] for row in same), rel=1e-15) for k in (7, 8))
        assert sorted(point.run_ids) == sorted(row[9] for row in same)
        assert point.runs == len(same)
    assert {point.runs for point in found} == {1, 2}


def test_the_winner_has_rank_one_most_often_among_those_that_race(connection: duckdb.DuckDBPyConnection) -> None:
    # Three settings of the images, which jax does faster; nobody else ran the other tasks.
    assert [tuple(row) for row in ask(connection, WINNERS).rows()] == [("images", "jax on cpu", 3, 3)]


def test_environments_are_compared_on_the_experiments_of_both(database: Path) -> None:
    store = Store(database)
    curve = CurveRow("error", [1.0], [1.0], "n", "error", "1", "%", None, 0.0)
    accuracy = next(metric for metric in RECORD.metrics if metric.tolerance)
    elsewhere = {**RECORD.environment, "commit": "c2"}
    later = {"started": "2100-01-01T00:00:00+00:00", "finished": "2100-01-01T00:00:00+00:00"}
    off = replace(accuracy, value=accuracy.value + 2 * accuracy.tolerance)
    near = replace(accuracy, value=accuracy.value + accuracy.tolerance / 2)
    first = [record(k, metrics=[accuracy], curves=[curve]) for k in (1, 2, 3)]
    again = [replace(run, run_id=f"{10 + k:032x}", environment=elsewhere, metrics=[metric], **later)
             for k, (run, metric) in enumerate(zip(first, (off, near), strict=False))]  # fmt: skip
    store.add([*first, *again])
    with store.reading() as connection:
        (pair,) = ask(connection, ENVIRONMENT_PAIRS).rows()
        differences = ask(connection, DIFFERENCES).rows()
    assert (pair.experiments, pair.compared, pair.entries) == (2, 2, [f"{RECORD.backend} on {RECORD.device}"])
    assert [(row.run_id, row.baseline_run_id) for row in differences] == [(f"{10:032x}", f"{1:032x}")]
    assert (differences[0].environment_id, differences[0].baseline_id) == (pair.environment_id, pair.baseline_id)
    assert differences[0].value - differences[0].baseline_value == pytest.approx(2 * accuracy.tolerance)
