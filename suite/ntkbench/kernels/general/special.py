"""Which described architectures are those that have kernels of their own, many times as fast as the general ones."""

from __future__ import annotations

from dataclasses import dataclass

from ntkbench.kernels.relu.network import Network, Pooling
from ntkbench.networks.layers import Activation, Conv, Dense, Flatten, GlobalAvgPool, Layer, Serial
from ntkbench.networks.layers.settings import alike

_RELU = (Activation("relu"), Activation("leaky_relu"))


@dataclass(frozen=True)
class Special:
    """A network of ReLU layers in the terms of `dense` (no pooling) or of `conv`."""

    network: Network
    pooling: Pooling | None


def special(architecture: Serial) -> Special | None:
    """The special form of an architecture, or None where there is none.

    Hidden layers of one kind, all Dense or all 3x3 convolutions of stride and dilation 1 with zeros beyond the
    borders, each with a ReLU after it; then, behind convolutions, Flatten or GlobalAvgPool; then a Dense. One w_std and
    one b_std for all, and all trained but the first and the last, which may be fixed behind convolutions.
    """
    layers = architecture.layers
    pooling = _pooling(layers)
    hidden = layers[: -1 if pooling is None else -2]
    if (
        len(hidden) < 2
        or len(hidden) % 2
        or not all(any(alike(layer, relu) for relu in _RELU) for layer in hidden[1::2])
    ):
        return None
    linear = [layer for layer in (*hidden[::2], layers[-1]) if isinstance(layer, Dense | Conv)]
    kinds = [Dense if pooling is None else Conv] * (len(hidden) // 2) + [Dense]
    if [type(layer) for layer in linear] != kinds:
        return None
    if not all(_plain(layer) for layer in linear if isinstance(layer, Conv)):
        return None
    trained = [layer.trained for layer in linear]
    scales = [(layer.w_std, layer.b_std) for layer in linear]
    if not all(alike(scale, scales[0]) for scale in scales) or not all(trained[1:-1]):
        return None
    if pooling is None and not all(trained):
        return None
    return Special(Network(len(linear), linear[0].w_std, linear[0].b_std, trained[0], trained[-1]), pooling)


def _plain(conv: Conv) -> bool:
    return (conv.window, conv.stride, conv.padding, conv.dilation) == ((3, 3), (1, 1), "same", (1, 1))


def _pooling(layers: tuple[Layer, ...]) -> Pooling | None:
    if len(layers) < 2:
        return None
    return "flatten" if isinstance(layers[-2], Flatten) else "gap" if isinstance(layers[-2], GlobalAvgPool) else None
