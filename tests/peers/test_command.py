"""`ntkbench peers`, in small sizes and with what needs no other environment."""

from __future__ import annotations

import pytest

from ntkbench.results.store import Store


@pytest.mark.slow
def test_it_measures_stores_and_writes_the_page(ntkbench, database, tmp_path) -> None:
    page = tmp_path / "pages" / "page.md"
    entries = ("--entry", "scikit-learn", "--entry", "numba")
    done = ntkbench("peers", "--quick", "--work", "regression", "--work", "fc", *entries, "--out", page)
    assert done.code == 0, done.err
    assert "FC ReLU, depth 3, 20 x 20, d = 30" in done.out
    assert "baseline" in done.out
    assert "--quick --work regression" in page.read_text()
    assert "| scikit-learn |" in page.read_text()
    found = Store(database).query(
        "SELECT params->>'workload', backend, status, tier FROM run WHERE task = 'peers' ORDER BY ALL"
    )[1]
    assert found == [
        ("fc", "numba", "ok", "quick"),
        ("regression", "numba", "ok", "quick"),
        ("regression", "scikit-learn", "ok", "quick"),
    ]
    assert ntkbench("report").code == 0
    assert ntkbench("verify").code == 0


def test_an_environment_that_cannot_be_made_is_a_failed_run_and_the_rest_goes_on(ntkbench, database, tmp_path) -> None:
    (tmp_path / "file").touch()
    entries = ("--entry", "scikit-learn", "--entry", "gpytorch", "--environments", tmp_path / "file")
    done = ntkbench("peers", "--quick", "--work", "regression", *entries)
    assert done.code == 3
    assert "failed: regression [gpytorch] the environment 'gpytorch' could not be made" in done.err
    failed = Store(database).query("SELECT backend FROM failure WHERE task = 'peers'")[1]
    assert failed == [("gpytorch",)]
    assert "baseline" in done.out
    # A part of the work is no page of the whole.
    assert not (database.parent / "peers.md").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--work", "cntk_flaten"], "unknown work 'cntk_flaten'; did you mean 'cntk_flatten'?"),
        (["--entry", "numbra"], "unknown entry 'numbra'; did you mean 'numba'?"),
        (["--rounds", "0"], "--rounds must be at least 1, not 0"),
        (["--work", "fc", "--entry", "gpytorch"], "gpytorch does none of fc"),
        (["--out", "/"], "cannot write to /: Is a directory"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(ntkbench, database, words, message) -> None:
    done = ntkbench("peers", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.strip() == f"ntkbench: {message}"
    assert not database.exists()
