from __future__ import annotations


def test_the_newest_good_run_of_an_experiment_is_the_latest(results):
    results.run()
    newest = results.run()
    assert results.select("SELECT run_id FROM latest_run") == [(newest,)]


def test_a_failed_rerun_does_not_hide_an_older_good_run_and_is_itself_shown(results):
    good = results.run()
    failed = results.run(status="timeout", reason="took longer than 5 s")
    assert results.select("SELECT run_id FROM latest_run") == [(good,)]
    assert results.select("SELECT run_id, status, reason FROM failure") == [
        (failed, "timeout", "took longer than 5 s"),
    ]


def test_a_good_rerun_ends_a_failure(results):
    results.run(status="error", reason="it went wrong")
    results.run()
    assert results.select("FROM failure") == []


def test_what_a_backend_cannot_do_is_no_failure(results):
    results.run(status="not_applicable", reason="numba lacks autodiff")
    assert results.select("FROM failure") == []
    assert results.select("FROM latest_run") == []


def test_different_experiments_are_told_apart(results):
    runs = {
        results.run(),
        results.run(seed=1),
        results.run(backend="jax"),
        results.run(params={"depth": 6}),
        results.run(precision="float64"),
        results.run(dataset_sha256="d2"),
    }
    assert {row[0] for row in results.select("SELECT run_id FROM latest_run")} == runs


def test_only_the_newest_version_of_a_task_is_shown_and_other_tasks_stay(results):
    results.run(task_version=1)
    results.run(task_version=1, seed=1, status="error", reason="old")
    new = results.run(task_version=2)
    other = results.run(task="texts", task_version=1)
    assert {row[0] for row in results.select("SELECT run_id FROM latest_run")} == {new, other}
    assert results.select("FROM failure") == []


def test_an_experiment_on_two_machines_is_one_latest_run_and_one_for_each_machine(results):
    here = results.run(machine="m1")
    there = results.run(machine="m2")
    assert results.select("SELECT run_id FROM latest_run") == [(there,)]
    assert results.select("SELECT machine, run_id FROM latest_on_machine ORDER BY ALL") == [
        ("m1", here),
        ("m2", there),
    ]


def test_every_run_has_its_provenance_and_each_latest_one_its_measurements(results):
    results.run(metrics={"accuracy": 39.0})
    newest = results.run(metrics={"accuracy": (40.0, 0.5)})
    assert results.select("SELECT count(*), min(seconds), max(seconds) FROM provenance") == [(2, 30.0, 30.0)]
    assert results.select("SELECT run_id, metric, value, stderr, unit FROM measurement") == [
        (newest, "accuracy", 40.0, 0.5, "%")
    ]


def test_environments_are_told_fact_by_fact(results):
    results.run(machine="m1")
    results.run(machine="m1", seed=1)
    results.run(machine="m2")
    facts = results.select("SELECT machine, runs, fact, value FROM environment_fact ORDER BY ALL")
    assert facts == [("m1", 2, "machine", "m1"), ("m2", 1, "machine", "m2")]
