"""A backend is one file: a fourth one, in toy_backend/, is found, planned for, run, recorded and compared."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench import backends
from ntkbench.arrays.execution import execution_for
from ntkbench.kernels import architecture_kernels, cntk, fc_kernels, implementations
from ntkbench.networks import Activation, Conv, Dense, GlobalAvgPool, LayerNorm, finite, serial, train
from ntkbench.results.store import Store

FOLDER = Path(__file__).parent / "toy_backend"
# Workers are processes of their own: each puts the folder beside that of the backends when it starts.
ON_START = f"from ntkbench import backends\nbackends.__path__.append({str(FOLDER)!r})\n"

ARCHITECTURE = serial(
    Conv(), Activation("erf"), Conv(), Activation("relu"), GlobalAvgPool(), Dense(), LayerNorm(), Activation("relu"),
    Dense(),
)  # fmt: skip


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The toy's file lies where backends are looked for."""
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(FOLDER)])
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(ON_START)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])))
    yield
    sys.modules.pop("ntkbench.backends.toy", None)


def test_it_is_a_backend_like_the_others() -> None:
    assert backends.names() == sorted(["jax", "numba", "torch", "toy"])
    assert backends.choose(["toy"]) == ["toy"]
    assert backends.capabilities("toy") == {"float64"}


def test_what_it_says_of_its_environment_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARRAY_TOY_THREADS", "1")
    assert backends.environment()["variable ARRAY_TOY_THREADS"] == "1"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "kernel",
    [
        lambda x: fc_kernels(flat(x), depth=3).ntk,
        lambda x: cntk(x, depth=3, pooling="flatten"),
        lambda x: cntk(x, depth=3, pooling="gap"),
        lambda x: architecture_kernels(ARCHITECTURE, x).ntk,
    ],
    ids=["fc", "flatten", "gap", "architecture"],
)
def test_its_gram_matrices_agree_with_those_of_numba(kernel: Callable[[Any], Any], dtype: str) -> None:
    x = np.random.default_rng(0).standard_normal((7, 5, 4, 2))
    x[3] = x[1]
    grams = []
    for name in ("toy", "numba"):
        backend = backends.open_backend(name)
        with implementations() as used:
            grams.append(backend.to_numpy(kernel(backend.asarray(x, dtype))))
        assert name != "toy" or used == {"toy"}
    assert grams[0].dtype == dtype
    np.testing.assert_allclose(*grams, rtol=2e-5 if dtype == "float32" else 1e-12)


def flat(x: Any) -> Any:
    xp = execution_for(x).xp
    return xp.reshape(x, (x.shape[0], -1))


def test_it_does_not_train_and_says_so() -> None:
    toy = backends.open_backend("toy")
    network = finite(serial(Dense()), (2,), width=1)
    params = network.init(np.random.default_rng(0), lambda a: toy.asarray(a, "float64"))
    x, y = (toy.asarray(np.ones(shape), "float64") for shape in ((3, 2), (3, 1)))
    with pytest.raises(TypeError, match="training needs derivatives, which arrays of type Array have not"):
        train(network, params, x, y, steps=1, rate=0.1)


@pytest.mark.slow
def test_a_smoke_task_runs_on_it_from_the_plan_to_the_record_and_agrees(
    ntkbench: Callable[..., Any], database: Path
) -> None:
    small = [word for name in ("depth=3", "pooling=gap", "n_train=20", "n_test=20") for word in ("--set", name)]
    outcome = ntkbench("run", "cifar_cntk", "--tier", "smoke", "--backend", "toy,numba", "--seeds", 1, *small)
    assert outcome.code == 0, outcome.out + outcome.err
    store = Store(database)
    runs = store.query("SELECT backend, implementation, status FROM run")[1]
    assert {("toy", "toy", "ok"), ("numba", "numba", "ok")} == {tuple(row) for row in runs}
    assert store.query("SELECT count(*) FROM agreement WHERE backend = 'toy' AND status = 'agrees'")[1][0][0] > 0
    assert store.query("SELECT count(*) FROM agreement WHERE status = 'disagrees'")[1][0][0] == 0


def test_nothing_in_the_suite_knows_it() -> None:
    suite = Path(backends.__file__).parents[2]
    assert [path for path in suite.rglob("*.py") if "toy" in path.read_text(encoding="utf-8").lower()] == []
