"""What the mathematics asks of an array library beyond the array API, and which library an array belongs to.

The mathematics is written once. What differs between libraries is their `Execution`: eager.py, torch.py and jax.py
beside this file, or that of a library that `register` is told of.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array

if TYPE_CHECKING:
    from ntkbench.arrays.descent import Descent, Loop
    from ntkbench.arrays.transforms import Function, Transforms

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

    Args:
        implementation: its name: "numba", "xla", "pallas", "aten", "inductor" or "triton".
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
    """What is asked of a library beyond its array namespace `xp`."""

    name: str
    xp: Any
    fast_arccos: bool
    """Whether its own float32 arccos is faster than a polynomial."""
    compiles: bool
    """Whether each new shape costs the compilation of a program."""

    # How work is carried out

    def compiled(self, function: Callable[..., Any], static: tuple[str, ...]) -> Callable[..., Any]:
        """`function`, compiled where the library compiles; `static` names its arguments that are no arrays."""

    def scan(self, step: Callable[[Any, Any], Any], carry: Any, xs: Sequence[Array]) -> Any:
        """The carry after `step(carry, x)` for each x along the first axis of every array in `xs`."""

    def each(self, function: Callable[[Any], Any], items: Iterable[Any], x: Array) -> Iterator[Any]:
        """function(item) for the items in their order, on as many cores near `x` as the library itself leaves idle."""

    def double(self) -> AbstractContextManager[Any]:
        """A block in which the library computes in float64 where it is asked to."""

    def standard(self, x: Array) -> AbstractContextManager[Any]:
        """A block without autocasting, short matrix products, default devices or strict promotion near `x`."""

    def wait(self, value: Any) -> None:
        """Return when `value` (arrays, in tuples and lists or alone) has been computed."""

    def either(self, condition: Array, function: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        """What one of two functions gives, arrays of the same shapes; of what is traced perhaps both are computed."""

    # Where arrays lie

    def to_numpy(self, x: Array) -> np.ndarray:
        """The array as NumPy's; it may share the memory of `x`, and may be read-only."""

    def from_numpy(self, x: np.ndarray, like: Array) -> Array:
        """A NumPy array where `like` lies, in the dtype that it has."""

    def on_cpu(self, x: Array) -> bool:
        """Whether `x` lies in the memory of the processor."""

    def free_memory(self, x: Array) -> int | None:
        """Bytes that are free where `x` lies; None where that is not known."""

    def budget(self, x: Array) -> int:
        """Bytes that the working arrays of one tile may take on the device of `x`."""

    # Pieces of arrays

    def box(self, field: Array, axis: int, seam: Any, step: int = 1) -> Array:
        """Sums over three neighbours `step` apart along `axis`, zero beyond the ends; none reaches across the seam.

        The seam lies before index `seam`; 0 is no seam. `seam` may be an array of the library where `step` is 1.
        """

    def roll(self, field: Array, shift: Any, axis: int) -> Array:
        """field[i + shift] along `axis`, cyclically; `shift` may be an array of the library."""

    def place(self, out: Array, tile: Array, row: int, column: int) -> Array:
        """`out` with `tile` written at (row, column); the argument `out` must not be used again."""

    def rescaled(self, x: Array, factor: float) -> Array:
        """`x` times `factor`, in the memory that `x` has; the argument `x` must not be used again."""

    # Functions that the array API has not

    def matmul(self, a: Array, b: Array) -> Array:
        """The products of matrices (..., n, k) and (..., k, m), with a derivative in the dtype that they have."""

    def special(self, name: str) -> Callable[[Array], Array]:
        """The special function "erf" or "erfc"."""

    def halfwords(self, x: Array) -> Array:
        """The bits of numbers (n, d) as whole numbers from 0 to 65535, (n, some multiple of d); no derivative passes.

        Sums of their products with numbers below 2^32 may wrap at a power of two from 2^32.
        """

    def relu(self, x: Array) -> Array:
        """max(x, 0), with derivative 0 at 0."""

    def call(self, function: Callable[[Array], Array], x: Array) -> Array:
        """function(x), also where the function knows NumPy alone and `x` is being compiled over."""

    def convolve(self, x: Array, filters: Array, stride: tuple[int, ...], dilation: tuple[int, ...]) -> Array:
        """x (n, *positions, C), padded already, with filters (*window, C, units) -> (n, *positions', units).

        `dilation`: how far apart in x are the places in the filter.
        """

    def cholesky(self, matrix: Array) -> Array | None:
        """The lower factor of a positive definite (n, n); for another matrix None, or a factor that holds NaN."""

    def solve_cholesky(self, factor: Array, b: Array) -> Array:
        """The solution (n, k) of L L' x = b for a lower factor L (n, n)."""

    def solve_triangular(self, factor: Array, b: Array, *, transposed: bool = False) -> Array:
        """The solution (n, k) of L x = b for a lower L (n, n), or of L' x = b."""

    # Derivatives; None and TypeError where the library has none

    @property
    def transforms(self) -> Transforms | None:
        """The library's derivatives."""

    def traced(self, *values: Any) -> bool:
        """Whether what is computed of these, arrays and plain numbers, has no values that could be looked at.

        So it is while a program is made (jax.jit, torch.compile) and inside transforms (vmap, grad).
        """

    def differentiated(self, *values: Any) -> bool:
        """Whether a derivative by one of these, arrays and plain numbers, may be asked for."""

    def with_partials(self, function: Function, partials: Function) -> Function:
        """A function of arrays that broadcast, entry by entry, with the derivatives that it is given.

        Args:
            function: of arrays, to a tuple of arrays.
            partials: of the same arrays, to a tuple for each result: its derivatives by each argument. For derivatives
                of higher order these are differentiated in turn.
        """

    def with_derivative(self, function: Function, instead: Function) -> Function:
        """`function` of arrays, and `instead`, which has the same values, wherever a derivative is asked for."""

    def constant(self, x: Array) -> Array:
        """`x`, through which no derivative passes."""

    def watched(self, x: Array, where: Callable[[], Array], message: str) -> Array:
        """`x`, for whose second derivatives the library warns with the message where they count and `where` is true.

        It does so where there are values to look at, and not under transforms.
        """

    def descend(self, descent: Descent, trained: Any, fixed: Any) -> Loop:
        """Gradient descent from the parameters `trained`, beside others that stay. TypeError without derivatives."""


