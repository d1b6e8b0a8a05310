"""Architectures from modules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ntkbench.arrays.inputs import KINDS
from ntkbench.networks.layers import Dense, Serial, serial
from ntkbench.networks.layers.layer import Shape, Units
from ntkbench.networks.modules.chains import Chain
from ntkbench.networks.modules.graph import architecture_of
from ntkbench.networks.modules.places import Place

if TYPE_CHECKING:
    from torch import nn


def from_torch(
    module: nn.Module, input_shape: Shape | None = None, *, w_std: float = 2**0.5, b_std: float = 0.0
) -> Serial:
    """The architecture that a module of torch describes: from it come the kernels of infinite width.

    Read are modules and functions of torch in any forward that `torch.fx` can trace: Linear, Conv1d to Conv3d, ReLU,
    LeakyReLU, GELU, Tanh, Sigmoid, SiLU, AvgPool, AdaptiveAvgPool, Flatten, LayerNorm, Dropout, Identity, sums,
    products and concatenations of branches, and what `to_torch` makes. Inputs of torch have their channels first,
    (N, C, H, W); those of the architecture have them last, (N, H, W, C).

    Values and widths are not kept: the architecture is in the NTK parametrisation, all of its weights with the scale
    `w_std` and all biases with `b_std`, whatever the module holds. (torch's own initialisation of weights has
    w_std=3**-0.5, and b_std=0 for wide layers, whose biases it draws the smaller the wider they are.) What `to_torch`
    made says its scales itself. Layers without gradients are not trained. Gains and biases of a LayerNorm count as
    fixed, at one and zero. Dropout is that of training, as in `Dropout`. torch pads alike at both ends: where `Conv` of
    that stride does not, or where no `input_shape` says so, a convolution is one of stride one and
    `AvgPool((1, 1), stride)`, which is the same at more cost. Behind a sum of branches, a nonlinearity has a kernel of
    infinite width only where both branches end with weights.

    Args:
        module: the module, which is not called.
        input_shape: of one input, channels last: (d,), (T, C), (H, W, C) or (D, H, W, C). With it shapes are checked,
            and strides are those of the convolutions themselves where that is the same.
        w_std: the scale of weights, positive.
        b_std: the scale of biases, for layers that have them; 0: as if they had none.

    Returns:
        Layers one after another.

    Raises:
        ValueError: for a part that no layer describes, with its path and the nearest that is supported; for shapes
            that do not fit.

    References:
        Jacot et al. 2018 (the parametrisation).
    """
    from ntkbench.networks.modules.tracing import nodes_of
    from ntkbench.networks.modules.weights import Scales

    _check_scales_and_shape(w_std, b_std, input_shape)
    _check_made(module)
    if not (hasattr(module, "named_modules") and hasattr(module, "forward")):
        raise ValueError(f"from_torch takes a torch.nn.Module, not {module!r}")
    architecture = architecture_of(*nodes_of(module, input_shape, Scales(w_std, b_std)))
    if input_shape is not None:
        architecture.output_shape(input_shape, Units(2, 2))
    return architecture


def from_flax(module: Any, input_shape: Shape | None = None, *, w_std: float = 2**0.5, b_std: float = 0.0) -> Serial:
    """The architecture that a chain of Flax's layers describes, of linen or NNX: a Sequential, or a layer alone.

    Read are Dense or Linear, Conv, LayerNorm, Dropout, Sequential, functions of jax.nn, and functools.partial of
    avg_pool; as `from_torch` does, without values and widths. Channels are last in both.

    Args:
        module: the module, without its variables.
        input_shape: of one input, channels last; with it shapes are checked.
        w_std: the scale of weights, positive.
        b_std: the scale of biases, for layers that have them; 0: as if they had none.

    Returns:
        Layers one after another.

    Raises:
        ValueError: for a part that no layer describes, with its place and the nearest that is supported; for shapes
            that do not fit.
    """
    from ntkbench.networks.modules import flax_parts

    return _chained(module, input_shape, Chain(flax_parts.inside, flax_parts.read, w_std, b_std))


def from_equinox(module: Any, input_shape: Shape | None = None, *, w_std: float = 2**0.5, b_std: float = 0.0) -> Serial:
    """The architecture that a chain of Equinox's layers describes: a Sequential, an MLP, or a layer alone.

    Read are Linear, Conv, AvgPool, AdaptiveAvgPool to one position, LayerNorm, Dropout, Identity, Sequential, MLP, and
    Lambda of functions of jax.nn and of jnp.ravel; as `from_torch` does, without values and widths. Inputs of Equinox
    have their channels first, those of the architecture have them last.

    Args:
        module: the module.
        input_shape: of one input, channels last; with it shapes are checked.
        w_std: the scale of weights, positive.
        b_std: the scale of biases, for layers that have them; 0: as if they had none.

    Returns:
        Layers one after another.

    Raises:
        ValueError: for a part that no layer describes, with its place and the nearest that is supported; for shapes
            that do not fit.
    """
    from ntkbench.networks.modules import equinox_parts

    return _chained(module, input_shape, Chain(equinox_parts.inside, equinox_parts.read, w_std, b_std))


def _chained(module: Any, shape: Shape | None, chain: Chain) -> Serial:
    _check_scales_and_shape(chain.w_std, chain.b_std, shape)
    _check_made(module)
    place = Place(type(module).__name__)
    if shape is not None:
        place = replace(place, axes=len(shape) - 1, sizes=shape[:-1], channels=shape[-1])
    architecture = serial(*chain.layers(module, place)[0])
    if shape is not None:
        architecture.output_shape(shape, Units(2, 2))
    return architecture


def _check_made(module: Any) -> None:
    """Raise ValueError for the class of a module in its place."""
    if isinstance(module, type):
        raise ValueError(f"a module is needed, not its class: make one, {module.__name__}(...)")


def _check_scales_and_shape(w_std: float, b_std: float, shape: Any) -> None:
    """Raise ValueError unless these are scales, and, where one is given, a shape."""
    Dense(w_std, b_std)  # which says what is wrong with scales
    is_shape = isinstance(shape, tuple) and all(type(size) is int and size > 0 for size in shape)
    if shape is not None and not (is_shape and 1 <= len(shape) <= len(KINDS)):
        raise ValueError(f"input_shape must be (d,), (T, C), (H, W, C) or (D, H, W, C), not {shape!r}")
