"""Errors of many regressions at once, against regressions one by one in NumPy; the conservation of learnability."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, installed, open_backend
from ntkbench.kernels import architecture_kernels, fc_kernels
from ntkbench.networks import Activation, Dense, finite, serial
from ntkbench.theory import (
    Errors,
    Hypercube,
    Sample,
    Sphere,
    group_errors,
    network_errors,
    regression_curve,
    regression_errors,
)

LIBRARIES = [name for name in installed() if "autodiff" in open_backend(name).capabilities]


def problem(m: int = 12, targets: int = 3, trials: int = 4, n: int = 5) -> tuple[np.ndarray, ...]:
    """A Gram matrix, targets, training sets, test points and noise."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((m, m + 2))
    train_sets = np.array([rng.permutation(m)[:n] for _ in range(trials)])
    noise = rng.standard_normal((trials, n, targets))
    return a @ a.T / m, rng.standard_normal((m, targets)), train_sets, np.array([1, 4, 5, 11]), noise


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("noisy", [False, True])
def test_errors_are_those_of_single_regressions(backend: Backend, ridge: float, noisy: bool) -> None:
    k, targets, train_sets, test, noise = problem()
    found = regression_errors(
        backend.asarray(k, "float64"), targets, train_sets, test, ridge=ridge, noise=noise if noisy else None
    )
    assert found.test.shape == found.train.shape == found.learnability.shape == (4, 3)
    for trial, chosen in enumerate(train_sets):
        labels = targets[chosen] + (noise[trial] if noisy else 0.0)
        weights = np.linalg.inv(k[np.ix_(chosen, chosen)] + ridge * np.eye(5)) @ labels
        prediction = k[np.ix_(test, chosen)] @ weights
        residual = k[np.ix_(chosen, chosen)] @ weights - labels
        np.testing.assert_allclose(found.test[trial], np.mean((prediction - targets[test]) ** 2, axis=0), rtol=1e-10)
        np.testing.assert_allclose(found.train[trial], np.mean(residual**2, axis=0), rtol=1e-9, atol=1e-25)
        overlap = np.sum(prediction * targets[test], axis=0) / np.sum(targets[test] ** 2, axis=0)
        np.testing.assert_allclose(found.learnability[trial], overlap, rtol=1e-10)


