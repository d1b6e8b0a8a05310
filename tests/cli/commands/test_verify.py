from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ntkbench.backends import devices
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.record import CurveRow, MetricRow, RunRecord
from ntkbench.results.store import Store

GOOD = replace(
    RunRecord.from_json((Path(__file__).parents[2] / "data" / "record.json").read_text()), curves=[], claims=[]
)
ACCURACY = GOOD.metrics[0]
CLAIM = RunRecord.from_json((Path(__file__).parents[2] / "data" / "record.json").read_text()).claims[0]


def record(number: int, value: float = 40.7, **changes) -> RunRecord:
    """Another experiment, unless `changes` say otherwise, with this accuracy (tolerance 0.2) and no standard error."""
    fields = {"run_id": f"{number:032x}", "experiment_id": f"{number:032x}", **changes}
    return replace(GOOD, **{"metrics": [replace(ACCURACY, value=value, stderr=None)], **fields})


def claimed(**changes) -> dict[str, object]:
    return {"claims": [replace(CLAIM, repeats=1, **changes)]}


@pytest.fixture
def store(database: Path) -> Store:
    store = Store(database)
    store.prepare()
    return store


def test_all_is_well_when_verified_claims_are_reproduced(ntkbench, store):
    store.add([record(1, **claimed(verified=True)), record(2, backend="jax", **claimed(verified=True))])
    outcome = ntkbench("verify")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1] == "all is well: 2 verified claims reproduced, no disagreement, no failure"


def test_a_verified_claim_that_is_not_reproduced_fails(ntkbench, store):
    store.add([record(1, value=50.0, **claimed(verified=True))])
    outcome = ntkbench("verify")
    assert outcome.code == 1
    assert "Claims that are not reproduced" in outcome.out
    assert "forty" in outcome.out
    assert outcome.out.splitlines()[-1] == "not all is well: 1 verified claim not reproduced"


@pytest.mark.parametrize(
    "changes", [claimed(verified=False), {"claims": [replace(CLAIM, repeats=3, verified=True)]}, {"claims": []}]
)
def test_figures_from_memory_and_too_few_seeds_do_not_fail(ntkbench, store, changes):
    store.add([record(1, value=50.0, **changes)])
    assert ntkbench("verify").code == 0


def test_backends_that_disagree_fail(ntkbench, store):
    store.add([record(1, value=40.0), record(2, value=40.3, backend="jax")])
    outcome = ntkbench("verify")
    assert outcome.code == 1
    assert "Runs that disagree with other backends" in outcome.out
    assert "accuracy" in outcome.out


def test_a_failed_run_fails_until_it_is_repeated_well(ntkbench, store):
    store.add([record(1, status="error", reason="it went wrong")])
    outcome = ntkbench("verify")
    assert outcome.code == 1
    assert "Runs that failed" in outcome.out
    assert "it went wrong" in outcome.out
    later = {"experiment_id": f"{1:032x}", "finished": "2026-01-02T00:00:00+00:00"}
    store.add([record(2, **later)])
    assert ntkbench("verify").code == 0


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """The reference: accuracy 40 in jax."""
    store = Store(tmp_path / "elsewhere.duckdb")
    store.prepare()
    older = {"experiment_id": f"{7:032x}", "finished": "2025-01-01T00:00:00+00:00"}
    store.add([record(8, value=10.0, backend="jax", **older), record(7, value=40.0, backend="jax")])
    export_parquet(store, tmp_path / "reference [1]")
    return tmp_path / "reference [1]"


@pytest.mark.parametrize(("value", "code"), [(40.1, 0), (39.9, 0), (40.3, 1), (39.7, 1)])
def test_a_run_that_differs_from_the_reference_fails(ntkbench, store, reference, value, code):
    store.add([record(1, value=value)])
    outcome = ntkbench("verify", "--against", reference)
    assert outcome.code == code
    assert ("Runs that differ from the reference" in outcome.out) == bool(code)
    assert ("1 figures within the reference's" in outcome.out) == (not code)


@pytest.mark.parametrize(
    "changes",
    [{"seed": 1}, {"params": {"depth": 6}}, {"precision": "float64"}, {"task_version": 2}, {"dataset_sha256": "d2"}],
)
def test_other_experiments_are_not_compared_and_that_is_said(ntkbench, store, reference, changes):
    store.add([record(1, value=90.0, **changes)])
    outcome = ntkbench("verify", "--against", reference)
    assert outcome.code == 0
    assert f"nothing was compared: no run here has its like in {reference}" in outcome.out


