"""The predictions of neural-tangents, by `ntkbench.theory`."""

from __future__ import annotations

from typing import Any

from ntkbench.compat.neural_tangents.absent import absent as _absent
from ntkbench.compat.neural_tangents.predict.descent import (
    ODEState,
    gradient_descent,
    gradient_descent_mse,
    max_learning_rate,
)
from ntkbench.compat.neural_tangents.predict.ensembles import gradient_descent_mse_ensemble
from ntkbench.compat.neural_tangents.predict.inference import Gaussian, gp_inference

__all__ = [
    "Gaussian",
    "ODEState",
    "gp_inference",
    "gradient_descent",
    "gradient_descent_mse",
    "gradient_descent_mse_ensemble",
    "max_learning_rate",
]


def __getattr__(name: str) -> Any:
    """Names that are not here say what to call instead."""
    raise AttributeError(_absent("predict", name, __all__))
