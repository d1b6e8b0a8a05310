"""ntkbench: a reproducible benchmark suite and results database for Neural Tangent Kernel experiments."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntkbench.experiment.spec import Claim, Curve, Metric, Task, Tier, task
    from ntkbench.results.database import connect
    from ntkbench.running.context import Context, Split

__all__ = ["Claim", "Context", "Curve", "Metric", "Split", "Task", "Tier", "connect", "task"]

# Loaded when asked for: a module below may be imported where NumPy is not installed.
_HOMES = {
    "ntkbench.experiment.spec": ("Claim", "Curve", "Metric", "Task", "Tier", "task"),
    "ntkbench.results.database": ("connect",),
    "ntkbench.running.context": ("Context", "Split"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
