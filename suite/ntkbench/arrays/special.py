"""Special functions that the array API has not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of


def special(xp: Any, name: str) -> Callable[[Array], Array]:
    """erf or erfc of the library with the array namespace `xp`."""
    return execution_of(xp).special(name)
