"""The convolutional kernels on torch: which implementation computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ntkbench.arrays import inductor
from ntkbench.arrays.execution import execution_for, note, preferred
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
    """As `conv.kernel_matrices`, for torch tensors.

    Triton on a GPU, inductor on the CPU where the work is worth compiling for, both for float32 alone; otherwise, and
    with a warning where these are not to be had, torch's own operations.
    """
    from ntkbench.kernels.conv.api import array_api_matrices

    arguments = (x1, x2, network, pooling, wanted, scale, progress)
    name = _implementation(x1, x2, network, pooling)
    if name != "aten":
        try:
            matrices = _faster(name)(*arguments)
        except inductor.UnavailableError as error:
            inductor.warn_of_fallback(name, error)
        else:
            note(name)
            return matrices
    note(execution_for(x1).name)
    return array_api_matrices(*arguments)


def _implementation(x1: Any, x2: Any | None, network: Network, pooling: Pooling) -> str:
    arrays = (x1,) if x2 is None else (x1, x2)
    if inductor.suits(*arrays):
        on_gpu = x1.device.type == "cuda" and preferred() in (None, "triton")
        # Asked for, Triton takes tensors of the CPU too: its interpreter does.
        if on_gpu or preferred() == "triton":
            return "triton"
        n1, height, width, _ = x1.shape
        pairs = n1 * (n1 + 1) // 2 if x2 is None else n1 * x2.shape[0]
        fields = 1 if pooling == "flatten" else height * width
        if inductor.applies(pairs * network.depth * height * width * fields, *arrays):
            return "inductor"
    return "aten"


def _faster(name: str) -> Callable[..., tuple[Any, ...]]:
    if name == "inductor":
        from ntkbench.kernels.conv import inductor_cpu

        return inductor_cpu.kernel_matrices
    try:
        from ntkbench.kernels.conv import triton_gpu
    except ImportError as error:
        raise inductor.UnavailableError(str(error)) from error
    return triton_gpu.kernel_matrices
