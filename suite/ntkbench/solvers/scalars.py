"""Numbers beside arrays, such as a ridge, a rate or a time, by which a derivative may be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for

Scalar = float | Array
"""A float, or an array () where the number is traced or differentiated."""


def scalar(execution: Execution, value: Any, name: str) -> Scalar:
    """A number as a float, or in float64 where it is traced or differentiated, within `execution.double()`.

    Raises ValueError for an array of several numbers.
    """
    if not array_api_compat.is_array_api_obj(value):
        return float(value)
    if value.ndim:
        raise ValueError(f"{name} must be one number, not an array of shape {tuple(value.shape)}")
    own = execution_for(value)
    if own.traced(value) or own.differentiated(value):
        return execution.xp.astype(value, execution.xp.float64)
    return float(value)


def is_known(value: Scalar) -> bool:
    """Whether a number is there, and not being traced."""
    return not array_api_compat.is_array_api_obj(value) or not execution_for(value).traced(value)


def number(value: Scalar) -> float:
    """A number that is there, without its derivative."""
    return float(execution_for(value).constant(value)) if array_api_compat.is_array_api_obj(value) else float(value)


def stacked(execution: Execution, values: Sequence[Scalar], like: Array) -> Array:
    """Numbers as an array (len(values),) in float64, beside `like`, within `execution.double()`."""
    xp, device = execution.xp, array_api_compat.device(like)
    arrays = [xp.asarray(v, dtype=xp.float64, device=device) if isinstance(v, float) else v for v in values]
    return xp.stack(arrays) if arrays else xp.zeros(0, dtype=xp.float64, device=device)
