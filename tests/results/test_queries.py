from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.results import queries
from ntkbench.results.exchange.sources import import_sources
from ntkbench.results.record import CurveRow, MetricRow, RunRecord
from ntkbench.results.store import Store

DATA = Path(__file__).parents[1] / "data"
RECORD = RunRecord.from_json((DATA / "record.json").read_text())
NAMES = sorted(queries.library())
COUNT = MetricRow("kernel_operations", 1e9, "op", None, None, None, "operations", "kernel")
POWERS = CurveRow("error", [1.0, 2.0, 4.0], [3.0, 12.0, 48.0], "n", "error", "1", "1", None, 0.0)


def run(number: int, **changes) -> RunRecord:
    fields = {"run_id": f"{number:032x}", "experiment_id": f"{changes.pop('experiment', number):032x}", **changes}
    return replace(RECORD, **fields)


def accuracy(value: float) -> list[MetricRow]:
    return [replace(RECORD.metrics[0], value=value), RECORD.metrics[1]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Runs on three backends, of two precisions, two commits and two seeds; one failed, one disagrees."""
    store = Store(tmp_path_factory.mktemp("queries") / "results.duckdb")
    cntk = {"dataset": "digits", "pooling": "gap", "depth": 3, "n_train": 100, "n_test": 100}
    newer = {"environment": {**RECORD.environment, "commit": "c2"}, "finished": "2026-01-02T00:00:00+00:00"}
    store.add(
        [
            run(1, curves=[*RECORD.curves, POWERS]),
            run(2, backend="jax"),
            run(3, backend="torch", metrics=accuracy(42.0)),
            run(4, seed=1, metrics=accuracy(41.0)),
            run(5, precision="float64", metrics=accuracy(40.5)),
            run(11, backend="jax", device="cuda", timings=[replace(t, seconds=t.seconds / 4) for t in RECORD.timings]),
            run(6, status="timeout", reason="took longer than 5 s"),
            run(8, backend="jax", params={"depth": 6}),
            run(9, backend="torch", params={"depth": 6}),
            run(10, task="cifar_cntk", params=cntk, metrics=[replace(RECORD.metrics[0], name="test_accuracy"), COUNT]),
            run(7, experiment=1, metrics=accuracy(40.8), curves=[*RECORD.curves, POWERS], **newer),
        ]
    )
    return store


@pytest.mark.parametrize("name", NAMES)
def test_every_query_runs_on_an_empty_and_on_a_filled_database(name: str, store: Store, empty: Store) -> None:
    query = queries.library()[name]
    columns, _ = empty.query(query.sql)
    assert len(columns) == len(set(columns)) >= 2
    columns, rows = store.query(query.sql)
    assert len(columns) >= 4
    # There is no result of asv among the runs.
    assert (len(rows) > 0) == (name != "slower-commits"), columns


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("empty") / "results.duckdb")
    store.prepare()
    return store


def test_there_are_enough_of_them_and_each_asks_something() -> None:
    assert len(NAMES) >= 10
    for query in queries.library().values():
        assert "?" in query.about or query.about.startswith("CNTK"), query.name
        assert len(query.about) <= 120
        assert not query.about.startswith("--")


def answer(store: Store, name: str) -> list[dict]:
    columns, rows = store.query(queries.library()[name].sql)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_the_exponent_of_a_power_is_found(store: Store) -> None:
    # 3 x^2 exactly; the steps of the record's other curve are no power.
    rows = [row for row in answer(store, "exponents") if row["curve"] == "error"]
    assert [(row["exponent"], row["factor"], row["r_squared"]) for row in rows] == [
        (pytest.approx(2.0), pytest.approx(3.0), pytest.approx(1.0))
    ]


def test_what_changed_between_commits_is_the_metric_that_changed(store: Store) -> None:
    (row,) = answer(store, "changed-between-commits")
    assert (row["metric"], row["old"], row["new"]) == ("accuracy", 40.7, 40.8)
    assert (row["old_commit"], row["new_commit"]) == ("c1", "c2")


def test_the_failure_is_told_with_its_reason(store: Store) -> None:
    (row,) = answer(store, "failures")
    assert (row["status"], row["reason"], row["experiments"]) == ("timeout", "took longer than 5 s", 1)


def test_disagreements_name_the_pairs_and_count_tolerances(store: Store) -> None:
    rows = {(row["backend"], row["other"]): row["tolerances"] for row in answer(store, "disagreements")}
    assert rows == {("jax", "torch"): pytest.approx(1.3 / 0.2), ("numba", "torch"): pytest.approx(1.2 / 0.2)}


def test_each_claim_is_told_for_each_backend(store: Store) -> None:
    rows = {row["claim"]: row for row in answer(store, "claims-by-backend") if row["task"] == "images"}
    assert rows["worst"]["numba"] == rows["worst"]["jax"] == rows["worst"]["torch"] == "not reproduced"


def test_a_gpu_is_told_against_the_cpu_on_the_same_work(store: Store) -> None:
    (row,) = answer(store, "gpu-against-cpu")
    assert (row["backend"], row["settings"]) == ("jax", 1)
    assert row["over_itself_on_cpu"] == row["over_fastest_on_cpu"] == pytest.approx(4.0)


def test_the_stages_of_a_run_take_all_of_its_time(store: Store) -> None:
    by_entry: dict[tuple, float] = {}
    for row in answer(store, "where-the-time-goes"):
        key = (row["task"], row["backend"], row["device"])
        by_entry[key] = by_entry.get(key, 0.0) + row["percent"]
    assert list(by_entry.values()) == pytest.approx([100.0] * len(by_entry))


def test_the_queries_answer_on_the_reference_results(tmp_path: Path) -> None:
    reference = Store(tmp_path / "reference.duckdb")
    import_sources(reference, [Path(__file__).parents[2] / "results/reference"])
    assert len(answer(reference, "cntk-accuracy")) >= 5
    assert all(0 < row["percent"] <= 100 for row in answer(reference, "where-the-time-goes"))
