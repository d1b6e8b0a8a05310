from __future__ import annotations

import pytest


@pytest.fixture
def squares(ntkbench, small_tasks, database):
    """A database in which `squares` was run."""
    words = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]
    assert ntkbench(*words).code == 0
    return database


def test_what_is_exported_and_imported_is_the_same_to_every_query(ntkbench, squares, tmp_path):
    outcome = ntkbench("export", tmp_path / "export")
    files = sorted((tmp_path / "export").iterdir())
    assert sorted(outcome.out.splitlines()) == [str(file) for file in files]
    other = tmp_path / "other.duckdb"
    assert ntkbench("import", tmp_path / "export", "--db", other).out == "2 runs added, 0 were here already\n"
    for view in ("verdict", "leaderboard", "agreement", "latest_run", "failure", "provenance", "environment_fact"):
        sql = f"FROM {view} ORDER BY ALL"
        assert ntkbench("sql", sql, "--db", other).out == ntkbench("sql", sql).out != "", view
    ntkbench("export", tmp_path / "again", "--db", other)
    assert [file.read_bytes() for file in files] == [(tmp_path / "again" / file.name).read_bytes() for file in files]


def test_importing_again_adds_nothing(ntkbench, squares, tmp_path):
    ntkbench("export", tmp_path / "export")
    assert ntkbench("import", tmp_path / "export", squares).out == "0 runs added, 4 were here already\n"


def test_of_several_sources_all_or_none_are_imported(ntkbench, squares, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text("\nnothing\n")
    other = tmp_path / "other.duckdb"
    outcome = ntkbench("import", squares, bad, "--db", other)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ntkbench: {bad}, line 2: not JSON")
    assert outcome.err.count("\n") == 1
    assert not other.exists()


def test_what_was_imported_need_not_be_run_again(ntkbench, squares, small_tasks, tmp_path):
    other = tmp_path / "other.duckdb"
    ntkbench("import", squares, "--db", other)
    words = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba", "--db", other]
    assert ntkbench(*words).out.startswith("2 of 2 runs are done already")


@pytest.mark.parametrize("place", ["file/below", "/proc/none"])
def test_a_place_where_no_export_can_be_is_one_line(ntkbench, squares, tmp_path, place):
    (tmp_path / "file").write_text("")
    outcome = ntkbench("export", tmp_path / place)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ntkbench: cannot write to {tmp_path / place}: ")
    assert outcome.err.count("\n") == 1
