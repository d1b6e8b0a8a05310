from __future__ import annotations

import pytest
from scipy import stats


def ranks(results, where: str = "true") -> dict[str, int]:
    return dict(results.select(f"SELECT backend, rank FROM leaderboard WHERE {where}"))


def test_the_median_of_the_steady_calls_is_ranked_and_compilation_stands_apart(results):
    results.run(timings={"kernel": (7.0, [2.0, 1.0, 4.0])})
    columns = "seconds, samples, first_seconds, compile_seconds, includes_compilation"
    assert results.select(f"SELECT {columns} FROM leaderboard") == [(2.0, 3, 7.0, 5.0, False)]


def test_a_stage_that_was_called_once_has_no_compilation_to_tell_apart(results):
    results.run(timings={"kernel": (30.0, [])})
    columns = "seconds, low, high, samples, first_seconds, compile_seconds, includes_compilation"
    assert results.select(f"SELECT {columns} FROM leaderboard") == [(30.0, None, None, 1, 30.0, None, True)]


def test_a_first_call_that_is_quicker_than_the_others_compiled_nothing(results):
    results.run(timings={"kernel": (1.0, [2.0])})
    assert results.select("SELECT first_seconds, compile_seconds FROM leaderboard") == [(1.0, 0.0)]


def test_compilation_is_that_of_the_run_that_compiled(results):
    results.run(seed=0, timings={"kernel": (7.0, [2.0])})
    results.run(seed=1, timings={"kernel": (1.9, [2.0])})
    assert results.select("SELECT seconds, samples, compile_seconds FROM leaderboard") == [(2.0, 2, 5.0)]


def test_the_interval_covers_the_median_about_95_times_in_100(results):
    sizes = [*range(5, 30), 40, 100]
    results.run(timings={f"{n}": (None, [float(i) for i in range(1, n + 1)]) for n in sizes})
    intervals = results.select("SELECT samples, low, high FROM leaderboard")
    assert len(intervals) == len(sizes)
    for n, low, high in intervals:
        # The i-th smallest of n lies below the median when at least i of n do.
        coverage = stats.binom.cdf(high - 1, n, 0.5) - stats.binom.cdf(low - 1, n, 0.5)
        # The next narrower interval would be too narrow.
        narrower = stats.binom.cdf(high - 2, n, 0.5) - stats.binom.cdf(low, n, 0.5)
        assert coverage > 0.93
        assert narrower < 0.955


def test_one_sample_has_no_interval_and_is_ranked_as_it_stands(results):
    results.run("jax", timings={"kernel": (None, [1.0])})
    results.run("numba", timings={"kernel": (None, [0.9, 1.2])})
    results.run("torch", timings={"kernel": (None, [2.0])})
    assert results.select("SELECT backend, low, high, rank FROM leaderboard ORDER BY backend") == [
        ("jax", None, None, 1),
        ("numba", 0.9, 1.2, 1),
        ("torch", None, None, 3),
    ]


def test_entries_whose_intervals_overlap_share_a_rank(results):
    results.run("jax", timings={"kernel": (None, [1.0, 1.1, 1.2, 1.1, 1.0])})
    results.run("numba", timings={"kernel": (None, [1.1, 1.2, 1.3, 1.2, 1.3])})
    results.run("torch", timings={"kernel": (None, [2.0, 2.1, 2.0, 2.1, 2.2])})
    assert ranks(results) == {"jax": 1, "numba": 1, "torch": 3}


def test_each_machine_has_its_own_ranks_and_shows_its_own_runs(results):
    for backend, machine, seconds in (
        ("jax", "m1", 2.0),
        ("numba", "m1", 3.0),
        ("jax", "m2", 1.0),
        ("numba", "m2", 0.5),
    ):
        results.run(backend, machine=machine, timings={"kernel": (None, [seconds])})
    assert ranks(results, "machine = 'm1'") == {"jax": 1, "numba": 2}
    assert ranks(results, "machine = 'm2'") == {"numba": 1, "jax": 2}


