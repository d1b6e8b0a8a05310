"""The convolutional kernels on torch: which formulation computes them."""

from __future__ import annotations

from typing import Any

from ntkbench.kernels.execution import execution_for, note
from ntkbench.kernels.network import Network, Pooling
from ntkbench.kernels.tiles import Progress


def kernel_matrices(
    x1: Any,
    x2: Any | None,
    network: Network,
    pooling: Pooling,
    wanted: tuple[str, ...],
    scale: float,
    progress: Progress | None,
) -> tuple[Any, ...]:
    """As `conv.kernel_matrices`, for torch tensors."""
    from ntkbench.kernels.conv import array_api_matrices

    note(execution_for(x1).name)
    return array_api_matrices(x1, x2, network, pooling, wanted, scale, progress)
