"""How a finite network computes, layer by layer, on the arrays of NumPy, JAX and torch alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.networks.finite_shapes import Linear
from ntkbench.networks.layers import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Residual,
    Serial,
)

LinearFunction = Callable[[Any], Any]
"""The input of the next linear layer, in the order of `finite_shapes.resolve` -> its output."""


def forward(layer: Layer, x: Any, linear: LinearFunction) -> Any:
    """The layer of inputs (n, ...), its dense and convolutional layers computed by `linear`."""
    xp = array_api_compat.array_namespace(x)
    match layer:
        case Serial():
            for inner in layer.layers:
                x = forward(inner, x, linear)
            return x
        case Residual():
            return forward(layer.branch, x, linear) + forward(layer.shortcut, x, linear)
        case Dense() | Conv():
            return linear(x)
        case Activation():
            return _activate(layer, xp, x)
        case AvgPool():
            windows = _windows(x, layer.window, layer.steps)
            return sum(windows[1:], windows[0]) / len(windows)
        case GlobalAvgPool():
            return xp.mean(x, axis=(1, 2))
        case Flatten():
            return xp.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
        case LayerNorm():
            centred = x - xp.mean(x, axis=-1, keepdims=True)
            return centred / xp.sqrt(xp.mean(centred * centred, axis=-1, keepdims=True) + layer.epsilon)


def linear_output(linear: Linear, parameters: dict[str, Any], x: Any, scales: tuple[float, float]) -> Any:
    """A dense or convolutional layer; the factors of its weights and biases are `scales`."""
    weight = parameters["weight"]
    y = x @ weight if isinstance(linear.layer, Dense) else _convolve(padded(linear, x), weight, linear.layer)
    y = y if scales[0] == 1.0 else y * scales[0]
    return y + scales[1] * parameters["bias"] if linear.has_bias else y


def seen(linear: Linear, x: Any) -> Any:
    """What the layer's units see at each position: (n, positions, fan-in), in the order of the weights."""
    if isinstance(linear.layer, Conv):
        windows = _windows(padded(linear, x), linear.layer.window, linear.layer.stride)
        x = array_api_compat.array_namespace(x).stack(windows, axis=3)
    return array_api_compat.array_namespace(x).reshape(x, (x.shape[0], linear.positions, linear.fan_in))


def padded(linear: Linear, x: Any) -> Any:
    """Images (n, H, W, C) with what a convolution's padding puts around them; the odd row or column comes last."""
    layer = linear.layer
    assert isinstance(layer, Conv)
    if layer.padding == "valid":
        return x
    xp = array_api_compat.array_namespace(x)
    for axis in (1, 2):
        length, window, step = x.shape[axis], layer.window[axis - 1], layer.stride[axis - 1]
        total = max((linear.output_shape[axis - 1] - 1) * step + window - length, 0)
        low, high = total // 2, total - total // 2
        device = array_api_compat.device(x)
        if layer.padding == "circular":
            # By index, since the padding may be longer than the image.
            x = xp.take(x, xp.arange(-low, length + high, device=device) % length, axis=axis)
            continue
        shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in (low, high)]
        before, after = (xp.zeros(shape, dtype=x.dtype, device=device) for shape in shapes)
        x = xp.concat([before, x, after], axis=axis) if total else x
    return x


def _activate(layer: Activation, xp: Any, x: Any) -> Any:
    # Imported here, since the kernels, to which the nonlinearities belong, import networks.
    from ntkbench.kernels.general import duals

    return duals.apply(layer, xp, x)


def _windows(x: Any, window: tuple[int, int], stride: tuple[int, int]) -> list[Any]:
    """For each place in the window, row by row, what lies there as it moves over images (n, H, W, C)."""
    rows, columns = ((x.shape[k + 1] - window[k]) // stride[k] * stride[k] + 1 for k in (0, 1))
    return [
        x[:, i : i + rows : stride[0], j : j + columns : stride[1], :]
        for i in range(window[0])
        for j in range(window[1])
    ]


def _convolve(x: Any, weight: Any, layer: Conv) -> Any:
    """Padded images (n, H, W, C) with a filter (rows, columns, C, units), by the library's own convolution."""
    if array_api_compat.is_jax_array(x):
        from jax import lax

        return lax.conv_general_dilated(x, weight, layer.stride, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    if array_api_compat.is_torch_array(x):
        from torch.nn.functional import conv2d

        y = conv2d(x.permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1), stride=layer.stride)
        return y.permute(0, 2, 3, 1)
    windows = _windows(x, layer.window, layer.stride)
    filters = weight.reshape(len(windows), *weight.shape[2:])
    return sum(w @ f for w, f in zip(windows, filters, strict=True))
