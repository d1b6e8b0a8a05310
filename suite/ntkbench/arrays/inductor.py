"""Functions that torch's own compiler, inductor, turns into one vectorised loop each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from ntkbench.arrays.execution import preferred

# Compiling takes 5 to 25 s; eager operations take as long for some 1e9 to 2e9 numbers (counted once a layer).
_WORTH_COMPILING = 2e9


class UnavailableError(RuntimeError):
    """What a faster implementation needs is missing on this machine; another one must take its place."""


def applies(numbers: float, *arrays: Any) -> bool:
    """Whether inductor should compute a kernel that takes `numbers` numbers, one a layer, from these tensors."""
    if preferred() not in (None, "inductor") or not suits(*arrays) or arrays[0].device.type != "cpu":
        return False
    return preferred() == "inductor" or numbers >= _WORTH_COMPILING


def suits(*arrays: Any) -> bool:
    """Whether compiled code may take these tensors: float32, and no gradient flows back into what they hold."""
    return all(x.dtype == torch.float32 and not (x.requires_grad and torch.is_grad_enabled()) for x in arrays)


@contextmanager
def availability() -> Iterator[None]:
    """Make any error inside the block an UnavailableError, but those of memory: a compiler may fail in any way."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise UnavailableError(_reason(error)) from error


@cache
def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """`function`, which writes its results into tensors among its arguments, compiled for each shape it meets.

    Raises UnavailableError where that does not succeed: without a C++ compiler, for one.
    """
    # Multiplications and additions may be fused: half the instructions of a polynomial.
    options = {"cpp.enable_floating_point_contract_flag": "fast"}
    fast = torch.compile(function, dynamic=False, fullgraph=True, options=options)
    known = set[Any]()

    def call(*arrays: Any) -> None:
        shapes = tuple((array.shape, array.stride()) for array in arrays)
        with torch.no_grad():
            if shapes in known:
                fast(*arrays)
                return
            with availability(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the compiler says of its own parts
                fast(*arrays)
            known.add(shapes)

    return call


def warn_of_fallback(implementation: str, error: Exception) -> None:
    """Warn that plain torch operations take the place of `implementation`."""
    warnings.warn(
        f"{implementation} is not to be had here, and plain torch operations take its place, several times as slow: "
        f"{error}",
        RuntimeWarning,
        stacklevel=2,
    )


def _reason(error: Exception) -> str:
    """The first lines of the error: torch names the failing part there, and then what failed."""
    return " ".join(str(error).split("\n\n")[0].split()) or type(error).__name__
