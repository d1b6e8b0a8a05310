"""Many ReLU networks side by side, with their weights: their layers' kernels, and the kernel's first movement.

Networks are those of `random_widths`, of weights g ~ N(0, 1). Of inputs over the root of their number, h_0, layer l
makes z_l = g h_{l-1} and h_l = sqrt(2 / n_l) relu(z_l); each output is a vector of weights times h_L. With b_l, the
derivatives of an output by z_l, hidden layer l adds (h_{l-1} . h'_{l-1}) (b_l . b'_l) to the NTK, and the readout
h_L . h'_L.
A network with fewer units than its neighbours has weights zero in the place of the others, which then do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.theory.width.random_widths import Widths, checked_widths

_PART = 2**22  # weights that are held at a time


class ReluStack(NamedTuple):
    """Networks beside each other, of NumPy or another library."""

    weights: tuple[Array, ...]  # (networks, n_l, n_{l-1}) of each hidden layer, and (networks, outputs, n_L)
    scales: Array  # (networks, L): sqrt(2 / n_l)


class PointKernels(NamedTuple):
    """Of each network at one input of norm one, (networks,) each."""

    norms: Array  # |h_L|^2
    ntk: Array  # K(x, x) of the first output
    block: Array  # the NTK between the first output and the last


class FirstMovement(NamedTuple):
    """Of each network at one input of norm one, (networks,) each."""

    output: Array  # f(x), the first output
    movement: Array  # f times grad f . grad K


def draw_stack(
    widths: Widths,
    rng: np.random.Generator,
    *,
    inputs: int = 1,
    outputs: int = 1,
    most: Sequence[int] | None = None,
    asarray: Callable[[Any], Array] | None = None,
) -> ReluStack:
    """Networks with hidden layers of these widths.

    Args:
        widths: Of the hidden layers, (networks, L), as `draw_widths` gives them.
        rng: Draws the weights; whatever the library, the numbers are the same.
        inputs: d.
        outputs: How many outputs each network has.
        most: For each layer the width that all networks are brought to; None: their largest.
        asarray: Turns each NumPy array into another library's, as `Context.asarray` does; None: leaves them.

    Returns:
        The networks.

    Raises:
        ValueError: For widths that are none.
    """
    checked_widths(widths)
    count, before, weights = len(widths), inputs, []
    for column, full in zip(widths.T, widths.max(axis=0) if most is None else most, strict=True):
        drawn = rng.standard_normal((count, int(full), before))
        if column.min() < full:
            drawn *= (np.arange(full) < column[:, None])[:, :, None]
        weights.append(drawn)
        before = int(full)
    weights.append(rng.standard_normal((count, outputs, before)))
    stack = ReluStack(tuple(weights), np.sqrt(2.0 / widths))
    return stack if asarray is None else ReluStack(tuple(map(asarray, stack.weights)), asarray(stack.scales))


@standard_settings
def layer_kernels(weights: tuple[Array, ...], scales: Array, x: Array) -> Array:
    """What each layer's weights add to the NTK of the first output.

    Args:
        weights: Of a `ReluStack`.
        scales: Of the same.
        x: Inputs over the root of d, (n, d), of the library and dtype of the weights.

    Returns:
        (networks, L + 1, n, n); the NTK is the sum over axis 1.

    References:
        Arora et al. 2019 (arXiv:1904.11955), section 3.
    """
    execution = execution_for(x)
    kernels: Array = execution.compiled(_layer_kernels, ("execution",))(weights, scales, x, execution=execution)
    return kernels


@standard_settings
def point_kernels(weights: tuple[Array, ...], scales: Array) -> PointKernels:
    """Norm and NTK at one input of norm one.

    Args:
        weights: Of a `ReluStack` with one input.
        scales: Of the same.

    Returns:
        All of them, (networks,) each.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), theorem 1.
    """
    execution = execution_for(scales)
    return PointKernels(*execution.compiled(_point_kernels, ("execution",))(weights, scales, execution=execution))


@standard_settings
def first_movement(weights: tuple[Array, ...], scales: Array) -> FirstMovement:
    """How the NTK K at one input of norm one begins to move.

    A step of gradient descent at the rate r on half the squared error at this input changes K by
    -r (f - y) grad f . grad K to first order, the mean of which no target y changes, for grad f . grad K is odd in f.

    Args:
        weights: Of a `ReluStack` with one input.
        scales: Of the same.

    Returns:
        The output, and its product with grad f . grad K, (networks,) each.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), theorem 2.
    """
    execution = execution_for(scales)
    return FirstMovement(*execution.compiled(_first_movement, ("execution",))(weights, scales, execution=execution))


Quantities = TypeVar("Quantities", PointKernels, FirstMovement)


def sampled(
    quantities: Callable[[tuple[Array, ...], Array], Quantities],
    widths: Widths,
    rng: np.random.Generator,
    asarray: Callable[[Any], Array],
    *,
    outputs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Quantities:
    """What `point_kernels` or `first_movement` gives of many random networks, a part of them at a time.

    Args:
        quantities: One of these functions.
        widths: Of the hidden layers, (networks, L), as `draw_widths` gives them.
        rng: Draws the weights.
        asarray: Turns a NumPy array into another library's.
        outputs: How many outputs each network has.
        progress: Called with (networks done, networks in all).

    Returns:
        All of them, (networks,) each, in NumPy and float64.

    Raises:
        ValueError: For widths that are none.
    """
    found = [quantities(*stack) for stack in _parts(widths, rng, asarray, 1, outputs, progress)]
    joined = (_joined(values, len(widths)) for values in zip(*found, strict=True))
    return type(found[0])(*joined)


def sampled_layers(
    widths: Widths,
    x: Array,
    rng: np.random.Generator,
    asarray: Callable[[Any], Array],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """What each layer's weights add to the NTK of many random networks, a part of them at a time.

    Args:
        widths: Of the hidden layers, (networks, L), as `draw_widths` gives them.
        x: Inputs over the root of d, (n, d), as `asarray` gives them.
        rng: Draws the weights.
        asarray: Turns a NumPy array into another library's.
        progress: Called with (networks done, networks in all).

    Returns:
        (networks, L + 1, n, n), in NumPy and float64.

    Raises:
        ValueError: For widths that are none.
    """
    parts = [layer_kernels(*stack, x) for stack in _parts(widths, rng, asarray, int(x.shape[1]), 1, progress)]
    return _joined(parts, len(widths))


def _parts(
    widths: Widths,
    rng: np.random.Generator,
    asarray: Callable[[Any], Array],
    inputs: int,
    outputs: int,
    progress: Callable[[int, int], None] | None,
) -> Iterator[ReluStack]:
    """Networks, so many that their weights can be held; all parts have one size, that of which a program is made."""
    checked_widths(widths)
    count, most = len(widths), [int(n) for n in widths.max(axis=0)]
    numbers = sum(a * b for a, b in zip([inputs, *most], [*most, outputs], strict=True))
    size = -(-count // -(-count * numbers // _PART))
    for start in range(0, count, size):
        # The last part is filled up; `_joined` cuts it.
        part = np.take(widths, np.arange(start, start + size), axis=0, mode="wrap")
        yield draw_stack(part, rng, inputs=inputs, outputs=outputs, most=most, asarray=asarray)
        if progress is not None:
            progress(min(start + size, count), count)


def _joined(parts: Sequence[Array], count: int) -> np.ndarray:
    return np.concatenate([host(part) for part in parts])[:count]


def _forward(
    weights: tuple[Array, ...], scales: Array, x: Array, execution: Execution
) -> tuple[list[Array], list[Array]]:
    """The features h_0, ..., h_L, (networks, n, n_l), and the slopes of the layers, sqrt(2 / n_l) where z_l > 0."""
    xp, features, slopes = execution.xp, [x], []
    for layer, g in enumerate(weights[:-1]):
        z = xp.matmul(features[-1], xp.matrix_transpose(g))
        scale = scales[:, layer, None, None]
        slopes.append(xp.where(z > 0, scale, xp.zeros_like(scale)))
        features.append(slopes[-1] * z)
    return features, slopes


def _backward(weights: tuple[Array, ...], slopes: list[Array], output: int, xp: Any) -> list[Array]:
    """The derivatives b_1, ..., b_L of an output."""
    back = [slopes[-1] * weights[-1][:, output, None, :]]
    for g, slope in zip(reversed(weights[1:-1]), reversed(slopes[:-1]), strict=True):
        back.append(slope * xp.matmul(back[-1], g))
    return back[::-1]


def _layer_kernels(weights: tuple[Array, ...], scales: Array, x: Array, *, execution: Execution) -> Array:
    xp = execution.xp
    features, slopes = _forward(weights, scales, x, execution)
    back = _backward(weights, slopes, 0, xp)
    grams = [xp.matmul(h, xp.matrix_transpose(h)) for h in features]
    hidden = [gram * xp.matmul(b, xp.matrix_transpose(b)) for gram, b in zip(grams[:-1], back, strict=True)]
    return xp.stack([*hidden, grams[-1]], axis=1)


def _dot(a: Array, b: Array, xp: Any) -> Array:
    """Of vectors (networks, 1, n): (networks,)."""
    return xp.sum(a * b, axis=(1, 2))


def _point_kernels(weights: tuple[Array, ...], scales: Array, *, execution: Execution) -> tuple[Array, ...]:
    xp = execution.xp
    features, slopes = _forward(weights, scales, xp.ones_like(scales)[:, :1, None], execution)
    back, other = (_backward(weights, slopes, output, xp) for output in (0, -1))
    ntk = norms = _dot(features[-1], features[-1], xp)
    block = xp.zeros_like(norms)
    for h, b, b_other in zip(features, back, other, strict=False):
        square = _dot(h, h, xp)
        ntk, block = ntk + square * _dot(b, b, xp), block + square * _dot(b, b_other, xp)
    return norms, ntk, block


def _first_movement(weights: tuple[Array, ...], scales: Array, *, execution: Execution) -> tuple[Array, ...]:
    """Along grad f, g_l moves by b_l h_{l-1}' and the readout by h_L: what that does to all h_l and b_l."""
    xp = execution.xp
    features, slopes = _forward(weights, scales, xp.ones_like(scales)[:, :1, None], execution)
    back = _backward(weights, slopes, 0, xp)
    squares, lengths = ([_dot(v, v, xp) for v in vectors] for vectors in (features, back))
    moved, speed = xp.zeros_like(features[0]), xp.zeros_like(squares[0])
    for layer, b in enumerate(back):
        speed = speed + lengths[layer] * _dot(features[layer], moved, xp)
        push = xp.matmul(moved, xp.matrix_transpose(weights[layer])) + squares[layer][:, None, None] * b
        moved = slopes[layer] * push
    speed = speed + _dot(features[-1], moved, xp)
    moved = slopes[-1] * features[-1]
    for layer in range(len(back) - 1, -1, -1):
        speed = speed + squares[layer] * _dot(back[layer], moved, xp)
        if layer:
            push = xp.matmul(moved, weights[layer]) + lengths[layer][:, None, None] * features[layer]
            moved = slopes[layer - 1] * push
    output = _dot(features[-1], weights[-1][:, :1, :], xp)
    return output, 2.0 * output * speed