def test_metrics_without_a_tolerance_are_not_compared_with_the_reference(ntkbench, store, reference):
    free = MetricRow("accuracy", 90.0, "%", None, None, None)
    store.add([record(1, metrics=[free])])
    assert ntkbench("verify", "--against", reference).code == 0


@pytest.mark.parametrize(
    ("name", "message"), [("none", "does not exist"), ("", "is not an export: it lacks environment.parquet")]
)
def test_a_reference_that_is_none_is_one_line(ntkbench, store, tmp_path, name, message):
    store.add([record(1)])
    outcome = ntkbench("verify", "--against", tmp_path / name)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"ntkbench: {tmp_path / name} {message}\n"


def test_times_are_shown_beside_the_reference_and_never_fail(ntkbench, store, reference):
    slow = [replace(t, seconds=100 * t.seconds) for t in GOOD.timings]
    store.add([record(1, backend="jax", value=40.0, timings=slow)])
    outcome = ntkbench("verify", "--against", reference)
    assert outcome.code == 0
    (row,) = [line.split() for line in outcome.out.splitlines() if "kernel" in line]
    # The steady median, 0.1875 s, a hundred times.
    assert row == ["images", "jax", "cpu", "kernel", "1", "100.0", "100.0", "100.0"]


@pytest.mark.parametrize(("differing", "code"), [(0, 0), (1, 0), (2, 1)])
def test_curves_are_compared_by_the_share_of_points_that_agree(ntkbench, store, tmp_path, differing, code):
    curve = CurveRow("classes", [0.0] * 10, [1.0] * 10, "image", "class", "1", "1", 0.9, 0.0)
    other = Store(tmp_path / "elsewhere.duckdb")
    other.add([record(7, curves=[curve])])
    export_parquet(other, tmp_path / "reference")
    store.add([record(1, curves=[replace(curve, y=[2.0] * differing + [1.0] * (10 - differing))])])
    outcome = ntkbench("verify", "--against", tmp_path / "reference")
    assert outcome.code == code
    assert ("classes: share of points that agree" in outcome.out) == bool(code)


@pytest.fixture
def squares(ntkbench, database, small_tasks) -> Path:
    """A database with the runs of `squares`; the folder of its task."""
    words = ("--tasks", small_tasks, "--tier", "standard", "--backend", "numba")
    assert ntkbench("run", "squares", *words).code == 0
    return small_tasks


def test_stored_runs_are_run_again_and_compared(ntkbench, database, squares):
    before = Store(database).query("SELECT count(*) FROM run")[1]
    outcome = ntkbench("verify", "--rerun", 2, "--tasks", squares)
    assert (outcome.code, outcome.err) == (0, "")
    # A metric and a curve each.
    assert "2 runs repeated with 4 figures within tolerance" in outcome.out
    assert "Seconds over those stored: for information, never a failure" in outcome.out
    assert Store(database).query("SELECT count(*) FROM run")[1] == before


def test_a_run_that_comes_out_otherwise_now_fails(ntkbench, squares):
    file = squares / "small.py"
    file.write_text(file.read_text().replace("* float(x))", "* float(x) + 1)"))
    outcome = ntkbench("verify", "--rerun", 99, "--tasks", squares)
    assert outcome.code == 1
    assert "Runs that come out otherwise" in outcome.out
    rows = [line.split() for line in outcome.out.splitlines() if line.startswith("squares")]
    rows = [row for row in rows if "square" in row]
    # Squares of 2, 3 and 4, and one more.
    measured_and_expected = {(float(row[-6]), float(row[-5])) for row in rows}
    assert measured_and_expected == {(5.0, 4.0), (10.0, 9.0), (17.0, 16.0)}


def test_a_run_that_fails_now_fails_the_check(ntkbench, squares):
    file = squares / "small.py"
    file.write_text(file.read_text().replace("value = ctx.stage", "raise ValueError('gone wrong'); value = ctx.stage"))
    outcome = ntkbench("verify", "--rerun", 1, "--tasks", squares)
    assert outcome.code == 1
    assert "Runs that fail now" in outcome.out
    assert "ValueError: gone wrong" in outcome.out


