"""torch's modules as layers."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from torch import nn

from ntkbench.networks.layers import Activation, AvgPool, Dropout, Flatten, GlobalAvgPool, Layer, LayerNorm
from ntkbench.networks.layers.windows import Padding, Sizes
from ntkbench.networks.modules.padding import windowed
from ntkbench.networks.modules.pieces import AtPositions, Padded, Weightless
from ntkbench.networks.modules.places import Place
from ntkbench.networks.modules.weights import CONVOLUTIONS, Scales, convolution, dense, linear, padded

_ACTIVATIONS = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.SiLU: "swish"}
_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_GLOBAL_POOLS = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_DROPOUTS = (nn.Dropout,)

BY_HAND = "an architecture written by hand, of layers of ntkbench.networks"

_NEAREST = {
    "MaxPool": "AvgPool",
    "LPPool": "AvgPool",
    "AdaptiveMaxPool": "AdaptiveAvgPool",
    "BatchNorm": "LayerNorm over the channels of vectors",
    "SyncBatchNorm": "LayerNorm over the channels of vectors",
    "GroupNorm": "LayerNorm over the channels of vectors",
    "InstanceNorm": "LayerNorm over the channels of vectors",
    "RMSNorm": "LayerNorm",
    "ConvTranspose": "Conv",
    "PReLU": "LeakyReLU",
    "RReLU": "LeakyReLU",
    "ELU": "GELU",
    "SELU": "GELU",
    "CELU": "GELU",
    "Softplus": "ReLU",
    "Mish": "SiLU",
    "Hard": "Sigmoid or Tanh",
    "Embedding": "Linear on one-hot vectors",
    "Bilinear": "Linear",
    "AlphaDropout": "Dropout",
    "Dropout": "Dropout",
}


def layers_of(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    """The layers that a module stands for, channels last. Raises ValueError, with its place, where there are none."""
    for kinds, read in _READERS:
        if isinstance(module, kinds):
            return read(module, place, scales)
    name = type(module).__name__
    begins = [near for start, near in _NEAREST.items() if name.startswith(start)]
    known = [kind.__name__ for kinds, _ in _READERS for kind in kinds if kind.__module__.startswith("torch.")]
    raise place.fault(name, (begins or difflib.get_close_matches(name, known, n=1) or [BY_HAND])[0])


def _activation(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    return (Activation(next(name for kind, name in _ACTIVATIONS.items() if isinstance(module, kind))),)


def _leaky(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    return (Activation("leaky_relu", slope=module.negative_slope),)


def _gelu(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    if module.approximate != "none":
        raise place.fault(f"approximate={module.approximate!r}", "approximate='none'")
    return (Activation("gelu"),)


def _pool(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    axes = _POOLS.index(next(kind for kind in _POOLS if isinstance(module, kind))) + 1
    window, stride, padding = (_sizes(v, axes) for v in (module.kernel_size, module.stride, module.padding))
    if place.axes == 0:
        raise place.fault(f"{type(module).__name__} on vectors", "none")
    if module.ceil_mode:
        raise place.fault("ceil_mode=True", "ceil_mode=False")
    if getattr(module, "divisor_override", None) is not None:
        raise place.fault(f"divisor_override={module.divisor_override}", "divisor_override=None")

    def pool(stride: Sizes, padding: Padding) -> AvgPool:
        return AvgPool(window, stride, padding, padding == "same" and not module.count_include_pad)

    return windowed(pool, "same", window, stride, tuple((p, p) for p in padding), place)


def _global_pool(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    axes = _GLOBAL_POOLS.index(next(kind for kind in _GLOBAL_POOLS if isinstance(module, kind))) + 1
    size = _sizes(module.output_size, axes)
    if place.axes == 0:
        raise place.fault(f"{type(module).__name__} on vectors", "none")
    if size == (1,) * axes:
        return (GlobalAvgPool(),)
    if place.sizes and all(o is not None and s % o == 0 for s, o in zip(place.sizes, size, strict=True)):
        return (AvgPool(tuple(s // o for s, o in zip(place.sizes, size, strict=True))),)
    raise place.fault(
        f"output_size={module.output_size}", "output_size=1, or, with input_shape, what divides the sizes"
    )


def _flatten(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    if (module.start_dim, module.end_dim) != (1, -1):
        raise place.fault(f"Flatten({module.start_dim}, {module.end_dim})", "Flatten(1, -1)")
    return () if place.axes == 0 else (Flatten(),)


def _layer_norm(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    if place.axes or len(module.normalized_shape) > 1:
        raise place.fault("LayerNorm over positions", "LayerNorm over the channels of vectors")
    return (LayerNorm(module.eps),)


def _dropout(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    if module.p == 0:
        return ()
    if module.p >= 1:
        raise place.fault(f"p={module.p}", "p below 1")
    return (Dropout(1.0 - module.p),)


def _at_positions(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    return (dense(module.linear, place, scales),)


def _sizes(value: Any, axes: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * axes


_READERS: tuple[tuple[tuple[type, ...], Callable[[Any, Place, Scales], tuple[Layer, ...]]], ...] = (
    ((nn.Linear,), linear),
    (CONVOLUTIONS, convolution),
    (tuple(_ACTIVATIONS), _activation),
    ((nn.LeakyReLU,), _leaky),
    ((nn.GELU,), _gelu),
    (_POOLS, _pool),
    (_GLOBAL_POOLS, _global_pool),
    ((nn.Flatten,), _flatten),
    ((nn.LayerNorm,), _layer_norm),
    (_DROPOUTS, _dropout),
    ((nn.Identity,), lambda module, place, scales: ()),
    ((Padded,), lambda module, place, scales: (padded(module.layer, module.conv, place, scales),)),
    ((AtPositions,), _at_positions),
    ((Weightless,), lambda module, place, scales: (module.layer,)),
)
