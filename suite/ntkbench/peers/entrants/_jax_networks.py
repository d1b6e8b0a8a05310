"""The networks of `ntkbench.peers.networks` as functions of JAX; runs where ntkbench is not installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TWICE = (2, 4, 6)  # blocks that halve the image


def function_of(network: str) -> Any:
    """The function of parameters by name, and inputs, images with channels last, that gives (n, O)."""
    return {"fcn": _fcn, "resnet18": _resnet}[network]


def _fcn(params: Mapping[str, Any], x: Any) -> Any:
    import jax.numpy as jnp

    for number in range(len(params) - 1):
        x = jnp.maximum(x @ params[f"w{number}"], 0.0)
    return x @ params[f"w{len(params) - 1}"]


def _resnet(params: Mapping[str, Any], x: Any) -> Any:
    import jax.numpy as jnp
    from jax import lax

    def convolution(h: Any, name: str, stride: int) -> Any:
        weight = params[name]
        around = [(weight.shape[0] // 2,) * 2] * 2
        layout = ("NHWC", "HWIO", "NHWC")
        y = lax.conv_general_dilated(h, weight, (stride, stride), around, dimension_numbers=layout)
        return y * params[f"{name}_scale"] + params[f"{name}_shift"]

    h = jnp.maximum(convolution(x, "stem", 2), 0.0)
    h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (1, 1), (0, 0)))
    for number in range(sum(name.endswith("_first") for name in params)):
        name, stride = f"block{number}", 2 if number in _TWICE else 1
        y = jnp.maximum(convolution(h, f"{name}_first", stride), 0.0)
        passed = convolution(h, f"{name}_shortcut", stride) if f"{name}_shortcut" in params else h
        h = jnp.maximum(convolution(y, f"{name}_second", 1) + passed, 0.0)
    return jnp.mean(h, axis=(1, 2)) @ params["readout"]
