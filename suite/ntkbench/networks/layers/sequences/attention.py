"""Attention without weights of its own, as in the transformer of Yang 2020."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.attention import attended, between_positions, present_positions
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units
from ntkbench.networks.layers.sequences.mechanisms import MECHANISMS, Mechanism, check_choice, weights


@dataclass(frozen=True)
class Attention(Layer):
    """Each position looks at all by what features they share: A x with A = softmax(scale x x' / channels).

    The sum with the input belongs to it, as both depend on each other: a Residual adds what does not.

    Args:
        residual: whether the input is added: x + A x.
        mechanism: "softmax" over the positions looked at; "relu", "abs" or "identity" of each logit.
        scale: what the logits are multiplied by.

    Raises:
        ValueError: for a mechanism that is none, or a scale that is not finite.

    References:
        Yang 2020, "Tensor Programs II: Neural Tangent Kernel for Any Architecture", arXiv:2006.14548.
    """

    residual: bool = False
    mechanism: Mechanism = "softmax"
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_choice(self.mechanism, MECHANISMS, "mechanism")
        if not math.isfinite(self.scale):
            raise ValueError(f"scale must be finite, not {self.scale}")

    @property
    def mixes_positions(self) -> bool:
        return True

    @property
    def needs_each(self) -> bool:
        return True

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        if len(shape) < 2:
            raise ValueError(f"Attention needs positions (..., C), not inputs of shape {shape}")
        return shape

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        xp = array_api_compat.array_namespace(x)
        tokens = xp.reshape(x, (x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]))
        logits = xp.matmul(tokens, xp.matrix_transpose(tokens)) * (self.scale / x.shape[-1])
        present = None if linear.present is None else xp.reshape(linear.present, (x.shape[0], 1, -1))
        sums = xp.reshape(xp.matmul(weights(self.mechanism, logits, -1, present), tokens), x.shape)
        return x + sums if self.residual else sums

    def features(self, before: Features, place: str) -> Features:
        """As Gaussian as they were: over infinitely many channels the weights are no longer random."""
        before.spatial(place)
        return before

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """A_x K A_z', with the weights that each input's own covariance gives; they have no derivative in the limit."""
        return attended(recursion.xp, before, recursion.of_each(self._weights, before))

    def _weights(self, own: Covariance) -> Array:
        """(P, P, n): what each position makes of all."""
        xp = array_api_compat.array_namespace(own.nngp)
        logits = between_positions(xp, own, own.nngp) * self.scale
        shares = weights(self.mechanism, logits, 1, present_positions(own))
        if not self.residual:
            return shares
        same = xp.eye(shares.shape[0], dtype=shares.dtype, device=array_api_compat.device(shares))
        return shares + same[:, :, None]
