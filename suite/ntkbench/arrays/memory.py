"""Memory where an array lies: what is free, what a Gram matrix needs, and whether an error says that it ran out."""

from __future__ import annotations

from pathlib import Path

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for

# One core's share of the last-level cache: a tile's fields then stay near the core between layers.
_CPU_BUDGET = 16 * 2**20
# A GPU is busy with far less, and larger tiles compute more of the other triangle along the diagonal.
_GPU_BUDGET = 2**30
_GPU_SHARE = 4  # of what is free now, a part: compilers and libraries need working memory of their own
_RAN_OUT = ("RESOURCE_EXHAUSTED", "ALLOC_FAILED", "can't allocate memory")  # of XLA, of NVIDIA's libraries, of torch


def available(like: Array) -> int | None:
    """Bytes that are free where the array `like` lies; None where that is not known."""
    return execution_for(like).free_memory(like)


def available_to_host() -> int | None:
    """Bytes that are free in the memory of the processor; None where that is not known."""
    try:
        import psutil
    except ImportError:
        return _available_to_linux()
    return int(psutil.virtual_memory().available)


def tile_budget(execution: Execution, x: Array) -> int:
    """Bytes that the working arrays of one tile may take where `x` lies."""
    if execution.on_cpu(x):
        return _CPU_BUDGET
    free = execution.free_memory(x)
    return _GPU_BUDGET if free is None else min(_GPU_BUDGET, free // _GPU_SHARE)


def check_room(like: Array, shape: tuple[int, int], outputs: int) -> None:
    """Raise MemoryError when `outputs` matrices of `shape`, with the dtype of `like`, do not fit beside it."""
    needed, free = outputs * shape[0] * shape[1] * int(like.dtype.itemsize), available(like)
    if free is not None and needed > free:
        matrices = "a Gram matrix" if outputs == 1 else f"{outputs} Gram matrices"
        dtype = str(like.dtype).rpartition(".")[2]
        raise MemoryError(
            f"{matrices} of {shape[0]} x {shape[1]} {dtype} numbers take {gibibytes(needed)}, and {gibibytes(free)} "
            f"are free: use fewer inputs{'' if dtype == 'float32' else ', float32'}, or some rows at a time (x1[:1000])"
        )


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory ran out, the host's or a device's, in whichever library."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _RAN_OUT)


def gibibytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 2**30:,.3g} GiB" if count < 1000 * 2**30 else f"{count / 2**40:,.3g} TiB"


def _available_to_linux() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
