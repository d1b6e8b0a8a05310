"""A copy of the database for any DuckDB."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from ntkbench.errors import InputError, SystemFault
from ntkbench.results.exchange.portable import export_duckdb
from ntkbench.results.exchange.sources import import_sources
from ntkbench.results.rows import read_records
from ntkbench.results.schema import TABLES
from ntkbench.results.store import Store

DATA = Path(__file__).parents[1] / "data"
# Asks every view and the macros in another process, whose DuckDB is another; prints rows as texts.
ASK = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as c:
    views = [v for (v,) in c.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
    # What Python makes of a map differs.
    asked = {"environment": "SELECT * REPLACE (map_entries(facts) AS facts) FROM environment"}
    rows = {
        name: sorted(map(str, c.execute(asked.get(name, f"FROM {name}")).fetchall()))
        for name in sorted(views) + sys.argv[2:]
    }
    comments = c.execute("SELECT count(comment) FROM duckdb_columns()").fetchone()
    order = str(c.execute("SELECT natural_order('depth 11') > natural_order('depth 3')").fetchone())
print(json.dumps([duckdb.__version__, rows, comments, order]))
"""


@pytest.fixture
def store(database: Path) -> Store:
    """Runs with times, work and limits of a machine, curves and claims."""
    store = Store(database)
    import_sources(store, [DATA / "version2/export"])
    return store


def ask(python: Path | str, file: Path) -> list:
    command = [python, "-c", ASK, file, *TABLES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_copy_says_what_the_database_says(store: Store, tmp_path: Path) -> None:
    export_duckdb(store, tmp_path / "copies/copy.duckdb")
    assert [file.name for file in (tmp_path / "copies").iterdir()] == ["copy.duckdb"]
    _, rows, *_ = ask(sys.executable, tmp_path / "copies/copy.duckdb")
    assert len(rows) > 25
    for name, found in rows.items():
        if name not in ("perf_history", "environment"):  # asv's steps are for ntkbench's own connections
            assert found == sorted(map(str, store.query(f"FROM {name}")[1])), name


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.0.*", "1.4.*"])
def test_an_older_duckdb_answers_the_same(store: Store, tmp_path: Path, version: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "old"], check=True)
    python = tmp_path / "old/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", f"duckdb=={version}"], check=True)
    file = tmp_path / "copy.duckdb"
    export_duckdb(store, file)
    found, wanted = ask(python, file), ask(sys.executable, file)
    assert found[0].startswith(version.removesuffix("*"))
    assert found[1:] == wanted[1:]
    assert found[3] == "(True,)"


def test_it_replaces_an_older_copy_and_has_what_was_added(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "copy.duckdb"
    export_duckdb(store, file)
    with store.reading() as connection:
        record = read_records(connection)[0]
    store.add([replace(record, run_id="f" * 32)])
    export_duckdb(store, file)
    with duckdb.connect(str(file), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (6,)


def test_ntkbench_adds_nothing_to_a_copy(store: Store, tmp_path: Path) -> None:
    export_duckdb(store, tmp_path / "copy.duckdb")
    with pytest.raises(InputError, match="not one of ntkbench"):
        Store(tmp_path / "copy.duckdb").prepare()


def test_a_full_disk_leaves_the_older_copy(store: Store, tmp_path: Path, full_after) -> None:
    file = tmp_path / "copies/copy.duckdb"
    export_duckdb(store, file)
    before = file.read_bytes()
    with full_after(100_000), pytest.raises((SystemFault, InputError), match=f"cannot write to {file}"):
        export_duckdb(store, file)
    assert [f.name for f in file.parent.iterdir()] == ["copy.duckdb"]
    assert file.read_bytes() == before


def test_the_database_is_not_its_own_copy(store: Store) -> None:
    with pytest.raises(InputError, match="the database itself"):
        export_duckdb(store, store.path)


def test_the_command_takes_a_folder_or_a_file(ntkbench, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "copy.duckdb"
    assert ntkbench("export", "--duckdb", file).out == f"{file}\n"
    for words in ([], [tmp_path / "folder", "--duckdb", file]):
        outcome = ntkbench("export", *words)
        assert (outcome.code, outcome.out) == (2, "")
        assert "either a folder" in outcome.err
    assert ntkbench("export", "--duckdb", tmp_path).code == 2
