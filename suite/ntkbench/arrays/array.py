"""The name by which signatures speak of arrays."""

from __future__ import annotations

from typing import Any, TypeAlias

Array: TypeAlias = Any
"""An array of NumPy, torch or JAX; docstrings say its shape and its numbers. No type says what the three share."""
