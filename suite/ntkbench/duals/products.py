"""Products of fields with constant arrays, along axes of positions."""

from __future__ import annotations

import math

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of

Subscripts = tuple[str, str, str]
"""A letter for each axis, as einsum has them: of the constant, of the positions, and of the positions that come out."""


def constant_product(constant: np.ndarray, field: Array, start: int, subscripts: Subscripts) -> Array:
    """The product of a constant array with a field, as einsum writes it.

    Args:
        constant: float64, with a letter in `subscripts` for each of its axes.
        field: of any library, its axes of positions one after another.
        start: the first of these axes.
        subscripts: the letters; each of the constant is one of the positions, before or after, and each of these that
            vanishes or appears is one of the constant.

    Returns:
        The field with the positions that come out in the place of the others.
    """
    of_constant, before, after = subscripts
    summed = [s for s in before if s not in after]
    shared = [s for s in before if s in after and s in of_constant]
    kept = [s for s in before if s in after and s not in of_constant]
    added = [s for s in after if s not in before]
    axes = {s: start + k for k, s in enumerate(before)}
    sizes = {s: field.shape[axis] for s, axis in axes.items()} | dict(zip(of_constant, constant.shape, strict=True))

    def number(letters: list[str]) -> int:
        return math.prod(sizes[s] for s in letters)

    # One matrix for each of the shared positions.
    xp, device = array_api_compat.array_namespace(field), array_api_compat.device(field)
    order = [of_constant.index(s) for s in (*shared, *added, *summed)]
    matrices = np.array(constant.transpose(order).reshape(number(shared), number(added), number(summed)))
    others = [k for k in range(field.ndim) if k not in axes.values()]
    rest = [field.shape[k] for k in others]
    columns = xp.permute_dims(field, (*(axes[s] for s in (*shared, *summed, *kept)), *others))
    columns = xp.reshape(columns, (number(shared), number(summed), number(kept) * math.prod(rest)))
    product = execution_of(xp).matmul(xp.asarray(matrices, dtype=field.dtype, device=device), columns)

    names = [*shared, *added, *kept]
    product = xp.reshape(product, (*(sizes[s] for s in names), *rest))
    first = len(names) + start
    order = [*range(len(names), first), *(names.index(s) for s in after), *range(first, product.ndim)]
    return xp.permute_dims(product, tuple(order))
