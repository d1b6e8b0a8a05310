"""Which inputs are one and the same: the correlation of such a pair is one, which rounding must not take away."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import execution_for


def number_inputs(*arrays: Any) -> tuple[npt.NDArray[np.int64], ...]:
    """A number for each input, the same for inputs that are equal in every bit that counts.

    Arrays (n, ...) of one library, alike in all but n -> as many NumPy arrays (n,). An input with a NaN has a number
    of its own.
    """
    # Many small steps: compiled, or sent to a device one by one, they would take longest.
    arrays = tuple(map(to_numpy, arrays))
    known: dict[float, list[tuple[Any, int]]] = {}
    numbered: list[npt.NDArray[np.int64]] = []
    count = 0
    for array in arrays:
        numbers = np.empty(array.shape[0], np.int64)
        # Equal inputs have equal sums, and few others have.
        for i, total in enumerate(_sums(array)):
            candidates = known.setdefault(total, [])
            same = (number for other, number in candidates if np.array_equal(array[i, ...], other))
            numbers[i] = next(same, count)
            if numbers[i] == count:
                candidates.append((array[i, ...], count))
                count += 1
        numbered.append(numbers)
    return tuple(numbered)


def coincidences(like: Any, numbers1: npt.NDArray[np.int64], numbers2: npt.NDArray[np.int64]) -> Any | None:
    """1 where two inputs are one and the same, else 0: (n1, n2) of the kind of `like`; None where none are."""
    same = numbers1[:, None] == numbers2
    if not same.any():
        return None
    return execution_for(like).from_numpy(same.astype(str(like.dtype).rpartition(".")[2]), like)


def _sums(array: np.ndarray) -> list[float]:
    with np.errstate(all="ignore"):  # values that are not finite have their own say in the kernel
        sums: list[float] = np.sum(np.reshape(array, (array.shape[0], -1)), axis=1).tolist()
    return sums
