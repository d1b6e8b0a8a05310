"""Inputs that share their sums, as categories and counts do: they must not take longer than measured data."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .backends import Prepared

N = 1_728  # as many as the cars of UCI have


def _one_hot(rng: np.random.Generator) -> np.ndarray:
    return np.eye(7)[rng.integers(0, 7, (N, 3))].reshape(N, 21)


KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "one-hot": _one_hot,
    "signs": lambda rng: rng.choice([-1.0, 1.0], (N, 21)),
    "counts": lambda rng: rng.poisson(0.3, (N, 21)).astype(float),
    "unit vectors": lambda rng: np.eye(N),
}


class SharedSums(Prepared):
    """A fully connected Gram matrix in NumPy, float32, depth 3."""

    version = "1"
    unit = "1"
    param_names = ("inputs",)
    params = (tuple(KINDS),)

    def prepare(self, kind: str) -> None:
        """Inputs of the kind, and Gaussian ones of their shape."""
        rng = np.random.default_rng(0)
        self.own = KINDS[kind](rng).astype(np.float32)
        self.gaussian = rng.standard_normal(self.own.shape).astype(np.float32)

    def track_ratio(self, kind: str) -> float:
        """Processor seconds over those of Gaussian inputs, the least of three each."""
        from ntkbench.kernels import fc_kernels

        def least(x: Any) -> float:
            seconds = []
            for _ in range(3):
                start = time.process_time()
                fc_kernels(x, depth=3)
                seconds.append(time.process_time() - start)
            return min(seconds)

        return least(self.own) / least(self.gaussian)
