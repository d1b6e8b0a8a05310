from __future__ import annotations

from ntkbench import backends, datasets, paths


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
