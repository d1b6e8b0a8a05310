"""The plainest architecture: dense layers, one nonlinearity between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.networks.activations import Nonlinearity
from ntkbench.networks.layers import Activation, Dense, Layer, Serial


def fully_connected(
    depth: int,
    activation: str | Nonlinearity | Callable[[Array], Array] = "relu",
    *,
    w_std: float | Array = 2**0.5,
    b_std: float | Array = 0.0,
) -> Serial:
    """A fully connected network, with the same scales in every layer.

    Args:
        depth: layers with weights, the readout among them; at least 2.
        activation: after each layer but the last: a name, a nonlinearity, or a function of arrays.
        w_std: the scale of the weights: a positive number, or an array of no dimensions.
        b_std: the scale of the biases, likewise; 0 for none.

    Returns:
        The architecture, for `architecture_kernels` and `finite`.

    Raises:
        ValueError: for a depth, a scale or an activation that is none.
    """
    if isinstance(depth, bool) or not isinstance(depth, int | np.integer) or depth < 2:
        raise ValueError(f"depth must be a whole number from 2 (one hidden layer and the readout), not {depth!r}")
    layer = Dense(w_std, b_std)
    hidden: list[Layer] = [layer, Activation(activation)] * (int(depth) - 1)
    return Serial((*hidden, layer))
