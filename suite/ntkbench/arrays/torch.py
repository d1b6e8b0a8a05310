"""What is asked of torch: operations one by one, on a processor or a CUDA device, and its derivatives."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.descent import Descent, Loop
from ntkbench.arrays.eager import Eager
from ntkbench.arrays.memory import available_to_host
from ntkbench.arrays.transforms import Function, Transforms
from ntkbench.arrays.trees import leaves, mapped


class Torch(Eager):
    """torch, uncompiled."""

    fast_arccos = True

    @contextmanager
    def standard(self, x: Array) -> Iterator[None]:
        products, dtype = torch.get_float32_matmul_precision(), torch.get_default_dtype()
        default = torch.get_default_device()
        elsewhere = default.type not in ("cpu", x.device.type)
        with torch.autocast(x.device.type, enabled=False), torch.device(x.device) if elsewhere else nullcontext():
            torch.set_float32_matmul_precision("highest")
            torch.set_default_dtype(torch.float32)
            try:
                yield
            finally:
                torch.set_float32_matmul_precision(products)
                torch.set_default_dtype(dtype)

    def either(self, condition: Array, function: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        if not self.traced(condition):
            return super().either(condition, function, otherwise)
        return tuple(torch.where(condition, a, b) for a, b in zip(function(), otherwise(), strict=True))

    def wait(self, value: Any) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()

    def to_numpy(self, x: Array) -> np.ndarray:
        found: np.ndarray = x.detach().cpu().numpy()
        return found

    def on_cpu(self, x: Array) -> bool:
        return bool(x.device.type == "cpu")

    def free_memory(self, x: Array) -> int | None:
        if x.device.type == "cuda":
            reserved = torch.cuda.memory_reserved(x.device) - torch.cuda.memory_allocated(x.device)
            return int(torch.cuda.mem_get_info(x.device)[0] + reserved)
        return available_to_host() if self.on_cpu(x) else None

    def special(self, name: str) -> Callable[[Array], Array]:
        function: Callable[[Array], Array] = getattr(importlib.import_module("torch.special"), name)
        return function

    def halfwords(self, x: Array) -> Array:
        bits = x.detach().view(torch.int64 if x.dtype == torch.float64 else torch.int32).to(torch.int64)
        return torch.cat([bits >> shift & 0xFFFF for shift in range(0, 8 * x.dtype.itemsize, 16)], dim=1)

    def relu(self, x: Array) -> Array:
        # A choice for each entry would take as long as a matrix product.
        return x.relu()

    def call(self, function: Callable[[Array], Array], x: Array) -> Array:
        with warnings.catch_warnings():
            # NumPy's word to torch, when a function of NumPy arrays meets a tensor.
            warnings.filterwarnings("ignore", "__array_wrap__ must accept", DeprecationWarning)
            return super().call(function, x)

    def convolve(self, x: Array, filters: Array, stride: tuple[int, ...], dilation: tuple[int, ...]) -> Array:
        axes = len(stride)
        # Channels come first in torch, units before channels.
        first, filters = x.movedim(-1, 1), filters.permute(axes + 1, axes, *range(axes))
        convolution = (torch.nn.functional.conv1d, torch.nn.functional.conv2d, torch.nn.functional.conv3d)[axes - 1]
        return convolution(first, filters, stride=stride, dilation=dilation).movedim(1, -1)

    def cholesky(self, matrix: Array) -> Array | None:
        factor, fault = torch.linalg.cholesky_ex(matrix)
        return torch.where(fault == 0, factor, torch.nan)

    def solve_cholesky(self, factor: Array, b: Array) -> Array:
        return torch.cholesky_solve(b, factor)

    def solve_triangular(self, factor: Array, b: Array, *, transposed: bool = False) -> Array:
        return torch.linalg.solve_triangular(factor.mT if transposed else factor, b, upper=transposed)

    @cached_property
    def transforms(self) -> Transforms:
        return _Transforms()

    def traced(self, *values: Any) -> bool:
        return torch.compiler.is_compiling() or any(isinstance(v, torch.Tensor) and _hidden(v) for v in values)

    def differentiated(self, *values: Any) -> bool:
        tensors = [v for v in values if isinstance(v, torch.Tensor)]
        return any((v.requires_grad and torch.is_grad_enabled()) or _has_tangent(v) or _hidden(v) for v in tensors)

    def with_partials(self, function: Function, partials: Function) -> Function:
        ruled = _ruled(function, partials)

        def call(*arrays: Array) -> Any:
            return ruled(*arrays) if self.differentiated(*arrays) else function(*arrays)

        return call

    def constant(self, x: Array) -> Array:
        return x.detach()

    def watched(self, x: Array, where: Callable[[], Array], message: str) -> Array:
        if not (x.requires_grad and torch.is_grad_enabled()) or self.traced(x):
            return x
        places = where().detach()

        def look(slope: torch.Tensor) -> None:
            # While the first derivative is made: it is itself followed where another one may be asked for.
            if torch.is_grad_enabled() and not self.traced(slope) and bool(((slope != 0) & places).any()):
                warnings.warn(message, UserWarning, stacklevel=2)

        x.register_hook(look)
        return x

    def descend(self, descent: Descent, trained: Any, fixed: Any) -> Loop:
        return _Loop(descent, trained, fixed)


def _ruled(function: Function, partials: Function) -> Function:
    class Ruled(torch.autograd.Function):  # type: ignore[misc]
        """Saves its arguments, of which both directions make the derivatives."""

        generate_vmap_rule = True

        @staticmethod
        def forward(*arrays: torch.Tensor) -> Any:
            return function(*arrays)

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, *slopes: torch.Tensor) -> Any:
            arrays = ctx.saved_tensors
            rows = partials(*arrays)
            totals = (
                sum(slope * row[k] for slope, row in zip(slopes, rows, strict=True)).sum_to_size(x.shape)
                if ctx.needs_input_grad[k]
                else None
                for k, x in enumerate(arrays)
            )
            return tuple(totals)

        @staticmethod
        def jvp(ctx: Any, *tangents: torch.Tensor | None) -> Any:
            rows = partials(*ctx.saved_tensors)
            return tuple(
                sum(part * tangent for part, tangent in zip(row, tangents, strict=True) if tangent is not None)
                for row in rows
            )

    ruled: Function = Ruled.apply
    return ruled


def _hidden(x: torch.Tensor) -> bool:
    """Whether it stands for numbers that it does not have, inside torch.func's transforms or a compiler."""
    try:
        x.detach().reshape(-1)[:0].cpu().numpy()
    except (RuntimeError, TypeError):
        return True
    return False


