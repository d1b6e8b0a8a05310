"""Numbers beside arrays, such as a ridge, a rate or a time, by which a derivative may be asked for."""

from __future__ import annotations

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


def known(value: Scalar) -> float | None:
    """The number, or None where it is being traced."""
    if not array_api_compat.is_array_api_obj(value):
        return float(value)
    execution = execution_for(value)
    return None if execution.traced(value) else float(execution.constant(value))
