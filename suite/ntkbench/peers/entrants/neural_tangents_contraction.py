"""neural-tangents: the empirical NTK by contraction of Jacobians."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

NAME = "neural-tangents contraction"
KINDS = ("network",)
PACKAGES = ("neural-tangents", "jax", "jaxlib", "numpy")
ENVIRONMENT = "neural_tangents_empirical"


def refuses(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """What does not fit into memory."""
    reason: str = _script()["too_large"](workload, arrays)
    return reason


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """The kernel of the network with the given weights."""
    call: Callable[[], Any] = _script()["whole"](workload, arrays, "JACOBIAN_CONTRACTION")
    return call


def _script() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).with_name("neural_tangents_empirical.py")))


def implementation() -> str:
    """How derivatives are contracted."""
    return "contraction of Jacobians, xla"
