"""What is asked of JAX: everything compiled, loops as lax.scan, a donated buffer in the place of writing in place."""

from __future__ import annotations

import importlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property, partial
from itertools import chain, islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.descent import Descent, Loop
from ntkbench.arrays.jax_descent import CompiledLoop
from ntkbench.arrays.memory import available_to_host, tile_budget
from ntkbench.arrays.transforms import Function, Transforms

_ONE = np.float32(1.0)


class Jax:
    """JAX, by way of XLA."""

    name = "xla"
    xp: Any = jnp
    fast_arccos = False
    compiles = True

    def __init__(self) -> None:
        self._place = jax.jit(lax.dynamic_update_slice, donate_argnums=0)
        self._rescale = jax.jit(lambda x, factor: x * factor, donate_argnums=0)
        self._compiled: dict[Callable[..., Any], Callable[..., Any]] = {}

    def compiled(self, function: Callable[..., Any], static: tuple[str, ...]) -> Callable[..., Any]:
        if function not in self._compiled:
            self._compiled[function] = jax.jit(function, static_argnames=static)
        return self._compiled[function]

    def scan(self, step: Callable[[Any, Any], Any], carry: Any, xs: Sequence[Array]) -> Any:
        return lax.scan(lambda c, x: (step(c, x), None), carry, tuple(xs))[0]

    def each(self, function: Callable[[Any], Any], items: Iterable[Any], x: Array) -> Iterator[Any]:
        # XLA runs loops on one core of a CPU, but several of them at once. Such settings belong to a thread.
        double, workers = jax.config.jax_enable_x64, (os.cpu_count() or 1) if self.on_cpu(x) else 1

        def run(item: Any) -> Any:
            with _enable_x64(double), self.standard(x):
                return jax.block_until_ready(function(item))

        waiting = iter(items)
        first = list(islice(waiting, 2))
        if len(first) < 2:  # starting threads for one would take longer than what is small
            yield from map(run, first)
            return
        with ThreadPoolExecutor(workers) as pool:
            pending: deque[Future[Any]] = deque()
            for item in chain(first, waiting):
                pending.append(pool.submit(run, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def either(self, condition: Array, function: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        return lax.cond(condition, function, otherwise)

    def double(self) -> AbstractContextManager[Any]:
        # Outside the suite JAX may still have its default: float32 in the place of every float64.
        return _enable_x64(True)

    @contextmanager
    def standard(self, x: Array) -> Iterator[None]:
        products = jax.default_matmul_precision("highest")
        with products, jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
            yield

    def wait(self, value: Any) -> None:
        jax.block_until_ready(value)

    def to_numpy(self, x: Array) -> np.ndarray:
        return np.asarray(x)

    def from_numpy(self, x: np.ndarray, like: Array) -> Array:
        # jnp.asarray would compile a program for each shape.
        return jax.device_put(x, array_api_compat.device(like))

    def on_cpu(self, x: Array) -> bool:
        if self.differentiated(x):
            return bool(jax.default_backend() == "cpu")
        return bool(next(iter(x.devices())).platform == "cpu")

    def free_memory(self, x: Array) -> int | None:
        device = array_api_compat.device(x)
        if getattr(device, "platform", None) == "cpu":
            return available_to_host()
        statistics = (device.memory_stats() if hasattr(device, "memory_stats") else None) or {}
        if "bytes_limit" not in statistics:
            return None
        return int(statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))

    def budget(self, x: Array) -> int:
        return tile_budget(self, x)

    def box(self, field: Array, axis: int, seam: Any, step: int = 1) -> Array:
        ones = (1,) * field.ndim
        window, apart, padding = list(ones), list(ones), [(0, 0)] * field.ndim
        window[axis], apart[axis], padding[axis] = 3, step, (step, step)
        # Computed once and stored: XLA would compute it anew for each neighbour.
        field = lax.optimization_barrier(field)
        # A window is several times as fast as sums of shifted copies.
        total = lax.reduce_window(field, field.dtype.type(0), lax.add, window, ones, padding, window_dilation=apart)
        if isinstance(seam, int) and seam == 0:
            return total
        # The window knows no seam: what it carried across is taken off again, on both sides.
        before, after = jnp.maximum(seam - 1, 0), seam
        for here, there in ((after, before), (before, after)):
            across = lax.dynamic_index_in_dim(field, there, axis) * (seam > 0)
            row = lax.dynamic_index_in_dim(total, here, axis) - across
            total = lax.dynamic_update_index_in_dim(total, row, here, axis)
        return total

    def roll(self, field: Array, shift: Any, axis: int) -> Array:
        return jnp.roll(field, -shift, axis=axis)

    def place(self, out: Array, tile: Array, row: int, column: int) -> Array:
        return self._place(out, tile, (row, column))

    def rescaled(self, x: Array, factor: float) -> Array:
        return self._rescale(x, factor)

    def special(self, name: str) -> Callable[[Array], Array]:
        function: Callable[[Array], Array] = getattr(importlib.import_module("jax.scipy.special"), name)
        return function

    def matmul(self, a: Array, b: Array) -> Array:
        # That of jax.numpy names the dtype of the result, which is none where the derivative is transposed.
        batch = tuple(range(min(a.ndim, b.ndim) - 2))
        products = lax.dot_general(a, b, (((a.ndim - 1,), (b.ndim - 2,)), (batch, batch)))
        return jnp.moveaxis(products, 0, -2) if a.ndim < b.ndim else products

    def halfwords(self, x: Array) -> Array:
        words = lax.bitcast_convert_type(lax.stop_gradient(x), jnp.uint16)
        return jnp.reshape(words, (x.shape[0], words.shape[1] * words.shape[2])).astype(jnp.uint32)

    def relu(self, x: Array) -> Array:
        return jnp.where(x <= 0.0, jnp.zeros_like(x), x)

    def call(self, function: Callable[[Array], Array], x: Array) -> Array:
        try:
            return function(x)
        except jax.errors.TracerArrayConversionError:
            like = jax.ShapeDtypeStruct(x.shape, x.dtype)
            return jax.pure_callback(lambda v: np.asarray(function(np.asarray(v)), dtype=v.dtype), like, x)

    def convolve(self, x: Array, filters: Array, stride: tuple[int, ...], dilation: tuple[int, ...]) -> Array:
        axes = "DHW"[-len(stride) :]
        layout = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
        return lax.conv_general_dilated(x, filters, stride, "VALID", rhs_dilation=dilation, dimension_numbers=layout)

    def cholesky(self, matrix: Array) -> Array | None:
        return jnp.linalg.cholesky(matrix)

    def solve_cholesky(self, factor: Array, b: Array) -> Array:
        return jax.scipy.linalg.cho_solve((factor, True), b)

    def solve_triangular(self, factor: Array, b: Array, *, transposed: bool = False) -> Array:
        return jax.scipy.linalg.solve_triangular(factor, b, lower=True, trans=int(transposed))

    @cached_property
    def transforms(self) -> Transforms:
        return _Transforms()

    def traced(self, *values: Any) -> bool:
        # While jit makes a program, it takes what is done to constants into it, too.
        arrays = [v for v in values if isinstance(v, jax.Array)]
        return self.differentiated(*arrays) or (bool(arrays) and self.differentiated(lax.add(_ONE, _ONE)))

    def differentiated(self, *values: Any) -> bool:
        # Which transform traces, grad or another, does not show.
        return any(isinstance(v, jax.core.Tracer) for v in values)

    def with_partials(self, function: Function, partials: Function) -> Function:
        ruled = jax.custom_jvp(function)

        def rule(primals: Any, tangents: Any) -> Any:
            results = ruled(*primals)
            moved = []
            for result, row in zip(results, partials(*primals), strict=True):
                total = sum(part * tangent for part, tangent in zip(row, tangents, strict=True))
                moved.append(jnp.broadcast_to(total, result.shape).astype(result.dtype))
            return results, tuple(moved)

        ruled.defjvp(rule)
        composed: Function = ruled
        return composed

    def with_derivative(self, function: Function, instead: Function) -> Function:
        both = jax.custom_jvp(function)
        both.defjvp(partial(jax.jvp, instead))
        composed: Function = both
        return composed

    def constant(self, x: Array) -> Array:
        return lax.stop_gradient(x)

    def outside(self, x: Array) -> Array:
        # Values in float64 may be looked at; but without jax_enable_x64 JAX traces and differentiates none.
        return lax.convert_element_type(x, jax.dtypes.canonicalize_dtype(x.dtype)) if self.differentiated(x) else x

    def watched(self, x: Array, where: Callable[[], Array], message: str) -> Array:
        # What is differentiated here is traced, and has no values.
        return x

    def descend(self, descent: Descent, trained: Any, fixed: Any) -> Loop:
        return CompiledLoop(descent, trained, fixed)


def _enable_x64(enabled: bool) -> AbstractContextManager[Any]:
    home = jax if hasattr(jax, "enable_x64") else jax.experimental
    block: AbstractContextManager[Any] = home.enable_x64(enabled)
    return block


class _Transforms:
    def __init__(self) -> None:
        self.jacobian = jax.jacrev
        self.vmap = jax.vmap

    def vjp(self, function: Function, at: Any) -> tuple[Function, Any]:
        _, back, aside = jax.vjp(function, at, has_aux=True)
        return lambda cotangent: back(cotangent)[0], aside

    def jvp(self, function: Function, at: Any, direction: Any) -> Any:
        return jax.jvp(function, (at,), (direction,))[1]

    def outline(self, function: Function, *arguments: Any) -> Any:
        return jax.eval_shape(function, *arguments)

    def constant(self) -> AbstractContextManager[Any]:
        return nullcontext()


EXECUTION = Jax()
