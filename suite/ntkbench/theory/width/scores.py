"""How far sample means are from what they should be, in standard errors."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean over independent samples."""

    mean: float
    error: float  # its standard error

    def score(self, expected: float) -> float:
        """The distance from an exact value, in standard errors."""
        return abs(self.mean - expected) / self.error

    def apart(self, other: Estimate) -> float:
        """The distance from an independent estimate, in standard errors of the difference."""
        return abs(self.mean - other.mean) / math.hypot(self.error, other.error)


def estimate(samples: np.ndarray) -> Estimate:
    """The mean of samples, with its standard error.

    Args:
        samples: Independent ones, (n,), at least 2.

    Returns:
        The mean.

    Raises:
        ValueError: For fewer samples.
    """
    if samples.ndim != 1 or len(samples) < 2:
        raise ValueError(f"a standard error needs samples (n,) with n >= 2, not of shape {samples.shape}")
    samples = samples.astype(np.float64)
    return Estimate(float(samples.mean()), float(samples.std(ddof=1)) / math.sqrt(len(samples)))
