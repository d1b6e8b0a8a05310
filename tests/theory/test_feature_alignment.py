"""Memorisation against features written out: the min-norm interpolator, projectors, and refits without each point."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.solvers import NotPositiveDefinite
from ntkbench.theory import (
    Recall,
    alignment_constant,
    identity_error,
    memorisation,
    recall_by_size,
    with_fresh_core,
)

N, FEATURES = 12, 40
alphas = st.floats(0.0, 1.0)
ratios = st.floats(0.0, 1e3)
series = st.lists(st.floats(0.01, 3.0), min_size=3, max_size=6)


def problem(queries: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of points (N, FEATURES), their labels, and the features of queries (queries, N, FEATURES)."""
    rng = np.random.default_rng(3)
    phi = rng.standard_normal((N, FEATURES))
    return phi, rng.choice([-1.0, 1.0], N), 0.5 * phi + rng.standard_normal((queries, N, FEATURES))


def test_it_is_what_refitting_without_each_point_gives(backend: Any) -> None:
    phi, g, (phi_query,) = problem()
    arrays = [backend.asarray(a, "float64") for a in (phi @ phi.T, g, phi_query @ phi.T)]
    alignment, prediction, residual = (backend.to_numpy(a) for a in memorisation(*arrays))
    theta = np.linalg.pinv(phi) @ g
    for i in range(N):
        rest = np.delete(np.arange(N), i)
        without = np.linalg.pinv(phi[rest]) @ g[rest]
        away = phi[i] - np.linalg.pinv(phi[rest]) @ (phi[rest] @ phi[i])  # P_perp phi(z_i)
        assert alignment[i] == pytest.approx(phi_query[i] @ away / (away @ away), abs=1e-10)
        assert residual[i] == pytest.approx(g[i] - phi[i] @ without, abs=1e-10)
        assert prediction[i] == pytest.approx(phi_query[i] @ theta, abs=1e-10)
        assert prediction[i] == pytest.approx(phi_query[i] @ without + alignment[i] * residual[i], abs=1e-8)


def test_several_sets_of_queries_are_as_each_alone(backend: Any) -> None:
    phi, g, phi_query = problem(queries=3)
    k, labels, k_query = (backend.asarray(a, "float64") for a in (phi @ phi.T, g, phi_query @ phi.T))
    together = memorisation(k, labels, k_query)
    for i in range(3):
        alone = memorisation(k, labels, k_query[i])
        for one, other in zip(alone[:2], together[:2], strict=True):
            np.testing.assert_allclose(backend.to_numpy(one), backend.to_numpy(other)[i], rtol=1e-12)


def test_a_query_that_is_the_point_tells_its_label_and_has_alignment_one() -> None:
    phi, g, _ = problem()
    alignment, prediction, _ = memorisation(phi @ phi.T, g, phi @ phi.T)
    np.testing.assert_allclose(alignment, 1.0, rtol=1e-10)
    np.testing.assert_allclose(prediction, g, rtol=1e-10)


def test_the_error_of_the_identity_is_at_the_rounding(backend: Any) -> None:
    phi, g, (phi_query,) = problem()
    arrays = [backend.asarray(a, "float64") for a in (phi @ phi.T, g, phi_query @ phi.T)]
    assert identity_error(*arrays, points=range(N)) < 1e-10


def test_the_error_of_the_identity_sees_one_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    phi, g, (phi_query,) = problem()
    found = memorisation(phi @ phi.T, g, phi_query @ phi.T)
    wrong = found._replace(alignment=found.alignment + 1e-6)
    monkeypatch.setattr("ntkbench.theory.feature_alignment.memorisation", lambda *_: wrong)
    assert identity_error(phi @ phi.T, g, phi_query @ phi.T, points=range(N)) > 1e-8


@pytest.mark.parametrize(
    ("labels", "k_query"), [((N, 1), (N, N)), ((N - 1,), (N, N)), ((N,), (N - 1, N)), ((N,), (N, N - 1)), ((N,), (N,))]
)
def test_arrays_that_do_not_fit_are_refused(labels: tuple[int, ...], k_query: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"labels must be \(12,\) and k_query"):
        memorisation(np.eye(N), np.ones(labels), np.ones(k_query))


