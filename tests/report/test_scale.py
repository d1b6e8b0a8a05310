"""A report of 30 tasks and 5,040 runs: how large its first page is, and that its work grows as the runs do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ntkbench.report.site import write_site
from ntkbench.results.store import Store

RUNS = 30 * 14 * 3 * 4
# Tasks, settings, backends and seeds; two stages of six calls, three metrics, a curve for some, ten claims a task.
CONTENT = """
INSERT INTO environment VALUES ('e1', 'm1', 'c1', MAP {'cpu': 'one', 'machine': 'm1'});
INSERT INTO run BY NAME
SELECT md5(concat_ws('/', t, d, b, s)) AS run_id, md5(concat_ws('/', 'x', t, d, b, s)) AS experiment_id,
       'task_' || t AS task, 1 AS task_version, 'standard' AS tier, '{"depth":' || d || '}' AS params, b AS backend,
       '' AS implementation, 'cpu' AS device, 'float32' AS precision, s AS seed, 'ok' AS status, '' AS reason,
       '' AS traceback, [] AS warnings, TIMESTAMP '2026-01-01' AS started, TIMESTAMP '2026-01-02' AS finished,
       'ntkbench run' AS command, 'e1' AS environment_id, 'claims ' || t AS claims_id,
       false AS measures_machine, 'this machine' AS origin, '' AS submitter, '' AS seal, finished AS stored
FROM range($tasks) tasks(t), range(14) settings(d), (VALUES ('jax'), ('numba'), ('torch')) backends(b),
     range($seeds) seeds(s);
INSERT INTO claim BY NAME
SELECT 'claims ' || t AS claims_id, 'task_' || t AS task, 1 AS task_version, 'claim ' || d AS name,
       'accuracy' AS metric, 50 AS value, 2 AS tolerance, 'table 1' AS source, '{"depth":' || d || '}' AS params,
       true AS verified, 1 AS repeats, 'mean' AS over, 'within' AS side
FROM range($tasks) tasks(t), range(10) settings(d);
INSERT INTO timing
SELECT run_id, stage, if(k = 0, 'first', 'steady'), greatest(k - 1, 0),
       (1 + k / 100 + (hash(run_id, k) % 100)::DOUBLE / 1000) * (1 + length(backend))
FROM run, (VALUES ('kernel'), ('solve')) stages(stage), range(6) calls(k);
INSERT INTO metric BY NAME
SELECT run_id, m AS name, (50 + (hash(run_id) % 1000)::DOUBLE / 500) * f AS value, u AS unit, NULL AS stderr,
       'higher' AS better, NULL AS tolerance, r AS role
FROM run, (VALUES ('accuracy', 1, '%', NULL), ('gram_error', 1e-8, '1', 'gram error'),
                  ('peak_memory', 1e7, 'B', 'peak memory')) metrics(m, f, u, r);
INSERT INTO curve BY NAME
SELECT run_id, 'error' AS name, p AS point, 1 + p AS x, 1 / (1 + p) AS y, 'n' AS x_name, 'error' AS y_name,
       '1' AS x_unit, '%' AS y_unit, NULL AS share, 0 AS tolerance
FROM run, range(20) points(p) WHERE params::VARCHAR <= '{"depth":3}';
"""


def filled(database: Path, tasks: int, seeds: int) -> Store:
    """A database of so many tasks, with 14 settings, 3 backends and so many seeds each."""
    import duckdb

    Store(database).prepare()
    with duckdb.connect(str(database)) as connection:
        connection.execute(CONTENT.replace("$tasks", str(tasks)).replace("$seeds", str(seeds)))
    return Store(database)


def calls(work: Callable[[], object]) -> int:
    """How many functions are called: a measure of work that is the same on every machine."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.slow
def test_of_five_thousand_runs_the_index_takes_less_than_a_megabyte(database: Path, tmp_path: Path) -> None:
    store = filled(database, tasks=30, seeds=4)
    assert store.query("SELECT count(*) FROM run")[1] == [(RUNS,)]
    out = write_site(store, {}, tmp_path / "out").parent
    assert len(list((out / "runs").glob("*.html"))) == RUNS
    index = (out / "index.html").read_text()
    assert len(index.encode()) < 1_000_000
    # 30 tasks of 14 settings, 2 stages and 3 entries, of which it shows one setting a task.
    assert f"{30 * 13 * 2 * 3} rows of other settings are on the tasks' pages" in index
    assert len(list(out.glob("task-*.html"))) == 30


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"tasks": 4, "seeds": 2}, {"tasks": 2, "seeds": 4}], ids=["tasks", "seeds"])
def test_twice_the_runs_take_about_twice_the_work(tmp_path: Path, more: dict[str, int]) -> None:
    few = filled(tmp_path / "few.duckdb", tasks=2, seeds=2)
    many = filled(tmp_path / "many.duckdb", **more)
    write_site(few, {}, tmp_path / "warm")  # what is loaded once is no part of it
    work = [calls(lambda store=store: write_site(store, {}, tmp_path / store.path.stem)) for store in (few, many)]
    assert work[1] < 2.3 * work[0]
