from __future__ import annotations

import re

import pytest

from ntkbench import paths
from ntkbench.results import schema
from ntkbench.results.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("schema") / "results.duckdb")
    store.prepare()
    return store


def here(store: Store, what: str, function: str, more: str = "true") -> list[tuple]:
    return store.query(f"SELECT {what} FROM {function}() WHERE database_name = current_database() AND {more}")[1]


def test_every_table_view_and_column_says_what_it_means(store: Store) -> None:
    columns = here(store, "table_name || '.' || column_name, comment", "duckdb_columns", "schema_name = 'main'")
    tables = here(store, "table_name, comment", "duckdb_tables")
    views = here(store, "view_name, comment", "duckdb_views", "NOT internal")
    assert len(columns) > 200
    assert len(views) >= 14
    assert [name for name, comment in columns + tables + views if not comment] == []


def test_every_number_says_its_unit(store: Store) -> None:
    # Identifiers, counts of versions and places in a sequence have none.
    without = {"version", "task_version", "seed", "sample", "point", "rank", "repeats"}
    rows = here(
        store,
        "table_name || '.' || column_name, column_name, comment",
        "duckdb_columns",
        "data_type IN ('DOUBLE', 'BIGINT', 'INTEGER', 'DOUBLE[]') AND schema_name = 'main'",
    )
    unit = re.compile(r"[,;] (s|B|op|1)\b|in `\w+`|in the metric's unit|of that interval, s")
    assert len(rows) > 60
    assert [name for name, column, comment in rows if column not in without and not unit.search(comment)] == []


def test_every_table_but_two_is_protected(store: Store) -> None:
    tables = {name for (name,) in here(store, "table_name", "duckdb_tables")}
    assert tables == {*schema.TABLES, "schema_version", "append_only"}
    triggers = {name for (name,) in here(store, "trigger_name", "duckdb_triggers")}
    assert triggers == {f"{table}_{event}" for table in schema.TABLES for event in ("update", "delete")}


def test_there_is_a_migration_to_every_version() -> None:
    files = sorted(file.name for file in paths.shared("results/migrations").iterdir())
    assert files == [f"{version}.sql" for version in range(2, schema.SCHEMA_VERSION + 1)]


def test_the_columns_are_those_of_the_database(store: Store) -> None:
    rows = here(store, "table_name, column_name, data_type", "duckdb_columns", "schema_name = 'main'")
    found = {table: {column: kind for name, column, kind in rows if name == table} for table in schema.TABLES}
    assert schema.columns() == found


def test_the_database_says_which_views_it_has(store: Store) -> None:
    assert store.query("SELECT views FROM schema_version")[1] == [(schema.views_id(),)]
