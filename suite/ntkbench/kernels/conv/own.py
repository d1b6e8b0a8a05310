"""What the images of a convolutional kernel have with themselves: the norms of each layer, and both kernels exactly."""

from __future__ import annotations

from typing import Any, NamedTuple

from ntkbench.arrays.execution import execution_for
from ntkbench.kernels.relu.network import Network


class Own(NamedTuple):
    """Of n images: `norms` (depth - 1, n, H, W) of the preactivations, and sums over positions, (n,) each.

    The sums are those of NNGP and inherited NTK after the last ReLU, of each position with itself. They come from the
    norms alone: a correlation of one formed by division would lose half the digits.
    """

    norms: Any
    nngp: Any
    ntk: Any


def own(images: Any, network: Network) -> Own:
    """The `Own` of images (n, H, W, C)."""
    execution = execution_for(images)
    xp = execution.xp

    def convolve(field: Any, bias: float) -> Any:
        return execution.box(execution.box(field, 1, 0), 2, 0) * (network.weight / 9) + bias

    kappa = xp.sum(images * images, axis=-1) / images.shape[-1]
    through = kappa if network.first_trained else 0.0 * kappa
    layers = []
    for layer in range(network.depth - 1):
        variance = convolve(kappa, network.bias)
        # An untrained first layer has no NTK; later, the NNGP that was added brings the bias with it.
        ntk = convolve(through, network.bias if layer > 0 or network.first_trained else 0.0)
        layers.append(xp.sqrt(variance))
        kappa, inherited = variance / 2, ntk / 2
        through = kappa + inherited
    return Own(xp.stack(layers), xp.sum(kappa, axis=(1, 2)), xp.sum(inherited, axis=(1, 2)))
