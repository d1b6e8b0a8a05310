"""Outcomes in the database: with versions of their own, ranked by the leaderboard, and left out when they are wrong."""

from __future__ import annotations

import pytest

from ntkbench.peers.to_record import record
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store


@pytest.fixture
def store(outcomes_of, fake, database) -> Store:
    entries = [fake("right"), fake("also"), fake("third"), fake("wrong", factor=1.1), fake("bad", how="exit")]
    store = Store(database)
    store.add([record(o, "standard", "ntkbench peers") for o in outcomes_of(*entries).values()])
    return store


def test_the_views_show_what_agrees_and_what_failed(store) -> None:
    board = store.query("SELECT backend, stage, precision, samples FROM leaderboard WHERE task = 'peers'")[1]
    assert {row[0] for row in board} == {"right", "also", "third"}
    assert {row[1:] for row in board} == {("solve", "float64", 40)}
    disagreeing = store.query("SELECT backend, differs_in FROM agreement WHERE status = 'disagrees'")[1]
    assert disagreeing == [("wrong", "prediction_error")]
    assert store.query("SELECT backend, status, reason FROM failure")[1] == [
        ("bad", "killed", "its process ended with exit status 7")
    ]
    # Ratios of a round can be formed in SQL too.
    query = """SELECT count(*), min(b.y / o.y) FROM curve b JOIN run rb USING (run_id)
               JOIN curve o ON o.name = b.name AND o.point = b.point JOIN run ro ON ro.run_id = o.run_id
               WHERE b.name = 'rounds' AND rb.backend = 'right' AND ro.backend = 'also'"""
    ((rounds, ratio),) = store.query(query)[1]
    assert rounds == 2
    assert ratio > 0


def test_the_environment_states_the_entrys_own_versions(outcomes_of, fake) -> None:
    outcome = outcomes_of(fake("a"))["a"]
    outcome.packages, outcome.python = {"neural-tangents": "0.6.5", "jax": "0.5.3"}, "3.11.0"
    made = record(outcome, "standard", "ntkbench peers")
    versions = {name: value for name, value in made.environment.items() if name.startswith("version ")}
    assert versions == {"version neural-tangents": "0.6.5", "version jax": "0.5.3"}
    assert made.environment["python"] == "3.11.0"
    assert made.environment["machine"]
    assert RunRecord.from_json(made.to_json()) == made


def test_a_record_has_the_samples_and_the_metrics(outcomes_of, fake) -> None:
    outcome = outcomes_of(fake("a"))["a"]
    made = record(outcome, "quick", "ntkbench peers --quick")
    steady = [t.seconds for t in made.timings if t.phase == "steady"]
    assert steady == [s for turn in outcome.turns for s in turn]
    assert [t.seconds for t in made.timings if t.phase == "first"] == [outcome.first]
    metrics = {m.name: m.value for m in made.metrics}
    assert metrics["prediction_error"] == outcome.errors.elsewhere
    assert metrics["peak_memory"] == outcome.peak_memory
    assert {m.role for m in made.metrics if m.name == "peak_memory"} == {"peak memory"}
    assert made.params["workload"] == "regression"
