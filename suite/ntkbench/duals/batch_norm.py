"""Batch normalisation followed by a ReLU: the covariance that it gives, and what its derivative makes of another.

One channel of a batch is a Gaussian z of B members, and y = sqrt(B) relu(u / |u|) with u = z - mean(z). Powers of
1 / |u| are integrals over s of exp(-s |u|^2), which leave u Gaussian, with the covariance S / (1 + 2 s S) for S of u.
What is left are means of a ReLU at two correlated Gaussians, and integrals over one s, or over one for each of two
batches. All of it in NumPy and float64: matrices of batches are small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ntkbench.duals.arc_cosine import relu_dual
from ntkbench.duals.gaussians import Gaussians

_NEGLIGIBLE = 32.0
"""Integrands are cut off where they are exp(-32) of their largest."""
_STEP = 0.5
"""Of the trapezoidal rule: halving it changes the 12th digit."""
_AT_ONCE = 1 << 18
"""Numbers in one array of integrands."""


class Passed(NamedTuple):
    """What the layer makes of a covariance, and of the tangent kernel before it."""

    covariance: np.ndarray
    tangent: np.ndarray


def rank(covariance: np.ndarray) -> int:
    """How many dimensions u has: below three the mean of J T J' is infinite."""
    return len(_spectrum(_centred(covariance))[0])


def within_batch(covariance: np.ndarray, tangent: np.ndarray) -> Passed:
    """E[y y'] and E[J T J'], J = dy / dz, of one batch.

    Args:
        covariance: of z, (B, B), its `rank` three at least.
        tangent: T, (B, B).

    Returns:
        Two arrays (B, B).

    References:
        Yang 2020, arXiv:2006.14548, appendix on batch normalisation; Yang et al. 2019, arXiv:1902.08129.
    """
    size = _size(covariance)
    values, vectors = _spectrum(_centred(covariance) / size)
    matrix = _centred(tangent) / size
    # 1 / |u|^2 is the integral of exp(-s |u|^2) ds.
    logs = _logs(values, left=1.0, right=len(values) / 2 - 1)
    nodes, weights = np.exp(logs), _STEP * np.exp(logs)
    weights = weights * np.exp(-0.5 * np.sum(np.log1p(2 * nodes[:, None] * values), axis=1))
    total = Passed(np.zeros_like(matrix), np.zeros_like(matrix))
    for some in _pieces(len(nodes), matrix.size):
        s, weight = nodes[some, None, None], weights[some, None, None]
        shrunk = values / (1 + 2 * nodes[some, None] * values)
        own = (vectors * shrunk[:, None, :]) @ vectors.T
        m = _moments(own, own, own, matrix)
        slopes = m.flat - s * (m.first + m.second) + s**2 / 2 * m.both
        total = _added(total, weight * m.product, weight * slopes)
    return Passed(*(len(matrix) * part for part in total))


def between_batches(first: np.ndarray, second: np.ndarray, cross: np.ndarray, tangent: np.ndarray) -> Passed:
    """E[y1 y2'] and E[J1 T J2'] of two batches, each normalised by itself.

    Args:
        first: the covariance of z1, (B1, B1), its `rank` three at least.
        second: of z2, (B2, B2), likewise.
        cross: of z1 with z2, (B1, B2).
        tangent: T, (B1, B2).

    Returns:
        Two arrays (B1, B2).

    References:
        As for `within_batch`.
    """
    own1, own2 = (_centred(own) / _size(own) for own in (first, second))
    together = math.sqrt(_size(first) * _size(second))
    cross, matrix = _centred(cross) / together, _centred(tangent) / together
    # 1 / |u| is the integral of exp(-s |u|^2) ds / sqrt(pi s).
    s, t, weights = _nodes_of_both(_spectrum(own1)[0], _spectrum(own2)[0])
    weights = weights / (math.pi * np.sqrt(s * t))
    larger, smaller = s >= t, s < t
    one = _of_nodes(own1, own2, cross, matrix, s[larger], t[larger], weights[larger])
    other = _of_nodes(own2, own1, cross.T, matrix.T, t[smaller], s[smaller], weights[smaller])
    return Passed(*(math.sqrt(matrix.size) * (a + b.T) for a, b in zip(one, other, strict=True)))


def _of_nodes(
    first: np.ndarray,
    second: np.ndarray,
    cross: np.ndarray,
    matrix: np.ndarray,
    s: np.ndarray,
    t: np.ndarray,
    weights: np.ndarray,
) -> Passed:
    """The sum over nodes with s >= t, where what varies in the first batch is eliminated first: nothing cancels."""
    values, vectors = _spectrum(first)
    shared = cross.T @ (vectors / np.sqrt(values))
    rest, others = _spectrum(second - shared @ shared.T, 1.0)
    number = len(first)
    zeros = np.zeros((number, len(rest)))
    root = np.block([[vectors * np.sqrt(values), zeros], [shared, others * np.sqrt(rest)]])
    grams = [part.T @ part for part in (root[:number], root[number:])]
    total = Passed(np.zeros_like(matrix), np.zeros_like(matrix))
    for some in _pieces(len(s), len(root) ** 2):
        a, b = s[some, None, None], t[some, None, None]
        inner = np.eye(root.shape[1]) + 2 * (a * grams[0] + b * grams[1])
        scale = 1 / np.sqrt(np.linalg.diagonal(inner))
        inner = inner * scale[:, :, None] * scale[:, None, :]
        rows = scale[:, :, None] * root.T
        shrunk = rows.transpose(0, 2, 1) @ np.linalg.solve(inner, rows)
        roots = np.exp(np.sum(np.log(scale), axis=1) - 0.5 * np.linalg.slogdet(inner)[1])
        m = _moments(shrunk[:, :number, :number], shrunk[:, number:, number:], shrunk[:, :number, number:], matrix)
        slopes = m.flat - 2 * a * m.first - 2 * b * m.second + 4 * a * b * m.both
        weight = (weights[some] * roots)[:, None, None]
        total = _added(total, weight * m.product, weight * slopes)
    return total


