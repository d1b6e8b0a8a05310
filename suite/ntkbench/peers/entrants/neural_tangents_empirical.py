"""neural-tangents: the empirical NTK by structured derivatives, its fastest way for dense networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NAME = "neural-tangents"
KINDS = ("empirical",)
PACKAGES = ("neural-tangents", "jax", "jaxlib", "numpy")


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """The kernel of the network with the given weights; its trace over outputs is their mean, as ours is."""
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


def implementation() -> str:
    """How derivatives are contracted."""
    return "structured derivatives, xla"
