"""Modules from architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntkbench.networks.finite import finite
from ntkbench.networks.layers import Layer
from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.parameters import Parameters

if TYPE_CHECKING:
    from torch import nn


def to_torch(
    architecture: Layer, width: int, input_shape: Shape, outputs: int = 1, *, params: Parameters | None = None
) -> nn.Module:
    """The module of torch that an architecture describes, in the NTK parametrisation.

    It computes what `finite(architecture, input_shape, width=width, outputs=outputs)` does, with torch's own Linear,
    Conv, pooling and activations where it has them. Its inputs have their channels first, as torch's do: (N, C, H, W)
    for an `input_shape` of (H, W, C). Weights and biases are kept as they are drawn, from N(0, 1), and scaled by
    parametrizations of torch when they are used, so that gradient descent, and `empirical_ntk(module, x)`, are those
    of this parametrisation. `from_torch` gives the architecture back. In eval mode Dropout keeps everything, as the
    network of `finite` does.

    Args:
        architecture: layers of `ntkbench.networks`; of those with weights, Dense and Conv.
        width: the units (channels) of each linear layer but the last.
        input_shape: of one input, channels last: (d,), (T, C), (H, W, C) or (D, H, W, C).
        outputs: the units of the last.
        params: initial parameters, as `finite(...).init` gives them, of NumPy or torch, in their dtype; None: drawn
            from torch's own generator, in its default dtype.

    Returns:
        A module that gives (N, outputs).

    Raises:
        ValueError: for layers that do not fit, or that torch has none for; for parameters of other shapes.

    References:
        Jacot et al. 2018 (the parametrisation).
    """
    from ntkbench.networks.modules.assembly import assembled

    return assembled(finite(architecture, input_shape, width=width, outputs=outputs), params)