@pytest.mark.parametrize("depth", [2, 5])
@pytest.mark.parametrize(("m", "n"), [(10, 3), (10, 6), (256, 40)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_learnabilities_of_any_orthonormal_basis_add_up_to_n(
    backend: Backend, depth: int, m: int, n: int, dtype: str
) -> None:
    rng = np.random.default_rng(1)
    points = Sphere(8).samples(m, 1, rng)[0].points[:m]
    k = fc_kernels(backend.asarray(points, dtype), depth=depth, b_std=0.1).ntk
    basis = np.linalg.qr(rng.standard_normal((m, m)))[0]
    train_sets = np.array([rng.permutation(m)[:n] for _ in range(2)])
    sums = [
        regression_errors(k, basis, train_sets, np.arange(m), ridge=ridge).learnability.sum(axis=1)
        for ridge in (0.0, 0.05)
    ]
    np.testing.assert_allclose(sums[0], n, rtol=1e-8)
    assert (sums[1] < n * (1 - 1e-4)).all()


def test_joined_errors_are_further_trials() -> None:
    k, targets, train_sets, test, _ = problem()
    whole = regression_errors(k, targets, train_sets, test)
    joined = Errors.joined(regression_errors(k, targets, train_sets[i : i + 2], test) for i in (0, 2))
    for one, other in zip(joined, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_singular_gram_matrix_needs_a_ridge(backend: Backend) -> None:
    k, targets, train_sets, test, _ = problem()
    flat = backend.asarray(np.ones_like(k), "float64")
    with pytest.raises((np.linalg.LinAlgError, RuntimeError), match=r"(?i)singular"):
        regression_errors(flat, targets, train_sets, test)
    assert np.isfinite(regression_errors(flat, targets, train_sets, test, ridge=0.1).test).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_wide_networks_err_as_their_kernel_does(library: str) -> None:
    backend = open_backend(library)
    architecture = serial(Dense(math.sqrt(2.0), 0.1), Activation("relu"), Dense())
    cube = Hypercube(5)
    sample = cube.samples(10, 2, np.random.default_rng(0))[0]
    targets = cube.functions(sample.points, 1, 2)
    expected = regression_errors(
        architecture_kernels(architecture, sample.points).ntk, targets, sample.train, sample.test
    )
    network = finite(architecture, (5,), width=4096, outputs=2)
    starts = [network.init(np.random.default_rng(i), lambda a: backend.asarray(a, "float32")) for i in range(2)]
    told: list[tuple[int, int]] = []
    found = network_errors(
        network, starts, backend.asarray(sample.points, "float32"), targets, sample.train, sample.test, steps=200,
        rate=0.5, momentum=0.9, progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    np.testing.assert_allclose(found.test, expected.test, atol=0.05)
    np.testing.assert_allclose(found.learnability, expected.learnability, atol=0.05)
    assert found.train.max() < 1e-4
    assert told == [(1, 2), (2, 2)]


def test_networks_whose_training_diverges_have_no_errors() -> None:
    backend = open_backend(LIBRARIES[0])
    network = finite(serial(Dense()), (5,), width=1)
    sample = Hypercube(5).samples(10, 1, np.random.default_rng(0))[0]
    starts = [network.init(np.random.default_rng(0), lambda a: backend.asarray(a, "float32"))]
    x = backend.asarray(sample.points, "float32")
    with pytest.raises(ValueError, match=r"the rate 100\.0 is too large"):
        network_errors(network, starts, x, sample.points[:, :1], sample.train, sample.test, steps=50, rate=100.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.ones((11, 3))}, "of the same points"),
        ({"train_sets": np.zeros(5, dtype=int)}, r"train_sets must be \(trials, n\)"),
        ({"test": np.array([], dtype=int)}, r"test \(n_test,\)"),
        ({"train_sets": np.full((1, 2), 12)}, "numbered from 0 to 11"),
        ({"test": np.array([-1])}, "numbered from 0 to 11"),
        ({"noise": np.ones((4, 5, 2))}, r"noise must be \(trials, n, t\), \(4, 5, 3\)"),
        ({"ridge": -1.0}, "ridge must be finite"),
        ({"k": np.full((12, 12), np.nan)}, "k holds NaN"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    k, targets, train_sets, test, _ = problem()
    given = {"k": k, "targets": targets, "train_sets": train_sets, "test": test} | change
    with pytest.raises(ValueError, match=message):
        regression_errors(**given)


@pytest.mark.parametrize("noisy", [False, True])
def test_a_curve_holds_the_errors_after_the_first_points_of_every_sample(backend: Backend, noisy: bool) -> None:
    parts = [problem(m=m) for m in (12, 14)]
    samples = [Sample(np.empty((0, 0)), train_sets, test) for _, _, train_sets, test, _ in parts]
    grams = [backend.asarray(k, "float64") for k, *_ in parts]
    targets, noise = [part[1] for part in parts], [part[4] for part in parts]
    curve = regression_curve(grams, targets, samples, [2, 5], ridge=0.1, **({"noise": noise} if noisy else {}))
    for n, found in zip([2, 5], curve, strict=True):
        alone = [
            regression_errors(k, f, s.train[:, :n], s.test, ridge=0.1, noise=e[:, :n] if noisy else None)
            for k, f, s, e in zip(grams, targets, samples, noise, strict=True)
        ]
        for values, expected in zip(found, Errors.joined(alone), strict=True):
            # Filled up to one size or solved alone: the same but for rounding.
            np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_points_of_no_weight_change_nothing(backend: Backend, ridge: float) -> None:
    k, targets, train_sets, test, noise = problem()
    given = (backend.asarray(k, "float64"), targets, train_sets[:, :3], test)
    alone = regression_errors(*given, ridge=ridge, noise=noise[:, :3])
    filled = regression_errors(*given, ridge=ridge, noise=noise[:, :3], room=5)
    for values, expected in zip(filled, alone, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-11, atol=1e-13)


def test_one_gram_matrix_at_a_time_is_asked_for() -> None:
    k, targets, train_sets, test, _ = problem()
    alive: list[int] = []

    def gram(number: int) -> np.ndarray:
        alive.append(number)
        return k

    def values(number: int) -> np.ndarray:
        assert alive[-1] == number  # the next matrix has not been made
        return targets

    samples = [Sample(np.empty((0, 0)), train_sets, test)] * 3
    (errors,) = regression_curve(map(gram, range(3)), map(values, range(3)), samples, [3])
    assert errors.test.shape == (12, 3)


def test_errors_of_groups_are_means_over_the_points_left_over(backend: Backend) -> None:
    k, targets, *_ = problem(targets=3)
    found = group_errors(backend.asarray(k, "float64"), [targets[:, :1], targets[:, 1:]], 8, ridge=0.2)
    prediction = k[8:, :8] @ np.linalg.inv(k[:8, :8] + 0.2 * np.eye(8)) @ targets[:8]
    squares = ((prediction - targets[8:]) ** 2).mean(axis=0)
    np.testing.assert_allclose(found, [squares[0], squares[1:].mean()], rtol=1e-9)
