"""torch.func: the empirical NTK by contraction, as its tutorial has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NAME = "torch.func contraction"
KINDS = ("network",)
PACKAGES = ("torch", "numpy")


def refuses(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """What does not fit into memory."""
    from ntkbench.peers.torch_recipes import too_large

    return too_large(workload, arrays)


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """The kernel of the network with the given weights."""
    from ntkbench.peers.torch_recipes import contraction, prepared

    return prepared(workload, arrays, contraction)


def implementation() -> str:
    """How derivatives are contracted."""
    return "contraction, aten"
