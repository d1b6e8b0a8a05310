"""Modules of Flax and Equinox that are chains of known layers, as architectures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ntkbench.networks.layers import Activation, Conv, Dense, Dropout, Layer, windows
from ntkbench.networks.modules.padding import windowed
from ntkbench.networks.modules.places import Place

_ACTIVATIONS = {
    **{name: name for name in ("relu", "tanh", "sigmoid", "swish", "sin", "cos", "exp", "erf", "abs", "sign")},
    **{"silu": "swish", "gelu": "gelu", "leaky_relu": "leaky_relu"},
}
_NEAREST = {
    "MaxPool": "AvgPool",
    "AdaptiveMaxPool": "AdaptiveAvgPool",
    "max_pool": "functools.partial of avg_pool",
    "min_pool": "functools.partial of avg_pool",
    "avg_pool": "functools.partial of it, with its window_shape",
    "RMSNorm": "LayerNorm",
    **dict.fromkeys(("BatchNorm", "GroupNorm", "InstanceNorm"), "LayerNorm over the channels of vectors"),
    **dict.fromkeys(("ConvTranspose", "ConvLocal"), "Conv"),
    **dict.fromkeys(("DenseGeneral", "LinearGeneral", "Einsum"), "a layer on the last axis alone"),
    "Embed": "a layer on one-hot vectors",
    "PReLU": "leaky_relu",
    "relu6": "relu",
    "softplus": "relu",
    "mish": "silu",
    "hard": "sigmoid or tanh",
    **dict.fromkeys(("elu", "selu", "celu"), "gelu"),
}
_CHAIN = "a chain, Sequential, of layers of the library and functions of jax.nn"


@dataclass(frozen=True)
class Chain:
    """How one library's modules are read: `inside` gives the parts of a chain, `read` the layers of one that is none.

    Both give None for what they do not know.
    """

    inside: Callable[[Any], Sequence[tuple[str, Any]] | None]
    read: Callable[[Any, Place, Chain], tuple[Layer, ...] | None]
    w_std: float
    b_std: float
    seen: dict[int, str] = field(default_factory=dict)

    def layers(self, module: Any, place: Place) -> tuple[tuple[Layer, ...], Place]:
        """The layers of a module, and what is known behind it. Raises ValueError for what is no chain."""
        parts = self.inside(module)
        if parts is None:
            layers = self.read(module, place, self)
            layers = _function(module, place) if layers is None else layers
            if (
                any(layer.has_weights for layer in layers)
                and self.seen.setdefault(id(module), place.name) != place.name
            ):
                raise place.fault(f"sharing weights with {self.seen[id(module)]}", "a layer with weights of its own")
            return layers, place.behind(layers)
        found: tuple[Layer, ...] = ()
        for name, part in parts:
            more, behind = self.layers(part, replace(place, name=f"{place.name}{name}"))
            found, place = found + more, replace(behind, name=place.name)
        return found, place

    def dense(self, bias: bool) -> Dense:
        """A fully connected layer."""
        return Dense(self.w_std, self.b_std if bias else 0.0)

    def convolution(
        self,
        place: Place,
        bias: bool,
        padding: Any,
        window: windows.Sizes,
        stride: windows.Sizes,
        dilation: windows.Sizes,
        around: windows.Padding = "same",
    ) -> tuple[Layer, ...]:
        """A convolution with the padding of JAX: a name, or pairs of numbers."""
        b_std = self.b_std if bias else 0.0

        def conv(stride: windows.Sizes, padding: windows.Padding) -> Conv:
            return Conv(window, stride, padding, self.w_std, b_std, True, dilation)

        if isinstance(padding, str):
            names: dict[str, windows.Padding] = {"SAME": around, "VALID": "valid", "CIRCULAR": "circular"}
            if padding.upper() not in names:
                raise place.fault(f"padding={padding!r}", "padding='SAME', 'VALID' or 'CIRCULAR'")
            return (conv(stride, names[padding.upper()]),)
        return windowed(conv, around, windows.reach(window, dilation), stride, padding, place)


def sizes(value: Any, axes: int) -> windows.Sizes:
    """A number for each axis."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


def dropout(rate: float, place: Place) -> tuple[Layer, ...]:
    """Features that are zero with this probability."""
    if not 0 <= rate < 1:
        raise place.fault(f"a rate of {rate}", "one from 0 to below 1")
    return (Dropout(1.0 - rate),) if rate else ()


def _function(function: Any, place: Place) -> tuple[Layer, ...]:
    """A function of JAX by its name, perhaps with arguments that functools.partial has set."""
    options: dict[str, Any] = {}
    if isinstance(function, functools.partial) and not function.args:
        function, options = function.func, dict(function.keywords)
    name = getattr(function, "__name__", type(function).__name__)
    if not str(getattr(function, "__module__", "")).startswith("jax") or name not in (*_ACTIVATIONS, "identity"):
        near = [nearest for start, nearest in _NEAREST.items() if str(name).startswith(start)]
        raise place.fault(name, (near or [_CHAIN])[0])
    if name == "gelu" and options != {"approximate": False}:
        raise place.fault("gelu by tanh", "functools.partial(jax.nn.gelu, approximate=False)")
    if name == "leaky_relu":
        return (Activation(name, slope=float(options.get("negative_slope", 0.01))),)
    if options and name != "gelu":
        raise place.fault(f"{name} with {options}", f"{name} without arguments")
    return () if name == "identity" else (Activation(_ACTIVATIONS[name]),)
