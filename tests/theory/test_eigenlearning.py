"""The eigenlearning theory against its own equations, exact cases, and what regression does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, serial
from ntkbench.theory import Hypercube, Sphere, cosine_kernel, eigenlearning, points_to_learn, regression_errors
from ntkbench.theory.spectra import Spectrum


def gauss(cosines: Any) -> Any:
    """The kernel exp(cosine)."""
    return np.exp(np.asarray(cosines))


def spectrum(eigenvalues: Any, multiplicities: Any, tail: float = 0.0) -> Spectrum:
    eigenvalues, multiplicities = (np.array(v, dtype=np.float64) for v in (eigenvalues, multiplicities))
    return Spectrum(eigenvalues, multiplicities, float(eigenvalues @ multiplicities) + tail)


HIDDEN = serial(Dense(math.sqrt(2.0), 0.1), Activation("relu"))
NETWORK = serial(HIDDEN, HIDDEN, HIDDEN, HIDDEN, Dense())
levels = st.lists(st.tuples(st.floats(1e-4, 10.0), st.integers(1, 50)), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(levels, st.floats(0.0, 3.0), st.floats(0.0, 2.0), st.floats(0.02, 0.95), st.floats(0.0, 1.0))
def test_it_solves_its_equations(
    given_levels: list[tuple[float, int]], tail: float, ridge: float, share: float, noise: float
) -> None:
    values, counts = (np.array(v, dtype=np.float64) for v in zip(*given_levels, strict=True))
    n = share * counts.sum()
    found = eigenlearning(spectrum(values, counts, tail), n, ridge=ridge, noise=noise)
    learned = values / (values + found.kappa)
    lost = tail if tail > 1e-12 * (values @ counts + tail) else 0.0
    assert learned @ counts + (ridge + lost) / found.kappa == pytest.approx(n, rel=1e-9)
    np.testing.assert_allclose(found.learnability, learned, rtol=1e-12)
    overfitting = n / (n - learned**2 @ counts)
    assert found.overfitting == pytest.approx(overfitting, rel=1e-9)
    np.testing.assert_allclose(found.test_error, overfitting * ((1 - learned) ** 2 + noise), rtol=1e-9)
    np.testing.assert_allclose(found.train_error, (ridge / (n * found.kappa)) ** 2 * found.test_error, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(levels, st.floats(0.05, 0.9))
def test_without_a_ridge_learnabilities_add_up_to_n_and_with_one_to_less(
    given_levels: list[tuple[float, int]], share: float
) -> None:
    values, counts = zip(*given_levels, strict=True)
    n = share * sum(counts)
    whole = spectrum(values, counts)
    assert eigenlearning(whole, n).learnability @ whole.multiplicities == pytest.approx(n, rel=1e-9)
    assert eigenlearning(whole, n, ridge=0.1).learnability @ whole.multiplicities < n


def test_equal_eigenvalues_are_learned_in_proportion_to_n() -> None:
    # All of M functions alike: L = n / M, E_0 = M / (M - n), error = 1 - n / M.
    found = eigenlearning(spectrum([0.3], [40]), 10)
    assert found.learnability[0] == pytest.approx(0.25, rel=1e-9)
    assert found.overfitting == pytest.approx(4 / 3, rel=1e-9)
    assert found.test_error[0] == pytest.approx(0.75, rel=1e-9)
    assert found.train_error[0] == 0.0


def test_equal_eigenvalues_are_half_learned_by_half_the_points() -> None:
    assert points_to_learn(spectrum([0.3], [40]), 0) == pytest.approx(20, rel=1e-9)
    assert points_to_learn(spectrum([0.3], [40]), 0, error=0.1) == pytest.approx(36, rel=1e-9)


@pytest.mark.parametrize(("d", "level"), [(8, 1), (8, 2), (20, 1), (20, 3)])
def test_the_points_to_learn_a_level_give_that_error(d: int, level: int) -> None:
    whole = Sphere(d).spectrum(gauss)
    for error in (0.5, 0.1):
        n = points_to_learn(whole, level, error)
        assert eigenlearning(whole, n).test_error[level] == pytest.approx(error, rel=1e-7)


def test_a_level_left_out_counts_as_a_ridge_of_its_trace() -> None:
    # A level of many tiny eigenvalues, and the same as a tail.
    whole = spectrum([1.0, 0.1, 1e-7], [1, 8, 2_000_000])
    cut = spectrum([1.0, 0.1], [1, 8], tail=0.2)
    for n in (3, 30):
        one, other = eigenlearning(whole, n, ridge=0.05), eigenlearning(cut, n, ridge=0.05)
        np.testing.assert_allclose(other.test_error, one.test_error[:2], rtol=1e-4)
        np.testing.assert_allclose(other.train_error, one.train_error[:2], rtol=1e-4)


def test_regression_on_the_hypercube_follows_the_theory() -> None:
    cube = Hypercube(8)
    sample = cube.samples(128, 60, np.random.default_rng(0))[0]
    k = architecture_kernels(NETWORK, sample.points).ntk
    whole = cube.spectrum(cosine_kernel(NETWORK))
    for level in (1, 2):
        targets = cube.functions(sample.points, level, 8)
        for n in (16, 64):
            found = regression_errors(k, targets, sample.train[:, :n], sample.test)
            predicted = eigenlearning(whole, n)
            assert found.test.mean() == pytest.approx(predicted.test_error[level], rel=0.05)
            assert found.learnability.mean() == pytest.approx(predicted.learnability[level], abs=0.02)


def test_regression_with_ridge_and_noise_on_the_sphere_follows_the_theory() -> None:
    sphere = Sphere(8)
    samples = sphere.samples(64, 40, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    tests, trains = [], []
    for points, train, test in samples:
        k = architecture_kernels(NETWORK, points).ntk
        noise = math.sqrt(0.2) * rng.standard_normal((1, 64, 8))
        found = regression_errors(k, sphere.functions(points, 1, 8), train, test, ridge=0.1, noise=noise)
        tests.append(found.test.mean() + 0.2)
        trains.append(found.train.mean())
    predicted = eigenlearning(sphere.spectrum(cosine_kernel(NETWORK)), 64, ridge=0.1, noise=0.2)
    assert np.mean(tests) == pytest.approx(predicted.test_error[1], rel=0.05)
    assert np.mean(trains) == pytest.approx(predicted.train_error[1], rel=0.05)


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (0, {}, "n must lie between 0 and the kernel's rank, 9"),
        (9, {}, "rank, 9, not be 9"),
        (math.inf, {"ridge": 1.0}, "n must lie"),
        (3, {"ridge": -1.0}, "ridge must be finite and not negative"),
        (3, {"noise": -1.0}, "noise must be finite and not negative"),
        (3, {"noise": math.nan}, "noise must be"),
    ],
)
def test_what_makes_no_sense_is_refused(n: float, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        eigenlearning(spectrum([1.0, 0.1], [1, 8]), n, **options)


def test_a_level_that_the_kernel_lacks_cannot_be_learned() -> None:
    with pytest.raises(ValueError, match="no level 1 to learn"):
        points_to_learn(spectrum([1.0, 0.0, 0.1], [1, 8, 20]), 1)
    with pytest.raises(ValueError, match="between 0 and 1, not at 1"):
        points_to_learn(spectrum([1.0], [8]), 0, error=1)
