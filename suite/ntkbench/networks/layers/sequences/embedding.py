"""Embeddings of positions: what tells attention where a feature stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.inputs import dtype_name
from ntkbench.networks.layers.dense import Dense
from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.layers.linear import Linear
from ntkbench.networks.layers.sequences.mechanisms import check_choice


@dataclass(frozen=True)
class Embedding:
    """Random, trained features of each position, the same for all inputs.

    Args:
        kind: "sum" adds them to the features; "concat" puts as many channels of them beside those of the features.
        std: the scale of their values, positive.
        decay: the covariance of two of them as a function of the squared distances of positions, an array; None: each
            is independent of the others. With itself each has decay(0).

    Raises:
        ValueError: for a kind that is none, or a scale that is not positive.
    """

    kind: Literal["sum", "concat"] = "sum"
    std: float = 1.0
    decay: Callable[[np.ndarray], np.ndarray] | None = None

    def __post_init__(self) -> None:
        check_choice(self.kind, ("sum", "concat"), "kind")
        if not (self.std > 0 and math.isfinite(self.std)):
            raise ValueError(f"std must be positive, not {self.std}")

    @property
    def share(self) -> float:
        """Of the channels that keys and queries see: those of the features."""
        return 0.5 if self.kind == "concat" else 1.0

    def covariance(self, positions: Shape, like: Array) -> Array:
        """What it adds to the covariance of keys and queries: (P, P), in the library and dtype of `like`."""
        together = self.std**2 * (1.0 if self.kind == "sum" else 0.5)
        return self._native(together * self._correlations(positions), like)

    def linear(self, positions: Shape, channels: int, trained: bool) -> Linear:
        """It as a linear layer of what `inputs` gives: (P, P) -> (P, channels)."""
        number = math.prod(positions)
        return Linear(Dense(self.std * math.sqrt(number), trained=trained), (number, number), (number, channels))

    def inputs(self, x: Array) -> Array:
        """For inputs x (n, *positions, C) a root of the embeddings' covariance, (n, P, P)."""
        root = np.linalg.cholesky(self._correlations(tuple(x.shape[1:-1])))
        xp = array_api_compat.array_namespace(x)
        return xp.broadcast_to(self._native(root, x), (x.shape[0], *root.shape))

    def together(self, tokens: Array, embedded: Array) -> Array:
        """Features and embeddings, (n, P, C) both."""
        xp = array_api_compat.array_namespace(tokens)
        return tokens + embedded if self.kind == "sum" else xp.concat([tokens, embedded], axis=-1)

    def _correlations(self, positions: Shape) -> np.ndarray:
        places = np.stack(np.meshgrid(*map(np.arange, positions), indexing="ij"), axis=-1).reshape(-1, len(positions))
        squared = np.sum((places[:, None] - places) ** 2, axis=-1).astype(np.float64)
        return (squared == 0).astype(np.float64) if self.decay is None else np.asarray(self.decay(squared))

    def _native(self, array: np.ndarray, like: Array) -> Array:
        return execution_for(like).from_numpy(array.astype(dtype_name(like)), like)
