"""How array-API mathematics is carried out by each library: compiling, repeating, and writing a tile in its place.

The mathematics is written once; what differs between libraries is here and nowhere else.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.memory import available

_USED: ContextVar[set[str] | None] = ContextVar("used", default=None)
_PREFERRED: ContextVar[str | None] = ContextVar("preferred", default=None)


@contextmanager
def implementations() -> Iterator[set[str]]:
    """Collect the names of the kernel implementations that run inside the block."""
    used: set[str] = set()
    token = _USED.set(used)
    try:
        yield used
    finally:
        _USED.reset(token)


def note(implementation: str) -> None:
    """Tell `implementations` that one is running."""
    used = _USED.get()
    if used is not None:
        used.add(implementation)


def noted() -> frozenset[str]:
    """The implementations that `implementations` has been told of so far."""
    return frozenset(_USED.get() or ())


@contextmanager
def prefer(implementation: str) -> Iterator[None]:
    """Let kernels inside the block take this implementation wherever it applies, however small the work.

    Left alone, each takes the fastest for the size of its work, compiling included.
    """
    token = _PREFERRED.set(implementation)
    try:
        yield
    finally:
        _PREFERRED.reset(token)


def preferred() -> str | None:
    """The implementation that `prefer` asks for, if any."""
    return _PREFERRED.get()


class Execution(Protocol):
    """What the array-API kernels need of a library beyond its array namespace `xp`."""

    name: str
    xp: Any

    def compiled(self, function: Callable[..., Any], static: tuple[str, ...]) -> Callable[..., Any]:
        """`function`, compiled where the library compiles; `static` names its arguments that are no arrays."""

    def scan(self, step: Callable[[Any, Any], Any], carry: Any, xs: Sequence[Any]) -> Any:
        """The carry after `step(carry, x)` for each x along the first axis of every array in `xs`."""

    def box(self, field: Any, axis: int, seam: Any, step: int = 1) -> Any:
        """Sums over three neighbours `step` apart along `axis`, zero beyond the ends; none reaches across the seam.

        The seam lies before index `seam`; 0 is no seam. `seam` may be an array of the library where `step` is 1.
        """

    def roll(self, field: Any, shift: Any, axis: int) -> Any:
        """field[i + shift] along `axis`, cyclically; `shift` may be an array of the library."""

    def each(self, function: Callable[[Any], Any], items: Iterable[Any], x: Any) -> Iterator[Any]:
        """function(item) for the items in their order, on as many cores near `x` as the library itself leaves idle."""

    def place(self, out: Any, tile: Any, row: int, column: int) -> Any:
        """`out` with `tile` written at (row, column); the argument `out` must not be used again."""

    def double(self) -> AbstractContextManager[Any]:
        """A block in which the library computes in float64 where it is asked to."""

    def budget(self, x: Any) -> int:
        """Bytes that the working arrays of one tile may take on the device of `x`."""


def execution_for(*arrays: Any) -> Execution:
    """The execution that fits the arrays' library. Raises TypeError for mixed or unknown libraries."""

    namespaces = {array_api_compat.array_namespace(x) for x in arrays}
    if len(namespaces) != 1:
        raise TypeError("all arrays must come from one library")
    xp = namespaces.pop()
    x = arrays[0]
    if array_api_compat.is_jax_array(x):
        return _jax()
    if array_api_compat.is_torch_array(x):
        return _Eager("aten", xp)
    if array_api_compat.is_numpy_array(x):
        return _Eager("numpy", xp)
    raise TypeError(f"no kernels for arrays of type {type(x).__name__}")


# One core's share of the last-level cache: a tile's fields then stay near the core between layers.
_CPU_BUDGET = 16 * 2**20
# A GPU is busy with far less, and larger tiles compute more of the other triangle along the diagonal.
_GPU_BUDGET = 2**30
_GPU_SHARE = 4  # of what is free now, a part: compilers and libraries need working memory of their own


