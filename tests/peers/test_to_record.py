"""Outcomes in the database: with versions of their own, ranked by the leaderboard, and left out when they are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ntkbench.peers.reference import Errors
from ntkbench.peers.to_record import record
from ntkbench.results.checks import check
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
    assert store.query("SELECT DISTINCT kind FROM leaderboard")[1] == [("peer",)]
    # Float64 has judged it already: the others have no vote.
    assert store.query("SELECT DISTINCT status FROM agreement")[1] == [("agrees",)]
    killed, wrong = store.query("SELECT backend, status, reason FROM failure ORDER BY backend")[1]
    assert killed == ("bad", "killed", "its process ended with exit status 7")
    assert wrong[:2] == ("wrong", "error")
    assert wrong[2].startswith("wrong by 1.0e-01 relative to float64, more than 1e-05: prediction[")
    # Ratios of a round can be formed in SQL too.
    query = """SELECT count(*), min(b.y / o.y) FROM curve b JOIN run rb USING (run_id)
               JOIN curve o ON o.name = b.name AND o.point = b.point JOIN run ro ON ro.run_id = o.run_id
               WHERE b.name = 'rounds' AND rb.backend = 'right' AND ro.backend = 'also'"""
    ((rounds, ratio),) = store.query(query)[1]
    assert rounds == 2
    assert ratio > 0


def test_no_peer_makes_verify_fail_and_a_backend_does(store, outcomes_of, fake) -> None:
    assert check(store).holds
    assert check(store).failures == {"peers": 2}
    outcome = outcomes_of(replace(fake("ours", factor=1.1), standing="backend"))["ours"]
    made = record(outcome, "standard", "ntkbench peers")
    assert "entry kind" not in made.environment
    store.add([made])
    (found,) = check(store).violations
    assert (found.title, [row[3] for row in found.rows]) == ("Runs that failed", ["ours"])


def test_what_float32_rounds_badly_is_ranked_with_its_error(outcomes_of, fake, database) -> None:
    outcome = outcomes_of(fake("a"))["a"]
    outcome.errors, outcome.float64_error = Errors(1e-3, None), 1e-12
    store = Store(database)
    store.add([record(outcome, "standard", "ntkbench peers")])
    assert store.query("SELECT status FROM run")[1] == [("ok",)]
    assert store.query("SELECT backend FROM leaderboard")[1] == [("a",)]


def test_the_environment_states_the_entrys_own_versions(outcomes_of, fake) -> None:
    outcome = outcomes_of(fake("a"))["a"]
    outcome.packages, outcome.python = {"neural-tangents": "0.6.5", "jax": "0.5.3"}, "3.11.0"
    made = record(outcome, "standard", "ntkbench peers")
    versions = {name: value for name, value in made.environment.items() if name.startswith("version ")}
    assert versions == {"version neural-tangents": "0.6.5", "version jax": "0.5.3"}
    assert made.environment["python"] == "3.11.0"
    assert made.environment["machine"]
    assert made.environment["entry kind"] == "peer"
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