def test_a_singular_matrix_is_refused(backend: Any) -> None:
    ones = backend.asarray(np.ones((N, N)), "float64")
    with pytest.raises(NotPositiveDefinite):
        memorisation(ones, ones[0], ones)


def test_the_published_constants_of_the_ntk() -> None:
    for alpha in (0.25, 0.5, 0.75):
        assert alignment_constant([0, 1, 1], alpha) == pytest.approx(alpha**2)
        assert alignment_constant([0, 1, 0, 0, 1], alpha) == pytest.approx(alpha**4)
    # phi' = h_0 + h_1 + 2 h_2: alpha (alpha + 4 alpha^2) / 5.
    assert alignment_constant([0, 1, 1, 4], 0.5) == pytest.approx(0.5 * (0.5 + 4 * 0.25) / 5)


@settings(max_examples=50, deadline=None)
@given(series, alphas)
def test_one_point_alone_sees_the_kernel_itself(a: list[float], alpha: float) -> None:
    expected = sum(c * alpha**order for order, c in enumerate(a) if order) / sum(a[1:])
    assert alignment_constant(a, alpha, 0.0) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(series, alphas)
def test_with_many_points_it_tends_to_the_limit(a: list[float], alpha: float) -> None:
    assert alignment_constant(a, alpha, 1e9) == pytest.approx(alignment_constant(a, alpha), abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(series, alphas, ratios)
def test_it_solves_its_equation(a: list[float], alpha: float, ratio: float) -> None:
    rest = sum(a[2:])
    s, limit = a[1] / rest, alignment_constant(a, alpha)
    # The root by bisection: tau (1 + s tau + s ratio) - 1 - s tau is below zero at 0 and not below at 1.
    low, high = 0.0, 1.0
    for _ in range(200):
        tau = (low + high) / 2
        low, high = (tau, high) if tau * (1 + s * tau + s * ratio) < 1 + s * tau else (low, tau)
    expected = (alpha * s * high + limit) / (s * high + 1)
    assert alignment_constant(a, alpha, ratio) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(series, alphas, alphas, ratios)
def test_it_grows_with_alpha_from_zero_to_one(a: list[float], one: float, other: float, ratio: float) -> None:
    less, more = (alignment_constant(a, alpha, ratio) for alpha in sorted((one, other)))
    assert 0 <= less <= more + 1e-12
    assert more <= 1 + 1e-12
    assert alignment_constant(a, 0.0, ratio) == 0
    assert alignment_constant(a, 1.0, ratio) == pytest.approx(1)


def test_a_simulation_of_random_gaussian_kernels_agrees() -> None:
    """K = a_1 Z Z' / d + rest I and its queries: the model behind the constant, without activations."""
    d, n, alpha, s = 400, 600, 0.5, 1.5
    rng = np.random.default_rng(0)
    z, fresh = rng.standard_normal((n, d)), rng.standard_normal((n, d))
    kept = np.arange(d) >= d * (1 - alpha)
    limit = alignment_constant([0, s, 0.5, 0.5], alpha)
    k = s * z @ z.T / d + np.eye(n)
    k_query = s * np.where(kept, z, fresh) @ z.T / d + limit * np.eye(n)
    found = memorisation(k, np.ones(n), k_query).alignment
    assert found.mean() == pytest.approx(alignment_constant([0, s, 0.5, 0.5], alpha, n / d), abs=0.01)


@pytest.mark.parametrize(
    ("a", "alpha", "ratio"),
    [([0, 1, 1], -0.1, 1.0), ([0, 1, 1], 1.1, 1.0), ([0, 1, 1], 0.5, -1.0), ([0, 1], 0.5, 1.0), ([0, 1, 0], 0.5, 1.0),
     ([0, 1, -1, 3], 0.5, 1.0), ([0, 1, 1], 0.5, math.nan)],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(a: list[float], alpha: float, ratio: float) -> None:
    with pytest.raises(ValueError, match=r"alpha must lie|needs coefficients"):
        alignment_constant(a, alpha, ratio)


@pytest.mark.parametrize(("alpha", "kept"), [(0.25, 2), (0.5, 4), (0.875, 7)])
def test_a_fresh_core_keeps_the_last_share_and_the_norm(alpha: float, kept: int) -> None:
    z, fresh = np.random.default_rng(0).standard_normal((2, 3, 8))
    query = with_fresh_core(z, fresh, alpha)
    np.testing.assert_array_equal(query[:, 8 - kept :], z[:, 8 - kept :])
    np.testing.assert_allclose(np.linalg.norm(query, axis=1), np.linalg.norm(z, axis=1), rtol=1e-14)
    cosines = np.sum(query[:, : 8 - kept] * fresh[:, : 8 - kept], axis=1)
    np.testing.assert_allclose(
        cosines,
        np.linalg.norm(query[:, : 8 - kept], axis=1) * np.linalg.norm(fresh[:, : 8 - kept], axis=1),
        rtol=1e-14,
    )


def test_what_is_recalled_is_counted() -> None:
    labels = np.array([1.0, 1.0, -1.0, 1.0])
    recall = Recall(
        alignment=np.array([[0.1, 0.3, 0.5, 0.7], [0.0, 0.0, 0.0, 1.0]]),
        prediction=np.array([[2.0, -1.0, -0.5, -3.0], [0.0, 0.0, 0.0, 0.0]]),
        residual=np.array([0.5, 3.0, 0.0, 0.9]),
        labels=labels,
    )
    np.testing.assert_allclose(recall.mean_alignment, [0.4, 0.25])
    assert recall.spurious_accuracy == 50.0  # the first and the third
    assert recall.generalisation == 75.0  # all but the second: 1 - 3 < 0
    assert recall.covariance() == pytest.approx(np.cov(recall.prediction[0], labels, ddof=0)[0, 1])
    rest = recall.prediction[0] - 0.5 * recall.residual
    assert recall.covariance(0.5) == pytest.approx(np.cov(rest, labels, ddof=0)[0, 1])


def test_recall_after_n_points_is_that_of_these_points_alone(backend: Any) -> None:
    phi, g, phi_query = problem(queries=2)
    k, labels, k_query = (backend.asarray(a, "float64") for a in (phi @ phi.T, g, phi_query @ phi.T))
    few, every = recall_by_size(k, labels, k_query, [5, N])
    for n, recall in ((5, few), (N, every)):
        terms = memorisation(phi[:n] @ phi[:n].T, g[:n], phi_query[:, :n] @ phi[:n].T)
        np.testing.assert_allclose(recall.alignment, terms.alignment, rtol=1e-9)
        np.testing.assert_allclose(recall.prediction, terms.prediction, rtol=1e-9)
        np.testing.assert_allclose(recall.residual, terms.residual, rtol=1e-9)
        np.testing.assert_array_equal(recall.labels, g[:n])


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_covariance_is_within_its_error_for_labels_that_mean_nothing(symmetric: bool) -> None:
    # f_-i(z_i^s) = sum over l != i of A_il g_l: with a symmetric A the bound is the standard error itself.
    rng = np.random.default_rng(0)
    n, draws = 30, 4_000
    a = rng.standard_normal((n, n))
    a = (a + a.T) / math.sqrt(2) if symmetric else a
    np.fill_diagonal(a, 0.0)
    found = []
    for labels in rng.choice([-1.0, 1.0], (draws, n)):
        residual = rng.standard_normal(n)
        recall = Recall(np.zeros((1, n)), (a @ labels + 0.4 * residual)[None], residual, labels)
        rest = recall.prediction[0] - 0.4 * residual
        found.append((np.mean(rest * labels), recall.covariance_error(0.4)))
    covariances, errors = np.array(found).T
    bound = math.sqrt(np.mean(errors**2))
    assert covariances.std() <= 1.05 * bound
    if symmetric:
        assert covariances.std() == pytest.approx(bound, rel=0.05)
