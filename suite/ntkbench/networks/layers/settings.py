"""Settings of layers and nonlinearities: plain numbers, or arrays of no dimensions, which have derivatives."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array


def settings_of(value: Any) -> list[Array]:
    """The settings of a layer, and of the layers inside it, that are arrays.

    Args:
        value: a layer, a nonlinearity, or a tuple of them.

    Returns:
        Arrays of no dimensions; none where a program can be compiled for the layer.
    """
    if array_api_compat.is_array_api_obj(value):
        return [value]
    if isinstance(value, tuple | list):
        return [found for part in value for found in settings_of(part)]
    if is_dataclass(value) and not isinstance(value, type):
        return [found for field in fields(value) for found in settings_of(getattr(value, field.name))]
    return []


def alike(one: Any, other: Any) -> bool:
    """Whether two layers are equal; of settings that are arrays, whether they are the same array."""
    if one is other:
        return True
    if type(one) is not type(other) or array_api_compat.is_array_api_obj(one):
        return False
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(alike, one, other))
    if is_dataclass(one) and not isinstance(one, type):
        return all(alike(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return bool(one == other)
