"""What the images of a convolutional kernel have with themselves: the norms of each layer, and both kernels exactly."""

from __future__ import annotations

from typing import NamedTuple

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.kernels.relu.network import Network
from ntkbench.kernels.relu.norms import mean_square, norms, variances


class Own(NamedTuple):
    """Of n images: `norms` (depth - 1, n, H, W) of the preactivations, and sums over positions, (n,) each.

    The sums are those of NNGP and inherited NTK after the last ReLU, of each position with itself. They come from the
    variances alone: a correlation of one formed by division would lose half the digits.
    """

    norms: Array
    nngp: Array
    ntk: Array


def own(images: Array, network: Network) -> Own:
    """The `Own` of images (n, H, W, C)."""
    execution = execution_for(images)
    xp = execution.xp

    def linear(field: Array, bias: float) -> Array:
        return _convolved(field, execution=execution, network=network, bias=bias)

    kappa = mean_square(execution, images)
    layers = variances(kappa, network, linear)
    through = kappa if network.first_trained else 0.0 * kappa
    for layer, variance in enumerate(layers):
        # An untrained first layer has no NTK; later, the NNGP that was added brings the bias with it.
        ntk = linear(through, network.bias if layer > 0 or network.first_trained else 0.0)
        kappa, inherited = variance / 2, ntk / 2
        through = kappa + inherited
    return Own(norms(execution, layers), xp.sum(kappa, axis=(1, 2)), xp.sum(inherited, axis=(1, 2)))


def layer_norms(execution: Execution, x: Array, network: Network) -> Array:
    """Standard deviations of the preactivations, (n, H, W, C) -> (depth - 1, n, H, W)."""
    convolve = execution.compiled(_convolved, ("execution", "network", "bias"))

    def linear(field: Array, bias: float) -> Array:
        return convolve(field, execution=execution, network=network, bias=bias)

    return norms(execution, variances(mean_square(execution, x), network, linear))


def _convolved(field: Array, *, execution: Execution, network: Network, bias: float) -> Array:
    """What the weights and biases of a 3 x 3 convolution make of a kernel of each position with itself, (n, H, W)."""
    return execution.box(execution.box(field, 1, 0), 2, 0) * (network.weight / 9) + bias