@dataclass(frozen=True)
class _Moments:
    """For jointly Gaussian u and v and a matrix M, at each (i, j) a mean of what is 0 unless u_i > 0 and v_j > 0."""

    product: np.ndarray
    """u_i v_j"""
    flat: np.ndarray
    """M_ij"""
    first: np.ndarray
    """u_i (u' M)_j"""
    second: np.ndarray
    """(M v)_i v_j"""
    both: np.ndarray
    """u_i v_j (u' M v)"""


def _moments(first: np.ndarray, second: np.ndarray, cross: np.ndarray, matrix: np.ndarray) -> _Moments:
    """By integration by parts (Stein): a ReLU's second derivative is a point mass at zero."""
    alpha, beta = (np.linalg.diagonal(own) for own in (first, second))
    pair = Gaussians(np, cross, alpha[:, :, None], beta[:, None, :])
    unit, step = relu_dual(np, pair.correlation())
    product = pair.scale() * unit
    kink = np.sqrt(pair.gap()) / (2 * math.pi)
    at_first, at_second = (np.divide(kink, v, out=np.zeros_like(kink), where=v > 0) for v in (pair.q11, pair.q22))
    left, right, pairs = first @ matrix, matrix @ second, matrix * cross
    rows, columns = np.sum(pairs, axis=2)[:, :, None], np.sum(pairs, axis=1)[:, None, :]
    return _Moments(
        product,
        matrix * step,
        step * left + at_second * columns,
        step * right + at_first * rows,
        product * np.sum(pairs, axis=(1, 2), keepdims=True)
        + step * (left @ second + cross @ matrix.T @ cross)
        + at_first * np.sum(left * cross, axis=2)[:, :, None]
        + at_second * np.sum(right * cross, axis=1)[:, None, :],
    )


def _centred(matrix: np.ndarray) -> np.ndarray:
    """G M G, G = 1 - 1/B: rows and columns of mean zero."""
    rows: np.ndarray = matrix - np.mean(matrix, axis=0)
    both: np.ndarray = rows - np.mean(rows, axis=1, keepdims=True)
    return both


def _size(covariance: np.ndarray) -> float:
    """The largest eigenvalue of u's covariance: nothing but 1 / |u|^2 depends on it."""
    return float(np.linalg.eigvalsh(_centred(covariance))[-1])


def _spectrum(covariance: np.ndarray, size: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues that count beside `size`, or the largest of them, and their vectors in columns."""
    values, vectors = np.linalg.eigh(covariance)
    count = values > 1e-13 * len(values) * (max(values[-1], 0.0) if size is None else size)
    return values[count], vectors[:, count]


def _logs(values: np.ndarray, left: float, right: float) -> np.ndarray:
    """Points log(s) of the trapezoidal rule, which converges exponentially.

    The integrand, times s, grows like s^left up to 1 / the largest of the eigenvalues, 1, and falls like s^-right from
    1 / the smallest.
    """
    return np.arange(-_NEGLIGIBLE / left, _NEGLIGIBLE / right - math.log(values[0]) + _STEP, _STEP)


def _nodes_of_both(values1: np.ndarray, values2: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points s and t, and weights, of the same rule in two dimensions, without those that count for nothing.

    Where s and t are large and far apart, the integrand falls like a power of their ratio, as of independent batches;
    along s = t, where batches may vary together, as for one.
    """
    dimension = min(len(values1), len(values2))
    apart, along = dimension / 2 - 0.5, dimension / 2 - 1
    a, b = np.meshgrid(*(_logs(values, 0.5, along) for values in (values1, values2)), indexing="ij")
    high1, high2 = np.maximum(a + math.log(values1[0]), 0), np.maximum(b + math.log(values2[0]), 0)
    low = np.maximum(-a, 0) / 2 + np.maximum(-b, 0) / 2
    kept = low + apart * np.abs(high1 - high2) + along * np.minimum(high1, high2) <= _NEGLIGIBLE
    s, t = np.exp(a[kept]), np.exp(b[kept])
    return s, t, _STEP**2 * s * t


def _pieces(number: int, size: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // size)
    return (slice(start, start + step) for start in range(0, number, step))


def _added(total: Passed, covariance: np.ndarray, tangent: np.ndarray) -> Passed:
    return Passed(total.covariance + np.sum(covariance, axis=0), total.tangent + np.sum(tangent, axis=0))
