"""What parameters of nonlinearities must be: they are checked when one is made."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ntkbench.arrays.inputs import holds, is_plain, is_setting

HIGHEST = 150
"""The highest degree: of x^151 the mean square for a variance of one is beyond float64."""


def is_finite(value: Any) -> bool:
    """Whether it is a number that a float can hold, or an array of no dimensions that has such a value or none yet."""
    try:
        if not is_plain(value):
            return is_setting(value) and holds(abs(value) < math.inf)
        return isinstance(value, float | int | np.floating | np.integer) and math.isfinite(value)
    except OverflowError:  # a whole number of Python's may be larger
        return False


def finite_fields(nonlinearity: Any, *names: str) -> None:
    """Make the fields floats of Python's, or leave them arrays. Raises ValueError for what is no finite number."""
    for name in names:
        value = getattr(nonlinearity, name)
        if not is_finite(value):
            raise ValueError(f"{type(nonlinearity).__name__}: {name} must be a finite number, not {value!r}")
        object.__setattr__(nonlinearity, name, float(value) if is_plain(value) else value)


def cosine_and_sine(xp: Any, angle: Any) -> tuple[Any, Any]:
    """Of a plain number by Python, of an array by its library."""
    return (math.cos(angle), math.sin(angle)) if is_plain(angle) else (xp.cos(angle), xp.sin(angle))


def root(xp: Any, number: Any) -> Any:
    """The square root, of a plain number by Python, of an array by its library."""
    return math.sqrt(number) if is_plain(number) else xp.sqrt(number)


def degree_field(nonlinearity: Any) -> None:
    """Make the field `degree` an int of Python's. Raises ValueError for what is no degree."""
    value = nonlinearity.degree
    try:
        degree = operator.index(value)
    except TypeError:
        degree = -1
    if not 0 <= degree <= HIGHEST:
        raise ValueError(
            f"{type(nonlinearity).__name__}: degree must be a whole number from 0 to {HIGHEST}, not {value!r}"
        )
    object.__setattr__(nonlinearity, "degree", degree)
