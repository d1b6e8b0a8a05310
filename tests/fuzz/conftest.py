"""NNGP and NTK by brute force: all inputs and positions as points of one Gram matrix, in extended precision.

Written to be read: every layer is the textbook's formula on whole matrices. Nothing of the library is used but the
layers' descriptions. Extended precision (where the platform has it) is for inputs that are nearly parallel.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.special import roots_hermitenorm

from ntkbench.networks import (
    Activation,
    AvgPool,
    Concatenate,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    FanInProd,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    LayerNorm,
    LocalConv,
    Residual,
    Serial,
    SumPool,
)
from ntkbench.networks.activations import ABRelu, Erf, ExpNormalized, Gaussian, Rbf, RectifiedMonomial, Sin

Matrix = np.ndarray
PI = np.arctan2(np.longdouble(0), np.longdouble(-1))


@dataclass(frozen=True)
class Points:
    """Gram matrices (m, m) of all points, m = inputs times positions, and the positions; None for vectors."""

    nngp: Matrix
    ntk: Matrix
    size: tuple[int, ...] | None
    channels: int = 1
    """Of the inputs; behind weights, how many times the width."""

    def mapped(self, selection: Matrix, size: tuple[int, ...] | None) -> Points:
        """After a linear map of the positions, (new positions, positions), the same for every input."""
        n = len(self.nngp) // selection.shape[1]
        whole = np.kron(np.eye(n), selection)
        return Points(whole @ self.nngp @ whole.T, whole @ self.ntk @ whole.T, size, self.channels)

    def times(self, nngp: Matrix, ntk: Matrix) -> Points:
        """With matrices multiplied entry by entry."""
        return replace(self, nngp=self.nngp * nngp, ntk=self.ntk * ntk)


def gram_matrices(architecture: Serial, x: np.ndarray) -> tuple[Matrix, Matrix]:
    """NNGP and NTK, (n, n), of inputs (n, d) or (n, *positions, C)."""
    wide = x.astype(np.longdouble)
    flat = wide.reshape(-1, wide.shape[-1])
    zeros = np.zeros((len(flat),) * 2, np.longdouble)
    points = Points(flat @ flat.T / flat.shape[1], zeros, x.shape[1:-1] or None, x.shape[-1])
    for layer in architecture.layers:
        points = after(layer, points)
    return points.nngp, points.ntk


def after(layer: Any, points: Points) -> Points:
    match layer:
        case Serial():
            for inner in layer.layers:
                points = after(inner, points)
            return points
        case Residual():
            branch, shortcut = after(layer.branch, points), after(layer.shortcut, points)
            return replace(branch, nngp=branch.nngp + shortcut.nngp, ntk=branch.ntk + shortcut.ntk)
        case Concatenate():
            branches = [after(branch, points) for branch in layer.branches]
            channels = sum(branch.channels for branch in branches)
            nngp, ntk = (sum(b.channels * getattr(b, k) for b in branches) / channels for k in ("nngp", "ntk"))
            return Points(nngp, ntk, branches[0].size, channels)
        case FanInProd():
            first, *others = (after(branch, points) for branch in layer.branches)
            for other in others:
                first = replace(
                    first, nngp=first.nngp * other.nngp, ntk=first.ntk * other.nngp + first.nngp * other.ntk
                )
            return first
        case Dense():
            return weighted(layer, [points])
        case LocalConv():
            shared = after(Conv(**vars(layer)), points)
            positions = math.prod(shared.size)
            itself = np.tile(np.eye(positions), (len(shared.nngp) // positions,) * 2)
            return shared.times(itself, itself)
        case Conv():
            selections, size = windows(points.size, layer.window, layer.stride, layer.padding, layer.dilation)
            return weighted(layer, [points.mapped(selection, size) for selection in selections])
        case ConvTranspose():
            # The transpose of the convolution from what comes out to what goes in.
            size = tuple(n * s for n, s in zip(points.size, layer.steps, strict=True))
            if layer.padding == "valid":
                size = tuple(n + max(w - s, 0) for n, w, s in zip(size, layer.window, layer.steps, strict=True))
            selections, _ = windows(size, layer.window, layer.steps, layer.padding)
            return weighted(layer, [points.mapped(selection.T, size) for selection in selections])
        case AvgPool():
            selections, size = windows(points.size, layer.window, layer.stride or layer.window, layer.padding)
            total = sum(selections)
            counted = total.sum(axis=1, keepdims=True) if layer.normalize_edges else len(selections)
            return points.mapped(total / counted, size)
        case SumPool():
            selections, size = windows(points.size, layer.window, layer.stride or layer.window, layer.padding)
            return points.mapped(sum(selections), size)
        case GlobalAvgPool():
            positions = math.prod(points.size)
            return points.mapped(np.full((1, positions), 1 / np.longdouble(positions)), None)
        case GlobalSumPool():
            return points.mapped(np.ones((1, math.prod(points.size))), None)
        case Flatten():
            positions = math.prod(points.size)
            each = [points.mapped(np.eye(positions)[p : p + 1], None) for p in range(positions)]
            nngp, ntk = (sum(getattr(one, k) for one in each) / positions for k in ("nngp", "ntk"))
            return Points(nngp, ntk, None, points.channels * positions)
        case LayerNorm():
            deviation = np.sqrt(np.diag(points.nngp) + np.longdouble(layer.epsilon))
            scale = np.outer(deviation, deviation)
            return points.times(1 / scale, 1 / scale)
        case Dropout():
            itself = np.where(np.eye(len(points.nngp)) > 0, 1 / np.longdouble(layer.rate), 1)
            return points.times(itself, itself)
        case Activation():
            value, slope = DUALS[layer.function](points.nngp, layer)
            return replace(points, nngp=value, ntk=points.ntk * slope)
    raise AssertionError(layer)


def weighted(layer: Dense | Conv | ConvTranspose, seen: list[Points]) -> Points:
    """Independent weights on each of the things that a unit sees, and a bias."""
    weight, bias = np.longdouble(layer.w_std) ** 2 / len(seen), np.longdouble(layer.b_std) ** 2
    nngp = weight * sum(one.nngp for one in seen) + bias
    inherited = weight * sum(one.ntk for one in seen)
    return Points(nngp, inherited + nngp if layer.trained else inherited, seen[0].size)


def windows(
    size: Any, window: Any, stride: Any, padding: str, dilation: Any = None
) -> tuple[list[Matrix], tuple[int, ...]]:
    """For each place in a window the matrix (windows, positions) that picks what lies there."""
    dilation = dilation or (1,) * len(window)
    places = list(itertools.product(*(range(0, w * d, d) for w, d in zip(window, dilation, strict=True))))
    window = [last + 1 for last in places[-1]]
    if padding == "valid":
        counts, starts = (
            [(length - w) // s + 1 for length, w, s in zip(size, window, stride, strict=True)],
            [0] * len(size),
        )
    else:
        counts = [math.ceil(length / s) for length, s in zip(size, stride, strict=True)]
        needed = [max((c - 1) * s + w - n, 0) for c, s, w, n in zip(counts, stride, window, size, strict=True)]
        starts = [-(total // 2) for total in needed]
    selections = []
    for place in places:
        selection = np.zeros((math.prod(counts), math.prod(size)))
        for number, index in enumerate(itertools.product(*map(range, counts))):
            at = [start + i * s + p for start, i, s, p in zip(starts, index, stride, place, strict=True)]
            if padding == "circular":
                at = [a % length for a, length in zip(at, size, strict=True)]
            if all(0 <= a < length for a, length in zip(at, size, strict=True)):
                selection[number, np.ravel_multi_index(at, size)] = 1
        selections.append(selection)
    return selections, tuple(counts)


def correlated(q: Matrix) -> tuple[Matrix, Matrix]:
    """Products of standard deviations, and correlations: zero for what has no variance."""
    deviation = np.sqrt(np.diag(q))
    scale = np.outer(deviation, deviation)
    rho = np.clip(np.divide(q, scale, out=np.zeros_like(q), where=scale > 0), -1, 1)
    np.fill_diagonal(rho, np.where(deviation > 0, 1, 0))
    return scale, rho


def kinked(q: Matrix, below: float, above: float = 1.0) -> tuple[Matrix, Matrix]:
    """above x for x > 0, below x otherwise: Cho & Saul 2009. The angle from the sine: it keeps its digits near zero."""
    scale, rho = correlated(q)
    sine = np.sqrt((1 - rho) * (1 + rho))
    angle = np.arctan2(sine, rho)
    one = (sine + (PI - angle) * rho) / (2 * PI)
    zero = (PI - angle) / (2 * PI)
    a, product = (above - np.longdouble(below)) ** 2, np.longdouble(below) * above
    return a * scale * one + product * q, a * zero + product


def rectified_square(q: Matrix) -> tuple[Matrix, Matrix]:
    """max(x, 0)^2: the arc-cosine kernel of order 2, halved."""
    scale, rho = correlated(q)
    two = (3 * np.sqrt((1 - rho) * (1 + rho)) * rho + (PI - np.arccos(rho)) * (1 + 2 * rho * rho)) / (2 * PI)
    return scale * scale * two, 4 * kinked(q, 0.0)[0]


def exp_normalized(q: Matrix, gamma: float, shift: float) -> tuple[Matrix, Matrix]:
    scale, rho = correlated(q)
    value = np.exp(gamma * (rho + shift))
    return scale * value, gamma * value


def erf(q: Matrix, a: float = 1.0, b: float = 1.0, c: float = 0.0) -> tuple[Matrix, Matrix]:
    """a erf(b x) + c: Williams 1997."""
    factor = 2 * np.longdouble(b) ** 2
    v = 1 + factor * np.diag(q)
    root = np.sqrt(np.outer(v, v) - (factor * q) ** 2)
    a2, c2 = np.longdouble(a) ** 2, np.longdouble(c) ** 2
    return a2 * 2 / PI * np.arctan2(factor * q, root) + c2, a2 * 2 / PI * factor / root


def waves(q: Matrix, a: float = 1.0, b: float = 1.0, c: float = 0.0) -> tuple[Matrix, Matrix]:
    """Of a sin(b x + c), value and slope, from cos(b (u - v)) and cos(b (u + v) + 2 c)."""
    v = np.diag(q)
    sums, square = v[:, None] + v, np.longdouble(b) ** 2
    minus, plus = (np.exp(-square * (sums + sign * 2 * q) / 2) for sign in (-1, 1))
    a2, turned = np.longdouble(a) ** 2 / 2, np.cos(2 * np.longdouble(c)) * plus
    return a2 * (minus - turned), a2 * square * (minus + turned)


def smooth(phi: Callable[[Matrix], Matrix], slope: Callable[[Matrix], Matrix]) -> Callable[..., tuple[Matrix, Matrix]]:
    """The double integral itself, by Gauss-Hermite quadrature over two independent normal variables."""
    nodes, weights = roots_hermitenorm(120)
    weights = weights / weights.sum()
    z1, z2 = np.meshgrid(nodes, nodes, indexing="ij")
    both = np.outer(weights, weights)

    def dual(q: Matrix, _: Any) -> tuple[Matrix, Matrix]:
        found = np.zeros((2, *q.shape), np.longdouble)
        for i, j in itertools.product(range(len(q)), repeat=2):
            a = math.sqrt(q[i, i])
            along = float(q[i, j]) / a if a > 0 else 0.0
            u, v = a * z1, along * z1 + math.sqrt(max(float(q[j, j]) - along**2, 0.0) if i != j else 0.0) * z2
            found[:, i, j] = [np.sum(both * f(u) * f(v)) for f in (phi, slope)]
        return found[0], found[1]

    return dual


def sigmoid(x: Matrix) -> Matrix:
    return 0.5 + 0.5 * np.tanh(x / 2)


DUALS: dict[Any, Callable[[Matrix, Any], tuple[Matrix, Matrix]]] = {
    "identity": lambda q, _: (q, np.ones_like(q)),
    "relu": lambda q, _: kinked(q, 0.0),
    "leaky_relu": lambda q, layer: kinked(q, layer.slope),
    "abs": lambda q, _: kinked(q, -1.0),
    "erf": lambda q, _: erf(q),
    "sigmoid_like": lambda q, _: erf(q, 0.5, 1 / 2.4020563531719796, 0.5),
    "sin": lambda q, _: waves(q),
    "cos": lambda q, _: waves(q)[::-1],
    "gaussian": lambda q, _: gaussian(q, 1.0, -0.5),
    ABRelu(-0.3, 1.4): lambda q, _: kinked(q, -0.3, 1.4),
    RectifiedMonomial(2): lambda q, _: rectified_square(q),
    ExpNormalized(0.7, -0.5): lambda q, _: exp_normalized(q, 0.7, -0.5),
    Erf(1.2, 0.6, 0.3): lambda q, _: erf(q, 1.2, 0.6, 0.3),
    Sin(1.3, 0.7, 0.2): lambda q, _: waves(q, 1.3, 0.7, 0.2),
    Rbf(0.8): lambda q, _: waves(q, np.sqrt(np.longdouble(2)), np.sqrt(2 * np.longdouble(0.8)), PI / 4),
    Gaussian(1.5, -0.8): lambda q, _: gaussian(q, 1.5, -0.8),
    "tanh": smooth(np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid": smooth(sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "swish": smooth(lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
}


def gaussian(q: Matrix, a: float, b: float) -> tuple[Matrix, Matrix]:
    """a exp(b x^2): the determinant of 1 - 2 b covariance."""
    twice, a2 = -2 * np.longdouble(b), np.longdouble(a) ** 2
    v = 1 + twice * np.diag(q)
    determinant = np.outer(v, v) - (twice * q) ** 2
    return a2 * determinant ** np.longdouble(-0.5), a2 * twice**2 * q * determinant ** np.longdouble(-1.5)


@pytest.fixture(scope="session")
def brute_force() -> Callable[[Serial, np.ndarray], tuple[Matrix, Matrix]]:
    """`gram_matrices`."""
    return gram_matrices
