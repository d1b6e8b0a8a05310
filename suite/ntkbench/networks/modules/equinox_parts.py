"""Equinox's modules as layers. They compute one input at a time, its channels first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from equinox import nn

from ntkbench.networks.layers import AvgPool, Flatten, GlobalAvgPool, Layer, LayerNorm
from ntkbench.networks.layers.windows import Padding
from ntkbench.networks.modules.chains import Chain, dropout
from ntkbench.networks.modules.padding import windowed
from ntkbench.networks.modules.places import Place


def inside(module: Any) -> Sequence[tuple[str, Any]] | None:
    """The parts of a Sequential, an MLP or a Lambda."""
    if isinstance(module, nn.Sequential):
        return [(f".layers[{k}]", part) for k, part in enumerate(module.layers)]
    if isinstance(module, nn.Lambda):
        return [(".fn", module.fn)]
    if isinstance(module, nn.MLP):
        last = len(module.layers) - 1
        parts = [(f".layers[{k}]", part) for k, part in enumerate(module.layers)]
        between = [pair for part in parts[:last] for pair in (part, (".activation", module.activation))]
        return [*between, parts[last], (".final_activation", module.final_activation)]
    return None


def read(module: Any, place: Place, chain: Chain) -> tuple[Layer, ...] | None:
    """The layers of a module that is one, or of jnp.ravel."""
    if isinstance(module, nn.Linear):
        if place.axes:
            raise place.fault("Linear on positions", "Lambda(jnp.ravel) or AdaptiveAvgPool before it")
        place.check_channels(1 if module.in_features == "scalar" else module.in_features)
        return (chain.dense(module.use_bias),)
    if isinstance(module, nn.Conv):
        return _conv(module, place, chain)
    if isinstance(module, nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d):
        return _pool(module, place)
    if isinstance(module, nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d | nn.AdaptiveAvgPool3d):
        if any(size != 1 for size in module.target_shape):
            raise place.fault(f"target_shape={module.target_shape}", "target_shape=1")
        return (GlobalAvgPool(),)
    if isinstance(module, nn.LayerNorm):
        if place.axes or len(module.shape) > 1:
            raise place.fault("LayerNorm over positions", "LayerNorm over the channels of vectors")
        return (LayerNorm(module.eps),)
    if isinstance(module, nn.Dropout):
        return dropout(module.p, place)
    if isinstance(module, nn.Identity) or _is(module, "equinox", "<lambda>"):  # an MLP's last function, unless given
        return ()
    if _is(module, "jax", "ravel"):
        return () if place.axes == 0 else (Flatten(),)
    return None


def _conv(module: Any, place: Place, chain: Chain) -> tuple[Layer, ...]:
    if place.axes == 0:
        raise place.fault(f"{type(module).__name__} on vectors", "Linear")
    if module.groups != 1:
        raise place.fault(f"groups={module.groups}", "groups=1")
    place.check_channels(module.in_channels)
    modes: dict[str, Padding] = {"ZEROS": "same", "CIRCULAR": "circular"}
    if module.padding_mode not in modes:
        raise place.fault(f"padding_mode={module.padding_mode!r}", "padding_mode='ZEROS' or 'CIRCULAR'")
    sizes = module.kernel_size, module.stride, module.dilation
    return chain.convolution(place, module.use_bias, module.padding, *sizes, modes[module.padding_mode])


def _pool(module: Any, place: Place) -> tuple[Layer, ...]:
    if module.use_ceil:
        raise place.fault("use_ceil=True", "use_ceil=False")
    window = module.kernel_size

    def pool(stride: tuple[int, ...], padding: Padding) -> AvgPool:
        return AvgPool(window, stride, padding)

    return windowed(pool, "same", window, module.stride, module.padding, place)


def _is(function: Any, library: str, name: str) -> bool:
    return getattr(function, "__name__", "") == name and function.__module__.split(".")[0] == library
