"""Special functions that the array API has not."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ntkbench._vendor import array_api_compat


def special(xp: Any, name: str) -> Callable[[Any], Any]:
    """erf or erfc of the library: the array API has none."""
    library = "torch" if array_api_compat.is_torch_namespace(xp) else "scipy"
    if array_api_compat.is_jax_namespace(xp):
        library = "jax.scipy"
    function: Callable[[Any], Any] = getattr(importlib.import_module(f"{library}.special"), name)
    return function
