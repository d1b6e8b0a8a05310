"""The suite's own kernels and solvers on PyTorch."""

from __future__ import annotations

from functools import partial

from ntkbench.peers import ours

NAME = "torch"
KINDS = ("fc", "cntk", "empirical", "regression", "network")
PACKAGES = ("ntkbench", "torch", "numpy")

prepare = partial(ours.prepare, NAME)
implementation = ours.implementation
