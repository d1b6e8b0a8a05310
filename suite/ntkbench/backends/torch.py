"""PyTorch on the CPU or a CUDA device, TF32 off."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ntkbench.backends.protocol import Capability
from ntkbench.errors import InputError


class Torch:
    """torch, without gradients."""

    name = "torch"
    capabilities: frozenset[Capability] = frozenset({"float64", "cuda", "autodiff"})

    def __init__(self, device: str) -> None:
        # Threads that spin at the end of each operation wait for one that the system has put aside for another process,
        # and an operation then takes a hundred times as long; asleep after a few turns, they cost nothing measurable.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("backend 'torch' sees no CUDA device; use --device cpu")
        self.device = device
        self._torch = torch
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.set_grad_enabled(False)

    def asarray(self, x: Any, dtype: str) -> Any:
        import numpy as np

        # By way of NumPy: torch takes no foreign byte order and no negative strides.
        return self._torch.tensor(np.asarray(x, dtype=dtype, order="C"), device=self.device)

    def to_numpy(self, x: Any) -> Any:
        return x.detach().cpu().numpy()

    def synchronize(self, value: Any) -> None:
        if self.device == "cuda":
            self._torch.cuda.synchronize()

    def peak_memory(self) -> int | None:
        return int(self._torch.cuda.max_memory_allocated()) if self.device == "cuda" else None

    def reset_peak_memory(self) -> None:
        if self.device == "cuda":
            self._torch.cuda.reset_peak_memory_stats()

    def is_out_of_memory(self, error: BaseException) -> bool:
        cpu = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
        return cpu or isinstance(error, MemoryError | self._torch.OutOfMemoryError)

    def describe(self) -> Mapping[str, str]:
        facts = {"torch": self._torch.__version__, "torch threads": str(self._torch.get_num_threads()), "TF32": "off"}
        if self.device == "cuda":
            facts["torch device"] = self._torch.cuda.get_device_name()
            facts["torch CUDA"] = str(self._torch.version.cuda)
        return facts