def _has_tangent(x: torch.Tensor) -> bool:
    return torch.autograd.forward_ad.unpack_dual(x).tangent is not None


class _Transforms:
    def __init__(self) -> None:
        import torch.func

        self.jacobian = torch.func.jacrev
        self.vmap = torch.func.vmap
        with warnings.catch_warnings():
            # The first derivative forwards makes torch compile some of its own code in a way that it warns of.
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.func.jvp(torch.sin, (torch.zeros(()),), (torch.zeros(()),))

    def vjp(self, function: Function, at: Any) -> tuple[Function, Any]:
        _, back, aside = torch.func.vjp(function, at, has_aux=True)
        return lambda cotangent: back(cotangent)[0], aside

    def jvp(self, function: Function, at: Any, direction: Any) -> Any:
        return torch.func.jvp(function, (at,), (direction,))[1]

    def outline(self, function: Function, *arguments: Any) -> Any:
        return function(*arguments)

    def constant(self) -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = torch.no_grad()
        return block


class _Loop:
    """Autograd and updates in place, step by step.

    Uncompiled: a step is its matrix products, of which torch.compile saves at most a sixth (on two CPU cores: widths
    256 to 4096, 1 to 4 hidden layers), while it takes 2 to 30 seconds for each network and shape.
    """

    def __init__(self, descent: Descent, trained: Any, fixed: Any) -> None:
        self._descent, self._fixed = descent, fixed
        self._trained = mapped(lambda w: w.detach().clone().requires_grad_(), trained)
        self._weights = leaves(self._trained)
        self._velocity = [torch.zeros_like(w) for w in self._weights]
        self._order = None if descent.order is None else torch.asarray(descent.order, device=descent.x.device)

    @property
    def trained(self) -> Any:
        return mapped(lambda w: w.detach(), self._trained)

    def advance(self, start: int, stop: int, limit: float) -> int | None:
        descent = self._descent
        x, y = descent.x, descent.y
        for now in range(start, stop):
            if self._order is not None:
                x, y = (part[self._order[now]] for part in (descent.x, descent.y))
            with torch.enable_grad():
                error = descent.outputs(self._trained, self._fixed, x) - y
                value = 0.5 * descent.scale * torch.sum(error * error)
                slope = torch.autograd.grad(value, self._weights)
            if not float(value.detach()) <= limit:
                return now
            with torch.no_grad():
                self._move(slope)
        return None

    def _move(self, slope: Any) -> None:
        descent = self._descent
        if not descent.momentum:
            torch._foreach_add_(self._weights, slope, alpha=-descent.rate)
            return
        torch._foreach_mul_(self._velocity, descent.momentum)
        torch._foreach_add_(self._velocity, slope, alpha=-descent.rate)
        torch._foreach_add_(self._weights, self._velocity)

    def outputs(self, x: Array) -> np.ndarray:
        with torch.no_grad():
            found: np.ndarray = self._descent.outputs(self.trained, self._fixed, x).cpu().numpy()
        return found


EXECUTION = Torch("aten", array_api_compat.array_namespace(torch.empty(0)))
