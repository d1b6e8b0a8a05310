"""What the hidden layers of a ReLU network make of the covariance of its inputs, on the array API."""

from __future__ import annotations

from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.arrays.inputs import is_plain
from ntkbench.duals.arc_cosine import relu_dual
from ntkbench.kernels.relu.network import Network
from ntkbench.kernels.relu.norms import Linear


def recursion(
    execution: Execution,
    network: Network,
    covariance: Array,
    norms: tuple[Array, Array],
    linear: Linear,
    same: Array | None,
) -> tuple[Array, Array]:
    """NNGP and inherited NTK after the last ReLU.

    Args:
        execution: Of the library of the arrays.
        network: How many layers there are, and which of them are trained.
        covariance: That of the inputs, any shape.
        norms: Standard deviations of the preactivations of both sides, (depth - 1, ...), each layer's broadcast to
            `covariance`.
        linear: What the weights of a layer and its biases make of a kernel.
        same: 1 where both sides are one and the same, else 0, broadcast likewise; None if they are nowhere.

    Returns:
        Both kernels, of the shape of `covariance`.

    References:
        Jacot et al. 2018, theorem 1; Cho & Saul 2009.
    """
    xp = execution.xp
    hidden = network.depth - 1
    # An untrained first layer has no NTK. The NNGP joins the NTK of the next layer, but the readout counts its own.
    biases = [network.bias if network.first_trained else 0.0] + [network.bias] * (hidden - 1)
    joins = [1.0] * (hidden - 1) + [0.0]
    options = [_row(xp, each, covariance) for each in (biases, joins)]
    sides = tuple(each for side in norms for each in (side, inverse(xp, side)))

    def layer(carry: Any, of_layer: Any) -> Any:
        norm1, inverse1, norm2, inverse2, bias, joins = of_layer
        nngp, ntk = linear(carry[0], network.bias), linear(carry[1], bias)
        # Grouped so that exchanging the two sides changes no bit: a Gram matrix is then exactly symmetric.
        correlation = nngp * (inverse1 * inverse2)
        if same is not None:
            # The correlation of an input with itself is one; formed by division it would lose half the digits.
            correlation = correlation + same * (1.0 - correlation)
        kappa, slope = relu_dual(xp, correlation)
        nngp = kappa * (norm1 * norm2)
        return nngp, ntk * slope + joins * nngp

    # The last layer too is in the loop: outside, XLA would store each coefficient of a polynomial for each number.
    start = (covariance, covariance if network.first_trained else xp.zeros_like(covariance))
    nngp, ntk = execution.scan(layer, start, (*sides, *options))
    return nngp, ntk


def _row(xp: Any, numbers: list[Any], like: Array) -> Array:
    """Numbers, some of them perhaps arrays of no dimensions, where `like` lies and in its dtype."""
    if is_plain(*numbers):
        return xp.asarray(numbers, dtype=like.dtype, device=array_api_compat.device(like))
    return xp.stack([xp.asarray(number, dtype=like.dtype) for number in numbers])


def inverse(xp: Any, norms: Array) -> Array:
    """1 / norms, and 0 where a norm is 0: what has no norm then does not correlate."""
    positive = norms > 0.0
    return xp.where(positive, 1.0 / xp.where(positive, norms, xp.ones_like(norms)), xp.zeros_like(norms))
