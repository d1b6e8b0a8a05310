"""The convolutional kernels on JAX: which implementation computes them."""

from __future__ import annotations

import warnings
from typing import Any

from ntkbench.arrays.execution import execution_for, note, preferred
from ntkbench.kernels.conv import pallas_gpu
from ntkbench.kernels.gram.tiles import Progress
from ntkbench.kernels.relu.network import Network, Pooling


def kernel_matrices(
    x1: Any,
    x2: Any | None,
    network: Network,
    pooling: Pooling,
    wanted: tuple[str, ...],
    scale: float,
    progress: Progress | None,
) -> tuple[Any, ...]:
    """As `conv.kernel_matrices`, for arrays of JAX: Pallas on a GPU where it applies, XLA elsewhere."""
    from ntkbench.kernels.conv.api import array_api_matrices

    arguments = (x1, x2, network, pooling, wanted, scale, progress)
    if preferred() in (None, "pallas") and pallas_gpu.applies(x1):
        try:
            matrices = pallas_gpu.kernel_matrices(*arguments)
        except pallas_gpu.UnavailableError as error:
            warnings.warn(f"pallas does not compile here, and xla takes its place: {error}", stacklevel=2)
        else:
            note("pallas")
            return matrices
    note(execution_for(x1).name)
    return array_api_matrices(*arguments)
