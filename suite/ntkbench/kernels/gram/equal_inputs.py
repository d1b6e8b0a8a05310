"""Which inputs are one and the same: the correlation of such a pair is one, which rounding must not take away."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import execution_for

Numbers = npt.NDArray[np.int64]

_HASHES = 8  # two inputs that differ have one of them in common with a probability of 2^-17


def number_inputs(*arrays: Any) -> tuple[Numbers, ...]:
    """A number for each input, the same for inputs that are equal in every bit that counts.

    Arrays (n, ...) of one library, alike in all but n -> as many NumPy arrays (n,). An input with a NaN has a number
    of its own.
    """
    # Many small steps: compiled, or sent to a device one by one, they would take longest.
    inputs = [_rows(to_numpy(array)) for array in arrays]
    numbers = np.arange(sum(map(len, inputs)))
    starts = np.cumsum([0, *map(len, inputs)])
    first: dict[bytes, int] = {}
    # Equal inputs have equal sums. Of measured data few others have; of counts and categories most.
    for number in _in_company(np.concatenate([_sums(rows) for rows in inputs])).tolist():
        which = int(np.searchsorted(starts, number, side="right")) - 1
        row = inputs[which][number - starts[which]]
        if not np.isnan(row).any():
            numbers[number] = first.setdefault(_fingerprint(row), number)
    return tuple(np.split(numbers, starts[1:-1]))


def coincidences(like: Any, numbers1: Numbers, numbers2: Numbers) -> Any | None:
    """1 where two inputs are one and the same, else 0: (n1, n2) of the kind of `like`; None where none are."""
    same = numbers1[:, None] == numbers2
    if not same.any():
        return None
    return execution_for(like).from_numpy(same.astype(str(like.dtype).rpartition(".")[2]), like)


def traced_coincidences(x1: Any, x2: Any | None) -> Any:
    """What `coincidences` gives, of inputs (n1, ...) and (n2, ...) that are traced: they have no values to number.

    Inputs are compared by hashes of 32 bits, which need no array of a size (n1, n2, d). No derivative passes.
    """
    xp = array_api_compat.array_namespace(x1)
    hashes1 = _hashes(x1)
    hashes2 = hashes1 if x2 is None else _hashes(x2)
    same = hashes1[0][:, None] == hashes2[0]
    for one, other in zip(hashes1[1:], hashes2[1:], strict=True):
        same = same & (one[:, None] == other)
    return xp.astype(same, x1.dtype)


def _hashes(x: Any) -> list[Any]:
    """Sums of the bits with random weights, (n,) each: exact in any order, since whole numbers wrap."""
    execution, xp = execution_for(x), array_api_compat.array_namespace(x)
    flat = xp.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
    # Zeros of both signs are one number.
    words = execution.halfwords(xp.where(flat == 0.0, xp.zeros_like(flat), flat))
    weights = np.random.default_rng(0).integers(2**32, size=(_HASHES, words.shape[1]))
    device = array_api_compat.device(x)
    return [
        xp.sum(words * xp.asarray(row, dtype=words.dtype, device=device), axis=1, dtype=words.dtype) for row in weights
    ]


def _rows(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.reshape(array, (array.shape[0], math.prod(array.shape[1:]))))


def _in_company(sums: np.ndarray) -> np.ndarray:
    """The places of sums that are there more than once; all that are NaN count as one."""
    _, which, counts = np.unique(sums, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[which] > 1)


def _fingerprint(row: np.ndarray) -> bytes:
    """Sixteen bytes that differ between inputs that differ; zeros of both signs are one number."""
    return hashlib.blake2b((row + row.dtype.type(0)).tobytes(), digest_size=16).digest()


def _sums(rows: np.ndarray) -> npt.NDArray[np.float64]:
    # Of contiguous rows: in another layout NumPy adds in another order, and equal inputs would have unequal sums.
    with np.errstate(all="ignore"):  # values that are not finite have their own say in the kernel
        sums: npt.NDArray[np.float64] = np.sum(rows, axis=1)
    return sums
