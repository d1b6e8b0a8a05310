"""The convolutional kernels as plain expressions on the array API, which libraries differentiate to any order.

Where ReLU's kernel has a cusp (coincident, opposite and zero patches) its derivative is the symmetric one, the limit of
central differences: the angle between two patches does not change there, and neither does a norm that is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.kernels.conv.fields import Sums, Walk, flatten_means, gap_sums
from ntkbench.kernels.relu.network import Network, Pooling
from ntkbench.kernels.relu.norms import mean_square

CIRCLE = 2 * math.pi

Activate = Callable[[Array, Array, Array, Array, Array | None, Any], tuple[Array, Array]]
"""(NNGP, NTK, variances of both sides, `same`, 1 where a layer with weights of its own follows) -> both behind ReLU."""

Repeat = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Has a function computed again where its derivative is asked for, in the place of keeping what it computed."""


def variances(execution: Execution, x: Array, network: Network) -> Array:
    """Of the preactivations of each hidden layer at every position, (n, H, W, C) -> (depth - 1, n, H, W)."""
    kappa, layers = mean_square(execution, x), []
    for _ in range(network.depth - 1):
        layers.append(execution.box(execution.box(kappa, 1, 0), 2, 0) * (network.weight / 9) + network.bias)
        kappa = layers[-1] / 2
    return execution.xp.stack(layers)


def means(
    execution: Execution,
    images: tuple[Array, Array],
    own: tuple[Array, Array],
    same: Array | None,
    network: Network,
    pooling: Pooling,
    activate: Activate,
    repeat: Repeat = lambda function: function,
) -> tuple[Array, ...]:
    """The means over all elements of NNGP and inherited NTK after the last ReLU, (n1, n2) each.

    Args:
        execution: Of the library of the arrays.
        images: (n1, H, W, C) and (n2, H, W, C).
        own: `variances` of both.
        same: 1 where two images are one and the same, else 0, (n1, n2); None where none are.
        network: Its scales may be arrays.
        pooling: "flatten" or "gap".
        activate: What ReLU does to both kernels.
        repeat: Applied to what is computed of one displacement of the rows.
    """
    xp, (_, height, width, _) = execution.xp, images[0].shape
    walk = layers(execution, network, activate)
    if pooling == "flatten":
        return flatten_means(execution, images, own, same, walk)
    device = array_api_compat.device(images[0])

    def displacement(sums: tuple[Array, ...], dy: Any) -> tuple[Array, ...]:
        more = gap_sums(execution, images, own, same, dy[0], walk)
        return tuple(total + each for total, each in zip(sums, more, strict=True))

    zero = xp.zeros((images[0].shape[0], images[1].shape[0]), dtype=images[0].dtype, device=device)
    sums = execution.scan(repeat(displacement), (zero, zero), (xp.arange(height, device=device),))
    return tuple(total / (height * width) ** 2 for total in sums)


def layers(execution: Execution, network: Network, activate: Activate) -> Walk:
    """The hidden layers of a network, of which `own` are the variances."""
    xp = execution.xp

    def walk(
        covariance: Array, own: tuple[Array, Array], sums: Sums, same: Array | None, inside: Array | float
    ) -> tuple[Array, Array]:
        def layer(carry: Any, of_layer: Any) -> Any:
            variance1, variance2, fresh, joins = of_layer
            nngp, ntk = (sums(field) * (network.weight / 9) for field in carry)
            nngp, ntk = inside * (nngp + network.bias), inside * (ntk + fresh * network.bias)
            return activate(nngp, ntk, variance1, variance2, same, joins)

        start = (covariance, covariance if network.first_trained else xp.zeros_like(covariance))
        options = {"dtype": covariance.dtype, "device": array_api_compat.device(covariance)}
        flags = (xp.asarray(each, **options) for each in zip(*flags_of_layers(network), strict=True))
        nngp, ntk = execution.scan(layer, start, (*own, *flags))
        return nngp, ntk

    return walk


def flags_of_layers(network: Network) -> list[tuple[float, float]]:
    """Of each hidden layer: whether the NTK gets its bias, and whether its NNGP joins the NTK.

    An untrained first layer has no NTK. The NNGP joins the NTK of the next layer, but the readout counts its own.
    """
    hidden = network.depth - 1
    return [(float(network.first_trained or m > 0), float(m < hidden - 1)) for m in range(hidden)]


def activation(xp: Any) -> Activate:
    """What ReLU does, for libraries whose own derivatives are taken of it."""

    def activate(
        nngp: Array, ntk: Array, variance1: Array, variance2: Array, same: Array | None, joins: Any
    ) -> tuple[Array, Array]:
        (norm1, inverse1), (norm2, inverse2) = roots(xp, variance1), roots(xp, variance2)
        scale = norm1 * norm2
        correlation = xp.clip(nngp * (inverse1 * inverse2), -1.0, 1.0)
        if same is not None:
            correlation, nngp = xp.where(same > 0.0, 1.0, correlation), xp.where(same > 0.0, scale, nngp)
        sine, _ = sines(xp, correlation)
        slope = slopes(xp, correlation)
        # Not scale times something of the correlation: where a norm is 0, the derivative by the NNGP is not.
        after = scale * sine / CIRCLE + nngp * slope
        return after, ntk * slope + joins * after

    return activate


def roots(xp: Any, variance: Array) -> tuple[Array, Array]:
    """Square roots and their inverses, both 0 with derivative 0 where the variance is 0."""
    positive = ~(variance <= 0.0)  # of NaN, too
    root = xp.sqrt(xp.where(positive, variance, 1.0))
    return xp.where(positive, root, 0.0), xp.where(positive, 1.0 / root, 0.0)


def sines(xp: Any, correlation: Array) -> tuple[Array, Array]:
    """sqrt(1 - c^2) and its inverse, both 0 with derivative 0 where c is 1 or -1."""
    product = (1.0 - correlation) * (1.0 + correlation)
    between = product > 0.0
    sine = xp.sqrt(xp.where(between, product, 1.0))
    return xp.where(between, sine, 0.0), xp.where(between, 1.0 / sine, 0.0)


def slopes(xp: Any, correlation: Array) -> Array:
    """E[relu'(u) relu'(v)] for unit Gaussians of this correlation, with derivative 0 where it is 1 or -1."""
    between = xp.abs(correlation) < 1.0
    inner = xp.where(between, correlation, 0.0)
    # The arccos of a library may lose half the digits near one.
    angle = xp.atan2(xp.sqrt((1.0 - inner) * (1.0 + inner)), inner)
    return xp.where(between, 0.5 - angle / CIRCLE, xp.where(correlation > 0.0, 0.5, 0.0))
