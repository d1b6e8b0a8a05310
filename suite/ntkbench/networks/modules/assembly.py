"""A network of finite width put together from torch's modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from ntkbench.networks.finite import Finite
from ntkbench.networks.layers import (
    Activation,
    AvgPool,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    FanInProd,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Linear,
    Residual,
    Serial,
    windows,
)
from ntkbench.networks.layers.layer import Shape, Units
from ntkbench.networks.modules.pieces import AtPositions, Branches, Padded, Scale, Weightless
from ntkbench.networks.parameters import Parameters

_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "swish": nn.SiLU}
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_GLOBAL_POOLS = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_JOINS = {Residual: "sum", Concatenate: "concatenation", FanInProd: "product"}

Arrays = Iterator[tuple[Linear, dict[str, torch.Tensor]]]
"""The linear layers that are left to be made, with their parameters."""


def assembled(network: Finite, params: Parameters | None) -> nn.Module:
    """The module, with these parameters or with fresh ones."""
    for linear in network.linear_layers:
        if type(linear.layer) not in (Dense, Conv):
            name = type(linear.layer).__name__
            raise ValueError(f"{name} has no module of torch here; the nearest is Conv")
    arrays = [_drawn(linear) for linear in network.linear_layers] if params is None else _given(network, params)
    left = zip(network.linear_layers, arrays, strict=True)
    return _serial(network.architecture, network.input_shape, Units(network.width, network.outputs), left)


def _drawn(linear: Linear) -> dict[str, torch.Tensor]:
    return {name: torch.randn(shape) for name, shape in linear.parameter_shapes.items()}


def _given(network: Finite, params: Parameters) -> list[dict[str, torch.Tensor]]:
    arrays = [{name: torch.as_tensor(array).detach().clone() for name, array in each.items()} for each in params]
    dtype = next((array.dtype for each in arrays for array in each.values()), None)
    network.check(tuple(arrays), torch.empty((0, *network.input_shape), dtype=dtype))
    return arrays


def _serial(architecture: Serial, shape: Shape, units: Units, left: Arrays) -> nn.Module:
    modules: list[nn.Module] = []
    for layer, its_units in architecture.with_units(units):
        modules += _modules(layer, shape, its_units, left)
        shape = layer.output_shape(shape, its_units)
    return nn.Sequential(*modules)


def _modules(layer: Layer, shape: Shape, units: Units, left: Arrays) -> list[nn.Module]:
    """What computes a layer of inputs of this shape."""
    axes = len(shape) - 1
    if isinstance(layer, Dense):
        return [_dense(*next(left))]
    if isinstance(layer, Conv):
        return [_conv(layer, *next(left))]
    if type(layer) in _JOINS:
        branches = [_serial(_as_serial(branch), shape, units, left) for branch in layer.inside()]
        return [Branches(_JOINS[type(layer)], branches)]
    if isinstance(layer, Serial):
        return [_serial(layer, shape, units, left)]
    if isinstance(layer, Activation):
        return [_activation(layer)]
    if isinstance(layer, AvgPool) and layer.padding == "valid":
        return [_POOLS[axes - 1](layer.window, layer.steps)]
    if isinstance(layer, GlobalAvgPool):
        return [_GLOBAL_POOLS[axes - 1](1), nn.Flatten()]
    if isinstance(layer, LayerNorm) and not axes:
        return [nn.LayerNorm(shape[0], layer.epsilon, elementwise_affine=False)]
    if isinstance(layer, Dropout) and 1.0 - (1.0 - layer.rate) == layer.rate:
        return [nn.Dropout(1.0 - layer.rate)]
    return [Weightless(layer)]


def _as_serial(layer: Layer) -> Serial:
    return layer if isinstance(layer, Serial) else Serial((layer,))


def _activation(layer: Activation) -> nn.Module:
    if layer == Activation("leaky_relu", slope=layer.slope):
        return nn.LeakyReLU(layer.slope)
    name = layer.function if isinstance(layer.function, str) else ""
    return _ACTIVATIONS[name]() if name in _ACTIVATIONS and layer == Activation(name) else Weightless(layer)


def _dense(linear: Linear, arrays: dict[str, torch.Tensor]) -> nn.Module:
    module = nn.Linear(linear.input_shape[-1], linear.units, linear.has_bias, dtype=arrays["weight"].dtype)
    _scaled(module, linear, {**arrays, "weight": arrays["weight"].T})
    return AtPositions(module) if len(linear.input_shape) > 1 else module


def _conv(layer: Conv, linear: Linear, arrays: dict[str, torch.Tensor]) -> nn.Module:
    axes = len(layer.window)
    sizes, mode = linear.input_shape[:-1], "circular" if layer.padding == "circular" else "zeros"
    reach = windows.reach(layer.window, layer.apart)
    # torch's own padding is alike at both ends, goes with no stride, and does not go around more than once.
    own = all(r % 2 for r in reach) and max(layer.steps) == 1
    own = own and (mode == "zeros" or all((r - 1) // 2 <= n for r, n in zip(reach, sizes, strict=True)))
    padded = layer.padding != "valid" and not own
    options: dict[str, Any] = {"padding_mode": mode, "padding": "same"} if layer.padding != "valid" and own else {}
    module = _CONVOLUTIONS[axes - 1](
        linear.input_shape[-1],
        linear.units,
        layer.window,
        layer.steps,
        dilation=layer.apart,
        bias=linear.has_bias,
        dtype=arrays["weight"].dtype,
        **options,
    )
    # Units and channels come first in torch, positions in the window last.
    _scaled(module, linear, {**arrays, "weight": arrays["weight"].permute(axes + 1, axes, *range(axes))})
    return Padded(layer, module) if padded else module


def _scaled(module: nn.Module, linear: Linear, arrays: dict[str, torch.Tensor]) -> None:
    """Give a module these parameters, to be used in the NTK parametrisation."""
    scales = {"weight": Scale(linear.layer.w_std, linear.fan_in), "bias": Scale(linear.layer.b_std)}
    for name, array in arrays.items():
        parametrize.register_parametrization(module, name, scales[name])
        # Set here, and not by way of what is used, which would round.
        kept = nn.Parameter(array.contiguous(), requires_grad=linear.layer.trained)
        module.parametrizations[name].original = kept
