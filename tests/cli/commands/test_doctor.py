from __future__ import annotations

from ntkbench import backends, datasets, paths
from ntkbench.machine import provenance


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


def test_the_doctor_says_why_there_is_no_commit(ntkbench, monkeypatch):
    monkeypatch.setattr(provenance, "commit", lambda: "")
    monkeypatch.setattr(provenance, "commit_fault", lambda: "git cannot be run: No such file or directory")
    (row,) = [line for line in ntkbench("doctor").out.splitlines() if line.startswith("no commit ")]
    assert row.split(maxsplit=2)[2] == "git cannot be run: No such file or directory"
