"""Libraries that carry operations out one by one and write in place; NumPy is one as it stands."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.descent import Descent, Loop
from ntkbench.arrays.memory import available_to_host, tile_budget
from ntkbench.arrays.transforms import Function, Transforms


class Eager:
    """An array namespace on the processor, without derivatives.

    What the array API has not is computed by SciPy, on the same memory where `xp.asarray` and NumPy's can share it.
    """

    fast_arccos = False
    compiles = False

    def __init__(self, name: str, xp: Any) -> None:
        self.name = name
        self.xp = xp

    def compiled(self, function: Callable[..., Any], static: tuple[str, ...]) -> Callable[..., Any]:
        return function

    def scan(self, step: Callable[[Any, Any], Any], carry: Any, xs: Sequence[Array]) -> Any:
        for i in range(xs[0].shape[0]):
            carry = step(carry, tuple(x[i] for x in xs))
        return carry

    def each(self, function: Callable[[Any], Any], items: Iterable[Any], x: Array) -> Iterator[Any]:
        return map(function, items)

    def either(self, condition: Array, function: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        return function() if bool(condition) else otherwise()

    def double(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def standard(self, x: Array) -> AbstractContextManager[Any]:
        # What would raise an error warns, but for numbers that are too small, which are no fault.
        kept: dict[str, Any] = {kind: "warn" if how == "raise" else how for kind, how in np.geterr().items()}
        return np.errstate(**{**kept, "under": "ignore"})

    def wait(self, value: Any) -> None:
        pass

    def to_numpy(self, x: Array) -> np.ndarray:
        return np.asarray(x)

    def from_numpy(self, x: np.ndarray, like: Array) -> Array:
        return self.xp.asarray(x, device=array_api_compat.device(like))

    def on_cpu(self, x: Array) -> bool:
        return True

    def free_memory(self, x: Array) -> int | None:
        return available_to_host()

    def budget(self, x: Array) -> int:
        return tile_budget(self, x)

    def box(self, field: Array, axis: int, seam: Any, step: int = 1) -> Array:
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

    def roll(self, field: Array, shift: Any, axis: int) -> Array:
        return self.xp.roll(field, -int(shift), axis=axis)

    def place(self, out: Array, tile: Array, row: int, column: int) -> Array:
        out[row : row + tile.shape[0], column : column + tile.shape[1]] = tile
        return out

    def rescaled(self, x: Array, factor: float) -> Array:
        x *= factor
        return x

    def special(self, name: str) -> Callable[[Array], Array]:
        function = getattr(importlib.import_module("scipy.special"), name)
        return lambda x: self.xp.asarray(function(self.to_numpy(x)))

    def matmul(self, a: Array, b: Array) -> Array:
        return self.xp.matmul(a, b)

    def halfwords(self, x: Array) -> Array:
        words = np.ascontiguousarray(self.to_numpy(x)).view(np.uint16)
        return self.xp.asarray(words.astype(np.int64), device=array_api_compat.device(x))

    def relu(self, x: Array) -> Array:
        return self.xp.where(x <= 0.0, self.xp.zeros_like(x), x)

    def call(self, function: Callable[[Array], Array], x: Array) -> Array:
        return function(x)

    def convolve(self, x: Array, filters: Array, stride: tuple[int, ...], dilation: tuple[int, ...]) -> Array:
        along = []
        for length, window, step, apart in zip(x.shape[1:-1], filters.shape[:-2], stride, dilation, strict=True):
            last = (length - (window - 1) * apart - 1) // step * step + 1
            along.append([(place, slice(place * apart, place * apart + last, step)) for place in range(window)])
        places = (zip(*place, strict=True) for place in itertools.product(*along))
        return sum(x[(slice(None), *moved, slice(None))] @ filters[(*inside, ...)] for inside, moved in places)

    def cholesky(self, matrix: Array) -> Array | None:
        try:
            return self.xp.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            return None

    def solve_cholesky(self, factor: Array, b: Array) -> Array:
        from scipy.linalg import cho_solve

        return self.xp.asarray(cho_solve((self.to_numpy(factor), True), self.to_numpy(b), check_finite=False))

    def solve_triangular(self, factor: Array, b: Array, *, transposed: bool = False) -> Array:
        from scipy.linalg import solve_triangular

        left, right = self.to_numpy(factor), self.to_numpy(b)
        return self.xp.asarray(solve_triangular(left, right, lower=True, trans=int(transposed), check_finite=False))

    @property
    def transforms(self) -> Transforms | None:
        return None

    def traced(self, *values: Any) -> bool:
        return False

    def differentiated(self, *values: Any) -> bool:
        return False

    def with_partials(self, function: Function, partials: Function) -> Function:
        return function

    def with_derivative(self, function: Function, instead: Function) -> Function:
        def call(*arrays: Any) -> Any:
            return instead(*arrays) if self.differentiated(*arrays) else function(*arrays)

        return call

    def constant(self, x: Array) -> Array:
        return x

    def watched(self, x: Array, where: Callable[[], Array], message: str) -> Array:
        return x

    def descend(self, descent: Descent, trained: Any, fixed: Any) -> Loop:
        raise TypeError(f"training needs derivatives, which arrays of type {type(descent.x).__name__} have not")


EXECUTION = Eager("numpy", array_api_compat.array_namespace(np.empty(0)))
