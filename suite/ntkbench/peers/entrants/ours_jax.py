"""The suite's own kernels and solvers on JAX."""

from __future__ import annotations

from functools import partial

from ntkbench.peers import ours

NAME = "jax"
KINDS = ("fc", "cntk", "empirical", "regression", "network")
PACKAGES = ("ntkbench", "jax", "jaxlib", "numpy")

prepare = partial(ours.prepare, NAME)
implementation = ours.implementation
