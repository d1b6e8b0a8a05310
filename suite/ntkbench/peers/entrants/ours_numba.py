"""The suite's own kernels and solvers on numba."""

from __future__ import annotations

from functools import partial

from ntkbench.peers import ours

NAME = "numba"
KINDS = ("fc", "cntk", "regression")
PACKAGES = ("ntkbench", "numba", "numpy", "scipy")

prepare = partial(ours.prepare, NAME)
implementation = ours.implementation
