import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ntkbench.experiment.registry import load_tasks
from ntkbench.results.exchange.sources import import_sources
from ntkbench.results.record import claim_rows
from ntkbench.results.rows import claims_id
from ntkbench.results.store import Store

REFERENCE = Path(__file__).parents[2] / "results/reference"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("reference") / "results.duckdb")
    import_sources(store, [REFERENCE])
    return store


def test_the_reference_results_agree_with_each_other_and_with_themselves(store: Store, ntkbench: Callable) -> None:
    agreement = dict(store.query("SELECT status, count(*) FROM agreement GROUP BY status")[1])
    assert agreement["agrees"] >= 200
    assert "disagrees" not in agreement
    assert store.query("SELECT count(*) FROM failure")[1] == [(0,)]
    assert "differ" not in ntkbench("verify", "--db", store.path, "--against", REFERENCE).out


def test_what_does_not_hold_is_a_finding_with_its_reason(store: Store) -> None:
    rows = store.query("SELECT task, finding FROM verdict WHERE verified AND verdict = 'not reproduced'")[1]
    assert {task for task, _ in rows} == {"fluctuations", "learning_curves", "momentum"}
    assert all(finding for _, finding in rows)


def test_their_claims_are_those_that_the_tasks_make_now(store: Store) -> None:
    now = [(t.name, t.version, claims_id(t.name, t.version, claim_rows(t))) for t in load_tasks([]).values()]
    assert store.query("SELECT task, task_version, claims_id FROM present ORDER BY task")[1] == sorted(now)


def test_they_were_made_at_a_commit_and_tell_nothing_of_the_machines_folders(store: Store) -> None:
    runs = store.query("SELECT commit_id, command FROM provenance")[1]
    assert len(runs) >= 20
    assert all(re.fullmatch("[0-9a-f]{40}", commit) and "/" not in command for commit, command in runs)


def test_the_history_of_the_main_line_is_complete_and_of_one_machine(store: Store) -> None:
    histories = store.query(
        "SELECT benchmark, params, count(value) AS commits, count(DISTINCT machine) FROM perf_history GROUP BY ALL"
    )[1]
    assert len(histories) >= 60
    assert {(commits, machines) for _, _, commits, machines in histories} == {(11, 1)}
    facts = store.query("SELECT facts FROM environment WHERE environment_id IN (SELECT environment_id FROM perf)")[1]
    assert {name for (about,) in facts for name in about} == {
        "machine", "cpu", "cores", "memory", "system", "python", "commit",
    }  # fmt: skip


def test_what_their_names_meant_is_what_the_tasks_declare_now(store: Store) -> None:
    tasks = load_tasks([]).values()
    roles = {(t.name, m.name): (m.role, m.stage) for t in tasks for m in t.metrics}
    theories = {(t.name, c.name): c.theory_of for t in tasks for c in t.curves}
    for task, name, *role in store.query("SELECT DISTINCT task, metric, role, stage FROM measurement")[1]:
        assert (task, name, tuple(role)) == (task, name, roles[task, name])
    for task, name, theory_of in store.query("SELECT DISTINCT task, name, theory_of FROM series")[1]:
        assert (task, name, theory_of) == (task, name, theories[task, name])
    measuring = store.query("SELECT DISTINCT task FROM run WHERE measures_machine ORDER BY task")[1]
    assert measuring == [(t.name,) for t in tasks if t.measures_machine]
