"""torch.func: the empirical NTK by vector products, as its tutorial has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NAME = "torch.func vector products"
KINDS = ("network",)
PACKAGES = ("torch", "numpy")


def refuses(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """What does not fit into memory."""
    from ntkbench.peers.torch_recipes import too_large

    return too_large(workload, arrays)


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """The kernel of the network with the given weights."""
    from ntkbench.peers.torch_recipes import prepared, vector_products

    return prepared(workload, arrays, vector_products)


def implementation() -> str:
    """How derivatives are contracted."""
    return "vector products, aten"
