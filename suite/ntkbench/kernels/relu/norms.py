"""What inputs of a ReLU network have with themselves: the variance of each layer, and the norms in correlations."""

from __future__ import annotations

from collections.abc import Callable

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.kernels.relu.network import Network

Linear = Callable[[Array, float], Array]
"""(kernel, variance of the biases) -> what the weights and the biases of a layer make of a kernel."""


def mean_square(execution: Execution, x: Array) -> Array:
    """The covariance of inputs with themselves: (..., C) -> (...), the mean over the last axis."""
    return execution.xp.sum(x * x, axis=-1) / x.shape[-1]


def variances(kappa: Array, network: Network, linear: Linear) -> list[Array]:
    """The variance of the preactivations of each hidden layer.

    Args:
        kappa: `mean_square` of the inputs, of any shape that `linear` takes.
        network: Its depth counts the readout, which has no variance here.
        linear: A layer's weights and biases.

    Returns:
        depth - 1 arrays of the shape of `kappa`. ReLU halves each before the next layer.
    """
    layers = []
    for _ in range(network.depth - 1):
        variance = linear(kappa, network.bias)
        layers.append(variance)
        kappa = variance / 2
    return layers


def norms(execution: Execution, layers: list[Array]) -> Array:
    """Standard deviations, (depth - 1, ...), from the variances (...) of each layer."""
    return execution.xp.sqrt(execution.xp.stack(layers))
