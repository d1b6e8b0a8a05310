from __future__ import annotations

from ntkbench import backends, datasets, paths


def test_tasks_are_listed_with_their_tiers_and_claims(ntkbench, small_tasks):
    outcome = ntkbench("list", "--tasks", small_tasks)
    assert (outcome.code, outcome.err) == (0, "")
    rows = {line.split()[0]: line for line in outcome.out.splitlines() if line.strip()}
    assert {"cifar_cntk", "differentiates", "faults", "squares"} <= set(rows)
    assert rows["squares"].split() == ["squares", "Squares", "smoke,", "standard", "2"]


def test_a_task_is_described_with_its_parts(ntkbench, small_tasks):
    outcome = ntkbench("describe", "squares", "--tasks", small_tasks)
    assert outcome.code == 0
    for part in (
        "Squares (squares, version 1)", "Source: exact", "Small tasks for tests.", "x           int", "square",
        "standard   x=2,3,4", "three squared", "9.000", "memory",
    ):  # fmt: skip
        assert part in outcome.out


def test_the_doctor_names_the_backends_the_data_and_the_places(ntkbench, database):
    outcome = ntkbench("doctor")
    assert outcome.code == 0
    for name in backends.names():
        assert f"backend {name}" in outcome.out
    for name in datasets.names():
        assert f"data {name}" in outcome.out
    assert str(database) in outcome.out
    assert str(paths.cache_folder()) in outcome.out
    assert not database.exists()


def test_the_doctor_tells_how_to_install_what_is_missing(ntkbench, monkeypatch):
    monkeypatch.setattr(backends, "installed", lambda: ["numba"])
    out = ntkbench("doctor").out
    assert "missing: pip install torch" in out
