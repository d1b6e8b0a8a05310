"""What asv's folder of results means, on files written by hand in its format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ntkbench.errors import InputError
from ntkbench.results.perf.asv import holds_results, read_results

COMMIT = "a" * 40
MACHINE = {"machine": "f00", "cpu": "a CPU", "num_cpu": "2", "ram": str(3 * 2**30), "os": "Linux", "arch": "x86_64"}
COLUMNS = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b"]
COLUMNS += ["stats_q_25", "stats_q_75", "stats_number", "stats_repeat", "samples", "profile"]
BENCHMARKS = {
    "bench.Gram.time_gram": {"type": "time", "unit": "seconds", "param_names": ["backend"]},
    "bench.Gram.peakmem_gram": {"type": "peakmemory", "unit": "bytes", "param_names": []},
    "bench.Gram.track_error": {"type": "track", "unit": "1", "param_names": []},
    "version": 2,
}


def write(folder: Path, results: dict[str, list[Any]], **changes: Any) -> Path:
    (folder / "f00").mkdir(parents=True)
    (folder / "benchmarks.json").write_text(json.dumps(BENCHMARKS))
    (folder / "f00" / "machine.json").write_text(json.dumps(MACHINE | {"version": 1}))
    content = {"commit_hash": COMMIT, "date": 86_400_000, "params": MACHINE, "python": "3.11", "version": 2}
    content |= {"result_columns": COLUMNS, "results": results, "env_name": "virtualenv-py3.11"} | changes
    (folder / "f00" / "aaaaaaaa-virtualenv-py3.11.json").write_text(json.dumps(content))
    return folder


def read(folder: Path) -> list[Any]:
    return list(read_results(folder, lambda commit: f"subject of {commit[:3]}"))


def test_a_timed_benchmark_has_a_row_for_each_parameter(tmp_path: Path) -> None:
    row = [
        [0.5, 0.25],
        [["'jax'", "'torch'"]],
        "v1",
        90_000_000,
        1.0,
        [0.4, 0.2],
        [0.6, 0.3],
        [0.4, 0.2],
        [0.6, 0.3],
        [2, 1],
        [2, 2],
    ]
    row += [[[0.4, 0.6], [0.2, 0.3]]]
    folder = write(tmp_path / "results", {"bench.Gram.time_gram": row})
    assert holds_results(folder)
    jax, torch = read(folder)
    assert (jax.params, jax.value, jax.low, jax.high, jax.unit) == ({"backend": "jax"}, 0.5, 0.4, 0.6, "s")
    assert (jax.samples, jax.number, jax.version, jax.failure) == ((0.4, 0.6), 2, "v1", "")
    assert (torch.params, torch.value, torch.samples, torch.number) == ({"backend": "torch"}, 0.25, (0.2, 0.3), 1)
    assert jax.committed.isoformat() == "1970-01-02T00:00:00+00:00"
    assert jax.measured.isoformat() == "1970-01-02T01:00:00+00:00"
    assert jax.subject == "subject of aaa"
    assert jax.facts["commit"] == COMMIT
    assert (jax.facts["machine"], jax.facts["memory"], jax.facts["cores"]) == ("f00", "3 GiB", "2")


def test_units_are_those_of_the_kind(tmp_path: Path) -> None:
    results = {"bench.Gram.peakmem_gram": [[7.0], [], "v"], "bench.Gram.track_error": [[1e-7], [], "v"]}
    memory, error = read(write(tmp_path / "results", results))
    assert (memory.unit, memory.value, memory.params) == ("B", 7.0, {})
    assert (error.unit, error.value) == ("1", 1e-7)


def test_what_failed_is_kept_and_what_was_skipped_is_not(tmp_path: Path) -> None:
    results = {"bench.Gram.time_gram": [[None, float("nan")], [["'jax'", "'cuda'"]], "v", 90_000_000, 1.5]}
    (failed,) = read(write(tmp_path / "results", results))
    assert (failed.value, failed.params) == (None, {"backend": "jax"})
    assert failed.failure == "the benchmark failed"


def test_a_commit_that_does_not_build_fails_in_every_combination(tmp_path: Path) -> None:
    # As asv writes it then: nothing was timed, so that there is no duration.
    results = {"bench.Gram.time_gram": [None, [["'jax'", "'torch'"]], "v", 90_000_000]}
    found = read(write(tmp_path / "results", results))
    assert [(m.value, m.failure) for m in found] == [(None, "the commit did not build")] * 2


def test_parameters_that_are_no_literals_stay_texts(tmp_path: Path) -> None:
    results = {"bench.Gram.time_gram": [[1.0, 2.0], [["<object>", "3"]], "v"]}
    assert [m.params for m in read(write(tmp_path / "results", results))] == [{"backend": "<object>"}, {"backend": 3}]


@pytest.mark.parametrize(
    "changes", [{"version": 1}, {"commit_hash": "x"}, {"params": {}}, {"result_columns": COLUMNS[:1]}]
)
def test_what_is_malformed_is_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = write(tmp_path / "results", {"bench.Gram.track_error": [[1.0], [], "v"]}, **changes)
    with pytest.raises(InputError, match=r"aaaaaaaa-virtualenv"):
        read(folder)
    (folder / "benchmarks.json").write_text("{")
    with pytest.raises(InputError, match=r"benchmarks\.json cannot be read"):
        read(folder)
