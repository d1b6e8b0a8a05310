"""PyTorch on the CPU or a CUDA device, TF32 off."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ntkbench.arrays.array import Array
from ntkbench.backends.protocol import Build, Capability, Cuda
from ntkbench.backends.sharing import forbid_tf32, memory_fraction
from ntkbench.errors import DeviceMissing
from ntkbench.machine.cuda import Driver
from ntkbench.machine.versions import version_of

if TYPE_CHECKING:
    import numpy as np

_PROBE = "import torch; torch.ones(8, device='cuda').sum().item(); print(torch.cuda.get_device_name())"


def _build() -> Build | None:
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    found = dict(re.findall(r"^(__version__|cuda)\b[^=\n]*= *'([^']*)'", text, re.MULTILINE))
    return Build("torch", found.get("__version__", version_of("torch")), found.get("cuda"))


def _fault(build: Build, machine: Driver, variables: Mapping[str, str]) -> str:
    if build.cuda is None:
        return f"torch {build.version} is built without CUDA: install a build of PyTorch for CUDA"
    return ""


class Torch:
    """torch, without gradients."""

    name: ClassVar[str] = "torch"
    library: ClassVar[str] = "torch"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"float64", "cuda", "autodiff"})
    packages: ClassVar[tuple[str, ...]] = ("torch",)
    variables: ClassVar[tuple[str, ...]] = ("GOMP_SPINCOUNT", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
    cuda: ClassVar[Cuda | None] = Cuda(_PROBE, _build, _fault)

    def __init__(self, device: str) -> None:
        # Threads that spin at the end of each operation wait for one that the system has put aside for another process,
        # and an operation then takes a hundred times as long; asleep after a few turns, they cost nothing measurable.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        if device == "cuda":
            forbid_tf32()
        import torch

        from ntkbench.arrays.execution import execution_of

        if device == "cuda":
            if not torch.cuda.is_available():
                raise DeviceMissing("cuda", ["backend 'torch' sees none"])
            torch.cuda.set_per_process_memory_fraction(memory_fraction())
        self.device = device
        self.execution = execution_of(torch)
        self._torch = torch
        _round_to_float32(torch)

    def asarray(self, x: Any, dtype: str) -> Array:
        import numpy as np

        # By way of NumPy: torch takes no foreign byte order and no negative strides.
        return self._torch.tensor(np.asarray(x, dtype=dtype, order="C"), device=self.device)

    def to_numpy(self, x: Array) -> np.ndarray:
        return self.execution.to_numpy(x)

    def synchronize(self, value: Any) -> None:
        self.execution.wait(value)

    def start_timer(self) -> Callable[[], float] | None:
        if self.device != "cuda":
            return None
        start, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()

        def seconds() -> float:
            end.record()
            end.synchronize()
            return float(start.elapsed_time(end)) / 1000

        return seconds

    def peak_memory(self) -> int | None:
        return int(self._torch.cuda.max_memory_allocated()) if self.device == "cuda" else None

    def reset_peak_memory(self) -> None:
        if self.device == "cuda":
            self._torch.cuda.reset_peak_memory_stats()

    def release_memory(self) -> bool:
        if self.device == "cuda":
            self._torch.cuda.empty_cache()
        return True

    def is_out_of_memory(self, error: BaseException) -> bool:
        from ntkbench.arrays.memory import ran_out_of_memory

        return ran_out_of_memory(error)

    def describe(self) -> Mapping[str, str]:
        facts = {"torch": self._torch.__version__, "torch threads": str(self._torch.get_num_threads()), "TF32": "off"}
        if self.device == "cuda":
            facts["torch device"] = self._torch.cuda.get_device_name()
            facts["torch CUDA"] = str(self._torch.version.cuda)
            limit = memory_fraction() * self._torch.cuda.get_device_properties().total_memory
            facts |= {"timer": "CUDA events", "device memory limit": f"{limit / 2**30:.1f} GiB"}
        return facts


def _round_to_float32(torch: Any) -> None:
    """No TF32 in products, convolutions and recurrent layers, said in both of torch's ways.

    The settings of before 2.9 and those since must agree: where they differ, reading the older ones raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older ones are deprecated
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    for setting in (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn):
        setting.fp32_precision = "ieee"


BACKEND = Torch
