"""Flax's modules, of linen and NNX alike, as layers. Their channels are last, as here."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from flax import linen, nnx

from ntkbench.networks.layers import AvgPool, Layer, LayerNorm, windows
from ntkbench.networks.modules.chains import Chain, dropout, sizes
from ntkbench.networks.modules.places import Place


def inside(module: Any) -> Sequence[tuple[str, Any]] | None:
    """The parts of a Sequential."""
    if not isinstance(module, linen.Sequential | nnx.Sequential):
        return None
    return [(f".layers[{k}]", part) for k, part in enumerate(module.layers)]


def read(module: Any, place: Place, chain: Chain) -> tuple[Layer, ...] | None:
    """The layers of a module that is one, or of a pool."""
    if isinstance(module, nnx.Linear | nnx.Conv):  # linen's learn it from their inputs
        place.check_channels(module.in_features)
    if isinstance(module, linen.Dense | nnx.Linear):
        return (chain.dense(module.use_bias),)
    if isinstance(module, linen.Conv | nnx.Conv):
        return _conv(module, place, chain)
    if isinstance(module, linen.LayerNorm | nnx.LayerNorm):
        if module.reduction_axes not in (-1, (-1,)):
            raise place.fault(f"reduction_axes={module.reduction_axes}", "reduction_axes=-1, the channels")
        return (LayerNorm(module.epsilon),)
    if isinstance(module, linen.Dropout | nnx.Dropout):
        return dropout(module.rate, place)
    if isinstance(module, functools.partial) and module.func in (linen.avg_pool, nnx.avg_pool) and not module.args:
        return _pool(place, **module.keywords)
    return None


def _conv(module: Any, place: Place, chain: Chain) -> tuple[Layer, ...]:
    window = sizes(module.kernel_size, 1)
    axes = len(window)
    if module.feature_group_count != 1:
        raise place.fault(f"feature_group_count={module.feature_group_count}", "feature_group_count=1")
    if sizes(module.input_dilation or 1, axes) != (1,) * axes or module.mask is not None:
        raise place.fault("a convolution with input_dilation or a mask", "one without")
    padding = module.padding
    if not isinstance(padding, str):
        padding = tuple((p, p) if isinstance(p, int) else tuple(p) for p in sizes(padding, axes))
    stride, dilation = sizes(module.strides or 1, axes), sizes(module.kernel_dilation or 1, axes)
    return chain.convolution(place, module.use_bias, padding, window, stride, dilation)


def _pool(
    place: Place,
    window_shape: windows.Sizes,
    strides: windows.Sizes | None = None,
    padding: Any = "VALID",
    count_include_pad: bool = True,
) -> tuple[Layer, ...]:
    if padding not in ("SAME", "VALID"):
        raise place.fault(f"padding={padding!r} of a pool", "padding='SAME' or 'VALID'")
    window = tuple(window_shape)
    stride = (1,) * len(window) if strides is None else tuple(strides)
    return (AvgPool(window, stride, "same" if padding == "SAME" else "valid", not count_include_pad),)
