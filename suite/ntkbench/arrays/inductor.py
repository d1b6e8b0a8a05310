"""Functions that torch's own compiler, inductor, turns into one vectorised loop each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import preferred
from ntkbench.arrays.unavailable import availability

# Compiling takes 5 to 25 s; eager operations take as long for some 1e9 to 2e9 numbers (counted once a layer).
_WORTH_COMPILING = 2e9


def applies(numbers: float, *arrays: Array) -> bool:
    """Whether inductor should compute a kernel that takes `numbers` numbers, one a layer, from these tensors."""
    if preferred() not in (None, "inductor") or not suits(*arrays) or arrays[0].device.type != "cpu":
        return False
    return preferred() == "inductor" or numbers >= _WORTH_COMPILING


def suits(*arrays: Array) -> bool:
    """Whether compiled code may take these tensors: float32, and no gradient flows back into what they hold."""
    return all(x.dtype == torch.float32 and not (x.requires_grad and torch.is_grad_enabled()) for x in arrays)


@cache
def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """A function that writes its results into tensors among its arguments, compiled for each shape it meets.

    Args:
        function: Takes tensors, and nothing else.

    Returns:
        The same, which raises Unavailable where it does not compile: without a C++ compiler, for one.
    """
    # Multiplications and additions may be fused: half the instructions of a polynomial.
    options = {"cpp.enable_floating_point_contract_flag": "fast"}
    fast = torch.compile(function, dynamic=False, fullgraph=True, options=options)
    known = set[Any]()

    def call(*arrays: Array) -> None:
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
