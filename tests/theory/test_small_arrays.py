"""Small arrays go to NumPy, larger ones to a program of the library: both give the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntkbench import theory
from ntkbench.arrays import checks
from ntkbench.arrays.execution import execution_for
from ntkbench.backends import open_backend
from ntkbench.networks import Activation, Dense, finite, serial

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 8))
GRAM = X @ X.T / 8
NORMS = RNG.uniform(0.5, 2.0, 6)
RAW = GRAM * NORMS[:, None] * NORMS * (1 + 1e-3 * np.eye(6))
VALUES, TRAIN = RNG.standard_normal((6, 2)), np.array([[0, 1, 2, 3], [5, 4, 1, 0]])
SIGNS = [RNG.choice([-1.0, 1.0], (7, n)) for n in (3, 6)]
CLEAN = np.array([1.0, -1, 1, 1, -1, 1]), np.array([1.0, 1, 1, -1, -1, 1])  # noisy, clean
CURVATURE = theory.Expansion(0.3, 0.8, 0.1, 1.4)


def curves(asarray: Callable[[Any], Any]) -> list[Any]:
    network = finite(serial(Dense(2**0.5), Activation("relu"), Dense(2**0.5)), (8,), width=16)
    start = network.init(np.random.default_rng(1), asarray)
    y = np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
    found = theory.loss_curves(network, start, asarray(X), asarray(y), asarray(GRAM), steps=20, rate=0.1)
    return [found.loss, found.predicted, theory.ntk_width_errors([network], [[start]], asarray(X), asarray(GRAM))]


NUMBERS: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "linearisation": lambda a: theory.linearisation_error(a(GRAM), a(X), CURVATURE),
    "exponential": lambda a: theory.exponential_error(a(X)),
    "relu": lambda a: theory.relu_ntk_error(a(X)),
    "norms": lambda a: theory.norm_scaling(a(RAW), a(GRAM), a(NORMS)),
    "rate": lambda a: theory.max_learning_rate(a(GRAM)),
    "capacity": lambda a: theory.capacity_curve(a(GRAM), VALUES[:, :1], SIGNS),
    "gap": lambda a: theory.ramp_gap(a(GRAM), a(NORMS - 1), np.array([0, 2, 2, 5]), radius=0.5, ridge=0.1),
    "labels": lambda a: theory.label_complexity(a(GRAM), a(VALUES)),
    "noise": lambda a: theory.mitigate(a(GRAM), *CLEAN, a(GRAM[:4]), CLEAN[1][:4], [0.1, 1.0]),
    "recall": lambda a: [vars(r) for r in theory.recall_by_size(a(GRAM), a(CLEAN[0]), a(GRAM[None]), [4, 6])],
    "identity": lambda a: [theory.identity_error(a(GRAM), a(CLEAN[0]), a(GRAM), (0, 3)) < 1e-12],
    "regression": lambda a: theory.regression_errors(a(GRAM), VALUES, TRAIN, np.array([2, 3, 5]), ridge=0.1, room=6),
    "training": curves,
}


def assert_close(one: Any, other: Any) -> None:
    """For numbers and arrays in sequences and dictionaries."""
    if isinstance(one, dict):
        one, other = list(one.values()), list(other.values())
    if not isinstance(one, list | tuple):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)
        return
    for first, second in zip(one, other, strict=True):
        assert_close(first, second)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_program_gives_what_numpy_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = open_backend("jax")

    def asarray(x: Any) -> Any:
        return backend.asarray(x, "float64")

    here: list[bool] = []
    small = checks._small
    monkeypatch.setattr(checks, "_small", lambda execution, x: here.append(small(execution, x)) or here[-1])
    by_numpy = NUMBERS[name](asarray)
    assert all(here)
    here.clear()
    monkeypatch.setattr(checks, "_SMALL", 0)
    by_program = NUMBERS[name](asarray)
    assert here
    assert not any(here)
    assert_close(by_numpy, by_program)


def test_only_what_would_be_compiled_for_becomes_numpys() -> None:
    for name in ("jax", "torch"):
        given = open_backend(name).asarray(X, "float64"), open_backend(name).asarray(GRAM, "float64")
        found = checks.uncompiled(*given)
        if execution_for(*given).compiles:
            assert all(isinstance(array, np.ndarray) for array in found)
            np.testing.assert_array_equal(found[0], X)
        else:
            assert all(one is other for one, other in zip(found, given, strict=True))


def test_arrays_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_SMALL", 40)
    x, gram = (open_backend("jax").asarray(a, "float64") for a in (X, GRAM))  # 48 and 36 numbers
    assert all(one is other for one, other in zip(checks.uncompiled(x, gram), (x, gram), strict=True))
    assert isinstance(checks.uncompiled(gram)[0], np.ndarray)
