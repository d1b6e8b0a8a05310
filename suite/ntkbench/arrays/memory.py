"""Memory where an array lies: what is free, what a Gram matrix needs, and whether an error says that it ran out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ntkbench._vendor import array_api_compat

_RAN_OUT = ("RESOURCE_EXHAUSTED", "ALLOC_FAILED", "can't allocate memory")  # of XLA, of NVIDIA's libraries, of torch


def available(like: Any) -> int | None:
    """Bytes that are free where the array `like` lies; None where that is not known."""
    device = array_api_compat.device(like)
    if getattr(device, "type", None) == "cuda":
        import torch

        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + reserved)
    if str(getattr(device, "platform", getattr(device, "type", device))) != "cpu":
        return _available_to_jax(device)
    try:
        import psutil
    except ImportError:
        return _available_to_linux()
    return int(psutil.virtual_memory().available)


def check_room(like: Any, shape: tuple[int, int], outputs: int) -> None:
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


def _available_to_jax(device: Any) -> int | None:
    statistics = (device.memory_stats() if hasattr(device, "memory_stats") else None) or {}
    if "bytes_limit" not in statistics:
        return None
    return int(statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))


def _available_to_linux() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
