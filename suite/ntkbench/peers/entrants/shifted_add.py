"""The CNTK as anybody would write it in JAX: whole covariances, a convolution as nine shifted adds, one jit.

What a library's general machinery costs shows beside it; so does what the decomposition by displacements gains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

NAME = "shifted-add"
KINDS = ("cntk",)
PACKAGES = ("jax", "jaxlib", "numpy")


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """NNGP and NTK for depth - 1 convolutions with ReLU, pooling and a readout; w_std^2 = 2, no biases."""
    import jax

    x1 = jax.device_put(arrays["x1"])
    x2 = jax.device_put(arrays["x2"]) if "x2" in arrays else x1
    compiled = jax.jit(lambda a, b: _kernels(a, b, workload["depth"], workload["pooling"]))
    return lambda: jax.block_until_ready(compiled(x1, x2))


def implementation() -> str:
    """XLA compiles all of it."""
    return "xla"


def _kernels(x1: Any, x2: Any, depth: int, pooling: str) -> tuple[Any, Any]:
    import jax
    import jax.numpy as jnp

    flatten = pooling == "flatten"
    covariance = jnp.einsum("ahwc,bhwc->abhw" if flatten else "ahwc,bijc->abhwij", x1, x2) / x1.shape[-1]
    variances = [jnp.mean(x * x, axis=-1) for x in (x1, x2)]

    def box(field: Any) -> Any:
        # The same shift of both positions; the first axes are of images.
        spatial = 2 if field.ndim in (3, 4) else 4
        first = field.ndim - spatial
        padded = jnp.pad(field, [(0, 0)] * first + [(1, 1)] * spatial)
        total = jnp.zeros_like(field)
        for row in range(3):
            for column in range(3):
                starts = (row, column) * (spatial // 2)
                here = [slice(s, s + n) for s, n in zip(starts, field.shape[first:], strict=True)]
                total = total + padded[(slice(None),) * first + tuple(here)]
        return total / 9

    def product(s1: Any, s2: Any) -> Any:
        if flatten:
            return s1[:, None] * s2[None, :]
        return s1[:, None, :, :, None, None] * s2[None, :, None, None, :, :]

    def layer(_: int, carry: Any) -> Any:
        nngp, ntk, v1, v2 = carry
        nngp, ntk, v1, v2 = (2.0 * box(field) for field in (nngp, ntk, v1, v2))
        ntk = ntk + nngp
        scale = product(jnp.sqrt(v1), jnp.sqrt(v2))
        rho = jnp.clip(nngp / scale, -1.0, 1.0)
        angle = math.pi - jnp.arccos(rho)
        nngp = scale * (jnp.sqrt(1.0 - rho * rho) + rho * angle) / (2 * math.pi)
        return nngp, ntk * angle / (2 * math.pi), v1 / 2, v2 / 2

    # A loop: layers written out one after another make XLA compute them several times.
    carry = (covariance, jnp.zeros_like(covariance), *variances)
    nngp, ntk, _, _ = jax.lax.fori_loop(0, depth - 1, layer, carry)
    positions = tuple(range(2, nngp.ndim))
    output = 2.0 * jnp.mean(nngp, axis=positions)
    return output, output + 2.0 * jnp.mean(ntk, axis=positions)
