"""torch's Linear and Conv as layers: their scales, their padding, and whether they are trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from ntkbench.networks.layers import Conv, Dense, Layer, windows
from ntkbench.networks.modules.padding import windowed
from ntkbench.networks.modules.pieces import Scale
from ntkbench.networks.modules.places import Place

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Scales:
    """Those of layers that say none of their own, and where each array of weights was seen."""

    w_std: float
    b_std: float
    seen: dict[int, str] = field(default_factory=dict)

    def of(self, module: nn.Module, place: Place) -> tuple[float, float, bool]:
        """w_std, b_std, and whether the module is trained."""
        arrays: dict[str, Any] = {}
        stds = {"weight": self.w_std, "bias": self.b_std}
        for name in stds:
            if parametrize.is_parametrized(module, name):
                kept = module.parametrizations[name]
                if len(kept) != 1 or not isinstance(kept[0], Scale):
                    raise place.fault(f"{name} with the parametrization {type(kept[0]).__name__}", "none")
                arrays[name], stds[name] = kept.original, kept[0].std
            elif name not in module._parameters:
                raise place.fault(f"a {name} that is computed, as by a norm of weights,", "a plain one")
            else:
                arrays[name] = module._parameters[name]
        if arrays["bias"] is None:
            stds["bias"] = 0.0
        for array in arrays.values():
            if array is not None and self.seen.setdefault(id(array), place.name) != place.name:
                raise place.fault(f"sharing weights with {self.seen[id(array)]}", "a layer with weights of its own")
        trained = arrays["weight"].requires_grad
        if stds["bias"] > 0 and arrays["bias"].requires_grad != trained:
            raise place.fault("training one of weight and bias alone", "both or none of them")
        return stds["weight"], stds["bias"], trained


def dense(module: nn.Module, place: Place, scales: Scales) -> Dense:
    """A fully connected layer."""
    w_std, b_std, trained = scales.of(module, place)
    return Dense(w_std, b_std, trained)


def linear(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    """A fully connected layer on vectors."""
    if place.axes:
        raise place.fault("Linear on the last axis of positions", "Flatten or AdaptiveAvgPool before it")
    place.check_channels(module.in_features)
    return (dense(module, place, scales),)


def convolution(module: nn.Module, place: Place, scales: Scales) -> tuple[Layer, ...]:
    """A convolution with the paddings that architectures have, and with a stride on any of them."""
    if place.axes == 0:
        raise place.fault(f"{type(module).__name__} on vectors", "Linear")
    if module.groups != 1:
        raise place.fault(f"groups={module.groups}", "groups=1")
    if module.padding_mode not in ("zeros", "circular"):
        raise place.fault(f"padding_mode={module.padding_mode!r}", "padding_mode='zeros' or 'circular'")
    place.check_channels(module.in_channels)
    window, stride, dilation = map(tuple, (module.kernel_size, module.stride, module.dilation))
    around: windows.Padding = "circular" if module.padding_mode == "circular" else "same"
    w_std, b_std, trained = scales.of(module, place)

    def conv(stride: windows.Sizes, padding: windows.Padding) -> Conv:
        return Conv(window, stride, padding, w_std, b_std, trained, dilation)

    if module.padding == "same":
        return (conv(stride, around),)
    pads = ((0, 0),) * len(window) if module.padding == "valid" else tuple((p, p) for p in module.padding)
    return windowed(conv, around, windows.reach(window, dilation), stride, pads, place)


def padded(layer: Conv, module: nn.Module, place: Place, scales: Scales) -> Conv:
    """The convolution of which `pieces.Padded` has the padding."""
    w_std, b_std, trained = scales.of(module, place)
    return Conv(layer.window, layer.stride, layer.padding, w_std, b_std, trained, layer.dilation)
