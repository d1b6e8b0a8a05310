"""The layers that architectures are made of: frozen values, checked when they are made, that say what and not how.

Inputs are vectors (n, d) or images (n, H, W, C). In the NTK parametrisation (Jacot et al. 2018) every weight is drawn
from N(0, 1) and a linear layer computes w_std / sqrt(fan-in) W x + b_std b; the fan-in of a convolution counts the
filter's positions, at the border too. `trained=False` leaves a layer's weights and biases at their initial values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Padding = Literal["same", "valid", "circular"]
Pair = tuple[int, int]

_PADDINGS = ("same", "valid", "circular")


@dataclass(frozen=True)
class Dense:
    """A fully connected layer on the last axis. The last linear layer of an architecture is its readout."""

    w_std: float = 1.0
    b_std: float = 0.0
    trained: bool = True

    def __post_init__(self) -> None:
        _check_scales(self)


@dataclass(frozen=True)
class Conv:
    """A two-dimensional convolution on images.

    `padding`: "same" adds zeros so that ceil(H / stride) rows remain, the odd one at the end; "valid" adds none;
    "circular" is "same" with the opposite border's pixels in the place of the zeros.
    """

    window: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: Padding = "same"
    w_std: float = 1.0
    b_std: float = 0.0
    trained: bool = True

    def __post_init__(self) -> None:
        _check_scales(self)
        _check_window(self)


@dataclass(frozen=True)
class Activation:
    """A nonlinearity, entry by entry: the name of one in `kernels.activations`, or any function of arrays.

    `slope` belongs to "leaky_relu" alone (its slope for negative inputs), `degree` to "monomial".
    """

    function: str | Callable[[Any], Any]
    slope: float = 0.0
    degree: int = 1

    def __post_init__(self) -> None:
        if not (callable(self.function) or (isinstance(self.function, str) and self.function)):
            raise ValueError(f"an activation is a name or a function, not {self.function!r}")
        if not math.isfinite(self.slope) or self.degree < 0:
            raise ValueError("slope must be finite and degree not negative")


@dataclass(frozen=True)
class AvgPool:
    """The mean over windows of positions; `stride` None: the window's size. Positions that fill no window drop out."""

    window: Pair = (2, 2)
    stride: Pair | None = None

    def __post_init__(self) -> None:
        _check_window(self)

    @property
    def steps(self) -> Pair:
        """The stride that is used."""
        return self.window if self.stride is None else self.stride


@dataclass(frozen=True)
class Flatten:
    """All positions and channels in one vector."""


@dataclass(frozen=True)
class GlobalAvgPool:
    """The mean over all positions."""


@dataclass(frozen=True)
class LayerNorm:
    """Each position's channels are centred and brought to variance one; `epsilon` is added to the variance."""

    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        if not self.epsilon >= 0:
            raise ValueError(f"epsilon must not be negative, not {self.epsilon}")


@dataclass(frozen=True)
class Residual:
    """The sum of a branch and a shortcut, which is the input itself unless another one is given."""

    branch: Serial
    shortcut: Serial = field(default_factory=lambda: Serial(()))


@dataclass(frozen=True)
class Serial:
    """Layers one after another."""

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise ValueError(f"{layer!r} is no layer")


Layer = Dense | Conv | Activation | AvgPool | Flatten | GlobalAvgPool | LayerNorm | Residual | Serial


def serial(*layers: Layer) -> Serial:
    """Layers one after another, nested ones taken apart. Raises ValueError for what is no layer."""
    flat: list[Layer] = []
    for layer in layers:
        flat += layer.layers if isinstance(layer, Serial) else [layer]
    return Serial(tuple(flat))


def spatial_shape(shape: Pair, layer: Conv | AvgPool) -> Pair:
    """The height and width after a convolution or a pooling. Raises ValueError when the window does not fit."""
    steps = layer.steps if isinstance(layer, AvgPool) else layer.stride
    padding = layer.padding if isinstance(layer, Conv) else "valid"
    if padding != "valid":
        return -(-shape[0] // steps[0]), -(-shape[1] // steps[1])
    if shape[0] < layer.window[0] or shape[1] < layer.window[1]:
        raise ValueError(f"a window of {layer.window} does not fit into images of {shape}")
    return (shape[0] - layer.window[0]) // steps[0] + 1, (shape[1] - layer.window[1]) // steps[1] + 1


def _check_scales(layer: Dense | Conv) -> None:
    if not (layer.w_std > 0 and layer.b_std >= 0 and math.isfinite(layer.w_std) and math.isfinite(layer.b_std)):
        raise ValueError(f"w_std must be positive and b_std not negative, not {layer.w_std} and {layer.b_std}")


def _check_window(layer: Conv | AvgPool) -> None:
    for name in ("window", "stride"):
        pair = getattr(layer, name)
        if pair is not None and not (
            isinstance(pair, tuple) and len(pair) == 2 and all(type(v) is int and v > 0 for v in pair)
        ):
            raise ValueError(f"{name} must be two positive whole numbers, not {pair!r}")
    if isinstance(layer, Conv) and layer.padding not in _PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(_PADDINGS)}, not {layer.padding!r}")
