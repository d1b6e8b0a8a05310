"""torch's Linear and Conv as layers: their scales, their padding, and whether they are trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from ntkbench.networks.layers import AvgPool, Conv, Dense, Layer, windows
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
    if module.padding == "valid" or not any(module.padding):
        return (conv(stride, "valid"),)
    reach = windows.reach(window, dilation)
    if not centred(reach, module.padding):
        raise place.fault(f"padding={module.padding} of {_words(reach)}", nearest_padding(reach))
    if like_torch(place.sizes, reach, stride, module.padding):
        return (conv(stride, around),)
    # At every position, of which the stride then leaves some: torch's windows begin half a window before the first.
    return conv((1,) * len(window), around), AvgPool((1,) * len(window), stride)


def padded(layer: Conv, module: nn.Module, place: Place, scales: Scales) -> Conv:
    """The convolution of which `pieces.Padded` has the padding."""
    w_std, b_std, trained = scales.of(module, place)
    return Conv(layer.window, layer.stride, layer.padding, w_std, b_std, trained, layer.dilation)


def centred(reach: windows.Sizes, padding: windows.Sizes) -> bool:
    """Whether windows that move by one leave as many positions as there were."""
    return all(2 * p == r - 1 for p, r in zip(padding, reach, strict=True))


def nearest_padding(reach: windows.Sizes) -> str:
    """What `centred` holds for, if anything does."""
    if all(r % 2 for r in reach):
        return f"padding={tuple((r - 1) // 2 for r in reach)} or padding=0"
    return "padding=0, or a window of odd sizes"


def like_torch(
    sizes: windows.Sizes | None, reach: windows.Sizes, stride: windows.Sizes, padding: windows.Sizes
) -> bool:
    """Whether "same" windows begin where torch's do that are padded alike at both ends."""
    if max(stride) == 1:
        return True
    if not sizes:
        return False
    numbers = windows.count(sizes, reach, stride, "same")
    totals = [max((n - 1) * s + r - length, 0) for n, s, r, length in zip(numbers, stride, reach, sizes, strict=True)]
    return all(total // 2 == p for total, p in zip(totals, padding, strict=True))


def _words(reach: windows.Sizes) -> str:
    return f"a window that reaches over {' x '.join(map(str, reach))} positions"
