"""neural-tangents: kernels of infinite width, compiled whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NAME = "neural-tangents"
KINDS = ("fc", "cntk")
PACKAGES = ("neural-tangents", "jax", "jaxlib", "numpy")


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """NNGP and NTK in the parametrisation and with the weights of ours."""
    import jax
    from neural_tangents import stax

    scale = {"W_std": 2**0.5, "b_std": None}
    hidden, readout = workload["depth"] - 1, stax.Dense(1, **scale)
    if workload["kind"] == "fc":
        layers = [layer for _ in range(hidden) for layer in (stax.Dense(1, **scale), stax.Relu())]
    else:
        convolution = stax.Conv(1, (3, 3), padding="SAME", **scale)
        layers = [layer for _ in range(hidden) for layer in (convolution, stax.Relu())]
        layers.append(stax.Flatten() if workload["pooling"] == "flatten" else stax.GlobalAvgPool())
    kernel_fn = stax.serial(*layers, readout)[2]
    x = [jax.device_put(arrays["x1"]), jax.device_put(arrays["x2"]) if "x2" in arrays else None]
    compiled = jax.jit(lambda x1, x2: tuple(kernel_fn(x1, x2, ("nngp", "ntk"))))
    return lambda: jax.block_until_ready(compiled(*x))


def implementation() -> str:
    """XLA compiles all of it."""
    return "xla"
