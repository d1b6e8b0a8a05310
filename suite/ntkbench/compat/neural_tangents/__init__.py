"""The calls of neural-tangents 0.6.5, on the layers, kernels and predictions of ntkbench and on today's JAX."""

from __future__ import annotations

from typing import Any

try:
    import jax as _jax  # noqa: F401
except ModuleNotFoundError as _fault:
    raise ImportError("ntkbench.compat.neural_tangents needs JAX: pip install 'ntkbench[jax]'") from _fault

from ntkbench.compat.neural_tangents import predict, stax
from ntkbench.compat.neural_tangents.absent import absent as _absent
from ntkbench.compat.neural_tangents.batching import batch
from ntkbench.compat.neural_tangents.empirical import (
    NtkImplementation,
    empirical_kernel_fn,
    empirical_nngp_fn,
    empirical_ntk_fn,
)
from ntkbench.compat.neural_tangents.expansion import linearize, taylor_expand
from ntkbench.compat.neural_tangents.monte_carlo import monte_carlo_kernel_fn
from ntkbench.compat.neural_tangents.stax.kernel import Kernel

__all__ = [
    "Kernel",
    "NtkImplementation",
    "batch",
    "empirical_kernel_fn",
    "empirical_nngp_fn",
    "empirical_ntk_fn",
    "linearize",
    "monte_carlo_kernel_fn",
    "predict",
    "stax",
    "taylor_expand",
]


def __getattr__(name: str) -> Any:
    """Names that are not here say what to call instead."""
    raise AttributeError(_absent("neural_tangents", name, __all__))
