"""neural-tangents: the empirical NTK by structured derivatives, its fastest way for dense networks."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

NAME = "neural-tangents"
KINDS = ("empirical", "network")
PACKAGES = ("neural-tangents", "jax", "jaxlib", "numpy")


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """The kernel of the network with the given weights; its trace over outputs is their mean, as ours is."""
    if workload["kind"] == "network":
        return whole(workload, arrays, "STRUCTURED_DERIVATIVES")
    import jax
    import neural_tangents as nt
    from neural_tangents import stax

    scale = {"W_std": 2**0.5, "b_std": None}
    sizes = (workload["width"], workload["width"], workload["outputs"])
    first, second, last = (stax.Dense(size, **scale) for size in sizes)
    _, apply, _ = stax.serial(first, stax.Relu(), second, stax.Relu(), last)
    w0, w1, w2 = (jax.device_put(arrays[f"w{k}"]) for k in range(3))
    params = ((w0, None), (), (w1, None), (), (w2, None))
    x = jax.device_put(arrays["x1"])
    structured = nt.NtkImplementation.STRUCTURED_DERIVATIVES
    kernel_fn = jax.jit(nt.empirical_ntk_fn(apply, trace_axes=(-1,), vmap_axes=0, implementation=structured))
    return lambda: jax.block_until_ready(kernel_fn(x, None, params))


def whole(workload: Mapping[str, Any], arrays: Mapping[str, Any], way: str) -> Callable[[], Any]:
    """The kernel of all pairs of outputs, by the implementation of this name."""
    import jax
    import neural_tangents as nt

    function_of = runpy.run_path(str(Path(__file__).with_name("_jax_networks.py")))["function_of"]
    params = {name: jax.device_put(array) for name, array in arrays.items() if name != "x1"}
    x = jax.device_put(arrays["x1"])
    options = {"trace_axes": (), "vmap_axes": 0, "implementation": nt.NtkImplementation[way]}
    kernel_fn = jax.jit(nt.empirical_ntk_fn(function_of(workload["network"]), **options))
    return lambda: jax.block_until_ready(kernel_fn(x, None, params))


def too_large(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """That derivatives by all parameters do not fit, where they do not; the system would end what it likes."""
    parameters = sum(array.size for name, array in arrays.items() if name != "x1")
    needed = 2 * workload["n"] * workload["outputs"] * parameters * arrays["x1"].itemsize
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:") and needed > int(line.split()[1]) * 1024:
            return f"derivatives by all parameters take {needed / 2**30:.3g} GiB"
    return ""


def implementation() -> str:
    """How derivatives are contracted."""
    return "structured derivatives, xla"
