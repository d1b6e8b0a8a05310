"""Batch normalisation with a ReLU: its covariance and derivative against brute force and exact identities."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntkbench.duals.batch_norm import between_batches, rank, within_batch


def gram(size: int, seed: int, spread: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((size, 12)) * np.exp(spread * rng.standard_normal((size, 1)))
    return rows @ rows.T / 12


def outputs(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """y = sqrt(B) relu(u / |u|) and its Jacobian for batches (n, B)."""
    size = z.shape[1]
    u = z - z.mean(axis=1, keepdims=True)
    length = np.linalg.norm(u, axis=1)[:, None, None]
    u = u[:, :, None] / length
    centring = np.eye(size) - 1 / size
    jacobian = (u > 0) * (centring - u @ u.transpose(0, 2, 1)) / length
    return math.sqrt(size) * np.maximum(u[:, :, 0], 0), math.sqrt(size) * jacobian


def test_four_inputs_are_an_integral_over_a_sphere() -> None:
    # u has three dimensions: its direction is integrated on a grid, its length in closed form.
    covariance, tangent = gram(4, 0), gram(4, 1)
    centring = np.eye(4) - 0.25
    values, vectors = np.linalg.eigh(centring @ covariance @ centring)
    values, vectors = values[1:], vectors[:, 1:]
    height, weights = np.polynomial.legendre.leggauss(400)
    angle = np.arange(800) * 2 * math.pi / 800
    wide = np.sqrt(1 - height[:, None] ** 2)
    points = np.stack(
        [wide * np.cos(angle), wide * np.sin(angle), np.broadcast_to(height[:, None], wide.shape[:1] + angle.shape)], -1
    )
    points, share = points.reshape(-1, 3), np.repeat(weights, 800) / 1600
    form = np.sum(points**2 / values, axis=1)
    density = share * form**-1.5 / math.sqrt(np.prod(values))
    assert math.isclose(density.sum(), 1, rel_tol=1e-6)
    y, jacobian = outputs(points @ vectors.T)
    passed = within_batch(covariance, tangent)
    np.testing.assert_allclose(passed.covariance, np.einsum("n,ni,nj->ij", density, y, y), rtol=2e-5)
    # E[1 / |u|^2] in a direction is the form that its inverse covariance takes there.
    expected = np.einsum("n,nij,jk,nlk->il", density * form, jacobian, tangent, jacobian, optimize=True)
    np.testing.assert_allclose(passed.tangent, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("size", [4, 7])
def test_half_of_a_normalised_batch_is_positive(size: int) -> None:
    covariance = gram(size, 2, spread=1.0)
    passed = within_batch(covariance, np.ones((size, size)))
    assert math.isclose(np.trace(passed.covariance), size / 2, rel_tol=1e-12)
    # What moves all inputs of a batch alike moves nothing.
    np.testing.assert_allclose(passed.tangent, 0, atol=1e-12)


def test_samples_have_these_means_between_batches() -> None:
    whole, tangent = gram(10, 3), gram(10, 4)
    one, other = slice(0, 6), slice(6, 10)
    z = np.random.default_rng(0).standard_normal((20000, 10)) @ np.linalg.cholesky(whole).T
    (y1, jacobian1), (y2, jacobian2) = outputs(z[:, one]), outputs(z[:, other])
    passed = between_batches(whole[one, one], whole[other, other], whole[one, other], tangent[one, other])
    samples = y1[:, :, None] * y2[:, None, :], jacobian1 @ tangent[one, other] @ jacobian2.transpose(0, 2, 1)
    for each, expected in zip(samples, passed, strict=True):
        error = each.std(axis=0) / math.sqrt(len(each))
        assert (np.abs(each.mean(axis=0) - expected) < 4 * error).all()
        assert (error < 0.05 * np.abs(expected).max()).all()


def test_independent_batches_correlate_by_their_means_alone() -> None:
    # E[y1] E[y2]' and E[J1] T E[J2]': of rank one, as T is.
    tangent = np.outer(np.arange(5.0), [2.0, 0.0, 1.0, 4.0])
    for passed in between_batches(gram(5, 5), gram(4, 6), np.zeros((5, 4)), tangent):
        singular = np.linalg.svd(passed, compute_uv=False)
        assert singular[1] < 1e-10 * singular[0]


def test_a_batch_beside_itself_is_one_batch() -> None:
    own, tangent = gram(5, 9), gram(5, 10)
    for one, other in zip(between_batches(own, own, own, tangent), within_batch(own, tangent), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-9 * np.abs(other).max())


def test_scales_and_the_order_of_batches_change_nothing() -> None:
    whole, tangent = gram(9, 11, spread=1.0), gram(9, 12)[:5, 5:]
    first, second, cross = whole[:5, :5], whole[5:, 5:], whole[:5, 5:]
    passed = between_batches(first, second, cross, tangent)
    turned = between_batches(second, first, cross.T, tangent.T)
    scaled = between_batches(1e6 * first, 1e-4 * second, 10.0 * cross, 10.0 * tangent)
    for one, swapped, other in zip(passed, turned, scaled, strict=True):
        np.testing.assert_allclose(swapped.T, one, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-12)


def test_a_rank_counts_what_differs_within_a_batch() -> None:
    assert rank(gram(5, 0)) == 4
    assert rank(np.ones((5, 5))) == 0
    assert rank(np.diag([1.0, 1.0, 0.0])) == 2