_REGISTERED: list[tuple[Callable[[Any], bool], Callable[[], Execution]]] = []


def register(is_namespace: Callable[[Any], bool], load: Callable[[], Execution]) -> None:
    """Make a library's arrays known.

    Args:
        is_namespace: whether an array namespace, as `__array_namespace__` gives it, is the library's.
        load: its execution, asked for each time that its arrays are computed with.
    """
    _REGISTERED.append((is_namespace, load))


def execution_for(*arrays: Array) -> Execution:
    """The execution that fits the arrays' library. Raises TypeError for mixed or unknown libraries."""
    namespaces = {array_api_compat.array_namespace(x) for x in arrays}
    if len(namespaces) != 1:
        raise TypeError("all arrays must come from one library")
    execution = _find(namespaces.pop())
    if execution is None:
        raise TypeError(f"no kernels for arrays of type {type(arrays[0]).__name__}")
    return execution


def execution_of(xp: Any) -> Execution:
    """The execution of an array namespace. Raises TypeError for an unknown one."""
    execution = _find(xp)
    if execution is None:
        raise TypeError(f"no kernels for arrays of {getattr(xp, '__name__', xp)}")
    return execution


def _find(xp: Any) -> Execution | None:
    return next((load() for is_namespace, load in _REGISTERED if is_namespace(xp)), None)


def _from(module: str) -> Callable[[], Execution]:
    def load() -> Execution:
        execution: Execution = importlib.import_module(f"ntkbench.arrays.{module}").EXECUTION
        return execution

    return load


register(array_api_compat.is_numpy_namespace, _from("eager"))
register(array_api_compat.is_torch_namespace, _from("torch"))
register(array_api_compat.is_jax_namespace, _from("jax"))