@pytest.mark.parametrize("change", [{"params": {"depth": 6}}, {"precision": "float64"}, {"task": "texts"}])
def test_only_the_same_work_is_ranked_together(results, change):
    results.run("jax", timings={"kernel": (None, [1.0])})
    results.run("torch", timings={"kernel": (None, [2.0])}, **change)
    assert ranks(results) == {"jax": 1, "torch": 1}


def test_stages_are_ranked_apart(results):
    results.run("jax", timings={"kernel": (None, [1.0]), "solve": (None, [2.0])})
    results.run("torch", timings={"kernel": (None, [2.0]), "solve": (None, [1.0])})
    assert ranks(results, "stage = 'kernel'") == {"jax": 1, "torch": 2}
    assert ranks(results, "stage = 'solve'") == {"jax": 2, "torch": 1}


def test_a_run_that_disagrees_is_left_out_however_fast(results):
    for backend, value, seconds in (("jax", 40.0, 3.0), ("numba", 40.0, 2.0), ("torch", 10.0, 1.0)):
        results.run(
            backend, metrics={"accuracy": value}, tolerances={"accuracy": 0.2}, timings={"k": (None, [seconds])}
        )
    assert ranks(results) == {"numba": 1, "jax": 2}


def test_it_says_whether_there_was_anything_to_agree_with(results):
    results.run("jax", timings={"kernel": (None, [1.0])})
    assert results.select("SELECT agreement FROM leaderboard") == [("unchecked",)]
    results.run("torch", timings={"kernel": (None, [1.0])})
    assert results.select("SELECT DISTINCT agreement FROM leaderboard") == [("agrees",)]


def test_memory_and_error_stand_beside_the_time(results):
    roles = {"peak": ("peak memory", None), "distance": ("gram error", None)}
    timed = {"timings": {"kernel": (None, [1.0])}, "roles": roles}
    results.run(seed=0, metrics={"peak": 100.0, "distance": 1e-7}, **timed)
    results.run(seed=1, metrics={"peak": 300.0, "distance": 1e-8}, **timed)
    results.run("torch", timings={"kernel": (None, [1.0])})
    assert results.select("SELECT backend, peak_memory, gram_error FROM leaderboard ORDER BY backend") == [
        ("numba", 300.0, 1e-7),
        ("torch", None, None),
    ]


def test_seeds_are_samples_of_one_entry_and_a_rerun_replaces_its_run(results):
    results.run(seed=0, timings={"kernel": (None, [9.0])})
    results.run(seed=0, timings={"kernel": (None, [1.0])})
    results.run(seed=1, timings={"kernel": (None, [3.0])})
    assert results.select("SELECT samples, seconds FROM leaderboard") == [(2, 2.0)]


def test_runs_of_an_older_version_are_not_ranked(results):
    results.run("jax", task_version=1, timings={"kernel": (None, [1.0])})
    results.run("torch", task_version=2, timings={"kernel": (None, [2.0])})
    assert ranks(results) == {"torch": 1}


def test_devices_of_one_machine_are_ranked_together_and_name_themselves(results):
    entries = (("jax", "cpu", 8.0), ("torch", "cpu", 9.0), ("jax", "cuda", 1.0), ("torch", "cuda", 2.0))
    for backend, device, seconds in entries:
        results.run(backend, device=device, timings={"kernel": (None, [seconds])}, metrics={"accuracy": 40.0},
                    tolerances={"accuracy": 0.2})  # fmt: skip
    sql = "SELECT rank, backend, device, agreement FROM leaderboard ORDER BY rank"
    assert results.select(sql) == [
        (1, "jax", "cuda", "agrees"),
        (2, "torch", "cuda", "agrees"),
        (3, "jax", "cpu", "agrees"),
        (4, "torch", "cpu", "agrees"),
    ]