@pytest.mark.parametrize("version", [2, None])
def test_runs_of_another_version_or_of_no_task_here_are_not_drawn(ntkbench, squares, tmp_path, version):
    folders = []
    if version:
        (tmp_path / "newer").mkdir()
        text = (squares / "small.py").read_text().replace('title="Squares",', f'title="Squares", version={version},')
        (tmp_path / "newer" / "other.py").write_text(text)
        folders = ["--tasks", tmp_path / "newer"]
    outcome = ntkbench("verify", "--rerun", 1, *folders)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("ntkbench: nothing can be run again: ")


@pytest.fixture
def on_cuda(store) -> list[str]:
    """The run_ids of runs of `squares` on a card: numba's (there is none), jax's, torch's."""
    fields = {"task": "squares", "params": {"x": 2}, "device": "cuda"}
    records = [record(k, backend=backend, **fields) for k, backend in enumerate(("numba", "jax", "torch"), 1)]
    store.add(records)
    return [each.run_id for each in records]


def test_runs_on_a_card_that_is_not_here_are_not_repeated_and_the_reason_is_told(
    ntkbench, on_cuda, small_tasks, monkeypatch
):
    monkeypatch.setattr(devices, "obstacles", lambda names: dict.fromkeys(names, "there is no CUDA card"))
    outcome = ntkbench("verify", "--rerun", 1, "--tasks", small_tasks)
    assert (outcome.code, outcome.err) == (2, "ntkbench: nothing can be run again: there is no CUDA card\n")


def test_a_negative_number_of_runs_is_refused(ntkbench, store):
    store.add([record(1)])
    assert ntkbench("verify", "--rerun", -1).err == "ntkbench: --rerun must not be negative, not -1\n"


BECAUSE = "the theory leaves out the bias, since 2026-11-28"


def test_what_is_known_not_to_hold_is_counted_apart_and_does_not_fail(ntkbench, store):
    store.add([record(1, value=50.0, **claimed(verified=True, finding=BECAUSE))])
    outcome = ntkbench("verify")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    (row,) = [line for line in lines if line.startswith("images")]
    (head,) = [line for line in lines if line.startswith("task")]
    assert row.split() == ["images", "1"]
    assert row.index("1") == head.index("findings")
    assert lines[-1].startswith("all is well: 0 verified claims reproduced, 1 finding, ")
    assert BECAUSE not in outcome.out
    assert BECAUSE in ntkbench("verify", "--verbose").out


def test_a_finding_that_holds_after_all_fails(ntkbench, store):
    store.add([record(1, value=40.0, **claimed(verified=True, finding=BECAUSE))])
    for options in ([], ["--quiet"]):
        outcome = ntkbench("verify", *options)
        assert outcome.code == 1
        assert "Findings that hold now" in outcome.out
        assert BECAUSE in outcome.out


def test_quiet_says_nothing_when_all_is_well_and_only_what_is_not(ntkbench, store):
    store.add([record(1, **claimed(verified=True)), record(2, seed=1, value=90.0, **claimed(verified=False))])
    outcome = ntkbench("verify", "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    store.add([record(3, backend="jax", value=50.0, **claimed(verified=True))])
    outcome = ntkbench("verify", "--quiet")
    assert outcome.code == 1
    assert "Claims that are not reproduced" in outcome.out
    assert "all is well" not in outcome.out


@pytest.mark.parametrize(
    ("form", "start"), [("json", "{"), ("markdown", "all is well: "), ("junit", "<testsuites ")]
)  # fmt: skip
def test_a_document_is_all_there_is_on_standard_output(ntkbench, squares, form, start):
    outcome = ntkbench("verify", "--format", form, "--rerun", 1, "--tasks", squares)
    assert outcome.code == 0
    assert outcome.out.startswith(start)
    assert "[1/1] squares numba" in outcome.err
    if form == "json":
        assert json.loads(outcome.out)["holds"] is True
    if form == "junit":
        assert ElementTree.fromstring(outcome.out).tag == "testsuites"


@pytest.mark.parametrize("form", ["table", "json", "markdown", "junit"])
def test_the_exit_code_is_that_of_the_check_in_every_format(ntkbench, store, form):
    store.add([record(1, value=50.0, **claimed(verified=True))])
    assert ntkbench("verify", "--format", form).code == 1