def _gpu_budget(x: Any) -> int:
    free = available(x)
    return _GPU_BUDGET if free is None else min(_GPU_BUDGET, free // _GPU_SHARE)


class _Eager:
    """Libraries that carry operations out one by one and write in place: NumPy and torch."""

    def __init__(self, name: str, xp: Any) -> None:
        self.name = name
        self.xp = xp

    def compiled(self, function: Callable[..., Any], static: tuple[str, ...]) -> Callable[..., Any]:
        return function

    def scan(self, step: Callable[[Any, Any], Any], carry: Any, xs: Sequence[Any]) -> Any:
        for i in range(xs[0].shape[0]):
            carry = step(carry, tuple(x[i] for x in xs))
        return carry

    def box(self, field: Any, axis: int, seam: Any, step: int = 1) -> Any:
        total = self.xp.zeros_like(field)
        total += field
        length, seam = field.shape[axis], int(seam)
        for start, stop in ((0, seam), (seam, length)):
            if stop - start > step:
                low, high = (
                    (slice(None),) * axis + (slice(start, stop - step),),
                    (slice(None),) * axis + (slice(start + step, stop),),
                )
                total[low] += field[high]
                total[high] += field[low]
        return total

    def roll(self, field: Any, shift: Any, axis: int) -> Any:
        return self.xp.roll(field, -int(shift), axis=axis)

    def each(self, function: Callable[[Any], Any], items: Iterable[Any], x: Any) -> Iterator[Any]:
        return map(function, items)

    def place(self, out: Any, tile: Any, row: int, column: int) -> Any:
        out[row : row + tile.shape[0], column : column + tile.shape[1]] = tile
        return out

    def double(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def budget(self, x: Any) -> int:
        return _CPU_BUDGET if str(array_api_compat.device(x)) == "cpu" else _gpu_budget(x)


class _Jax:
    """JAX: everything compiled, loops as lax.scan, and a donated buffer in the place of writing in place."""

    name = "xla"

    def __init__(self) -> None:
        import jax
        import jax.numpy as jnp

        self._jax = jax
        self.xp: Any = jnp
        self._place = jax.jit(jax.lax.dynamic_update_slice, donate_argnums=0)
        self._compiled: dict[Callable[..., Any], Callable[..., Any]] = {}

    def compiled(self, function: Callable[..., Any], static: tuple[str, ...]) -> Callable[..., Any]:
        if function not in self._compiled:
            self._compiled[function] = self._jax.jit(function, static_argnames=static)
        return self._compiled[function]

    def scan(self, step: Callable[[Any, Any], Any], carry: Any, xs: Sequence[Any]) -> Any:
        return self._jax.lax.scan(lambda c, x: (step(c, x), None), carry, tuple(xs))[0]

    def box(self, field: Any, axis: int, seam: Any, step: int = 1) -> Any:
        lax = self._jax.lax
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
        before, after = self.xp.maximum(seam - 1, 0), seam
        for here, there in ((after, before), (before, after)):
            across = lax.dynamic_index_in_dim(field, there, axis) * (seam > 0)
            row = lax.dynamic_index_in_dim(total, here, axis) - across
            total = lax.dynamic_update_index_in_dim(total, row, here, axis)
        return total

    def roll(self, field: Any, shift: Any, axis: int) -> Any:
        return self.xp.roll(field, -shift, axis=axis)

    def each(self, function: Callable[[Any], Any], items: Iterable[Any], x: Any) -> Iterator[Any]:
        # XLA runs loops on one core of a CPU, but several of them at once. Such settings belong to a thread.
        double, workers = self._jax.config.jax_enable_x64, (os.cpu_count() or 1) if _on_cpu(x) else 1

        def run(item: Any) -> Any:
            with self._enable_x64(double):
                return self._jax.block_until_ready(function(item))

        with ThreadPoolExecutor(workers) as pool:
            pending: deque[Future[Any]] = deque()
            for item in items:
                pending.append(pool.submit(run, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def place(self, out: Any, tile: Any, row: int, column: int) -> Any:
        return self._place(out, tile, (row, column))

    def double(self) -> AbstractContextManager[Any]:
        # Outside the suite JAX may still have its default: float32 in the place of every float64.
        return self._enable_x64(True)

    def _enable_x64(self, enabled: bool) -> AbstractContextManager[Any]:
        home = self._jax if hasattr(self._jax, "enable_x64") else self._jax.experimental
        block: AbstractContextManager[Any] = home.enable_x64(enabled)
        return block

    def budget(self, x: Any) -> int:
        return _CPU_BUDGET if _on_cpu(x) else _gpu_budget(x)


def _on_cpu(x: Any) -> bool:
    return bool(next(iter(x.devices())).platform == "cpu")


@cache
def _jax() -> _Jax:
    return _Jax()
