"""Noisy labels as a distribution, and what fits of them are worth, against refits and predictors written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.backends import Backend
from ntkbench.solvers import NotPositiveDefinite
from ntkbench.theory import Mitigation, mitigate, noisy_labels

RIDGES = (0.0, 0.05, 0.5, 5.0)


def problem(n: int = 20, n_test: int = 15, seed: int = 0) -> tuple[np.ndarray, ...]:
    """A kernel on two clusters on a line, with clean labels and with some that are wrong."""
    rng = np.random.default_rng(seed)
    clean, clean_test = (np.where(np.arange(m) % 2 == 0, -1.0, 1.0) for m in (n, n_test))
    x, x_test = (c + 0.5 * rng.standard_normal(len(c)) for c in (clean, clean_test))
    noisy = clean * np.where(np.arange(n) % 5 == 0, -1.0, 1.0)
    k, k_test = (np.exp(-2.0 * np.abs(a[:, None] - x)) for a in (x, x_test))
    return k, noisy, clean, k_test, clean_test


def mitigated(backend: Backend, arrays: tuple[np.ndarray, ...], ridges: tuple[float, ...] = RIDGES) -> Mitigation:
    k, noisy, clean, k_test, clean_test = arrays
    return mitigate(backend.asarray(k, "float64"), noisy, clean, backend.asarray(k_test, "float64"), clean_test, ridges)


def test_a_share_of_the_labels_is_replaced_and_half_of_it_wrong() -> None:
    labels = np.tile([1.0, -1.0, -1.0], 2000)
    levels = (0.0, 0.3, 0.8, 1.0)
    noisy = noisy_labels(labels, levels, np.random.default_rng(0), draws=5)
    assert noisy.shape == (4, 6000, 5)
    assert set(np.unique(noisy)) == {-1.0, 1.0}
    for level, drawn in zip(levels, noisy, strict=True):
        wrong = np.mean(drawn != labels[:, None])
        assert abs(wrong - level / 2) <= 4 * math.sqrt(level / 2 * (1 - level / 2) / drawn.size)
    np.testing.assert_array_equal(noisy[0], np.tile(labels[:, None], 5))
    # Nothing of the labels is left when all are replaced.
    assert abs(np.mean(noisy[-1] * labels[:, None])) <= 4 / math.sqrt(noisy[-1].size)


@given(st.integers(1, 30), st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_more_noise_keeps_what_less_noise_made_wrong(n: int, seed: int, one: float, other: float) -> None:
    labels = np.random.default_rng(seed).choice([-1.0, 1.0], n)
    less, more = noisy_labels(labels, sorted((one, other)), np.random.default_rng(seed), draws=3)
    wrong = less != labels[:, None]
    np.testing.assert_array_equal(more[wrong], less[wrong])


@pytest.mark.parametrize("level", [-0.1, 1.1, math.nan, math.inf])
def test_noise_that_is_no_probability_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        noisy_labels(np.ones(3), [0.5, level], np.random.default_rng(0))


def test_interpolation_memorises_every_spurious_label_by_ridge_and_by_time(backend: Backend) -> None:
    found = mitigated(backend, problem())
    assert found.ridge.memorised[0] == found.stopping.memorised[0] == 1.0
    assert found.ridge.accuracy[0] == found.stopping.accuracy[0]
    assert found.ridges == RIDGES


def test_each_ridge_is_worth_what_its_own_solve_is(backend: Backend) -> None:
    k, noisy, clean, k_test, clean_test = problem()
    found = mitigated(backend, (k, noisy, clean, k_test, clean_test))
    for i, ridge in enumerate(RIDGES):
        weights = np.linalg.solve(k + ridge * np.eye(len(k)), noisy)
        assert found.ridge.accuracy[i] == np.mean((k_test @ weights > 0) == (clean_test > 0))
        spurious = [j for j in range(len(k)) if noisy[j] != clean[j]]
        kept = sum(np.sign(k[j] @ weights) == noisy[j] for j in spurious)
        assert found.ridge.memorised[i] == kept / len(spurious)
    # The noise is there to be undone, and a ridge undoes it.
    assert found.ridge.accuracy[0] < max(found.ridge.accuracy)
    assert min(found.ridge.memorised) < 0.5


def test_each_time_is_worth_what_small_steps_up_to_it_are(backend: Backend) -> None:
    k, noisy, clean, k_test, clean_test = problem()
    found = mitigated(backend, (k, noisy, clean, k_test, clean_test), (0.1, 1.0))
    for i, ridge in enumerate((0.1, 1.0)):
        weights, parts = np.zeros(len(k)), 20_000
        for _ in range(parts):
            weights += (noisy - k @ weights) / (ridge * parts)
        assert found.stopping.accuracy[i] == np.mean((k_test @ weights > 0) == (clean_test > 0))
        spurious = noisy != clean
        assert found.stopping.memorised[i] == np.mean((k @ weights * noisy)[spurious] > 0)


def test_the_ridge_is_chosen_by_refits_without_each_point(backend: Backend) -> None:
    k, noisy, clean, k_test, clean_test = problem()
    found = mitigated(backend, (k, noisy, clean, k_test, clean_test))
    losses = []
    for ridge in RIDGES:
        errors = []
        for i in range(len(k)):
            others = np.arange(len(k)) != i
            weights = np.linalg.solve(k[np.ix_(others, others)] + ridge * np.eye(len(k) - 1), noisy[others])
            errors.append(noisy[i] - k[i, others] @ weights)
        losses.append(np.mean(np.square(errors)))
    np.testing.assert_allclose(found.leave_one_out, losses, rtol=1e-8)
    assert found.chosen == int(np.argmin(losses))
    assert found.chosen > 0, "noise asks for a ridge"


def test_without_spurious_labels_none_is_memorised() -> None:
    k, _, clean, k_test, clean_test = problem()
    found = mitigate(k, clean, clean, k_test, clean_test, RIDGES)
    np.testing.assert_array_equal(found.ridge.memorised, 0.0)
    np.testing.assert_array_equal(found.stopping.memorised, 0.0)


def test_no_ridge_needs_a_definite_kernel() -> None:
    _, noisy, clean, _, clean_test = problem()
    with pytest.raises(NotPositiveDefinite):
        mitigate(np.ones((20, 20)), noisy, clean, np.ones((15, 20)), clean_test, RIDGES)
