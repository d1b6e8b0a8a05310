"""Self-attention with queries, keys, values and an output of its own (Vaswani et al. 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.attention import attended, between_positions, present_positions
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.dense import Dense
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units
from ntkbench.networks.layers.linear import Linear
from ntkbench.networks.layers.sequences.embedding import Embedding
from ntkbench.networks.layers.sequences.mechanisms import MECHANISMS, Mechanism, check_choice, weights


@dataclass(frozen=True)
class SelfAttention(Layer):
    """Each position's values are summed with weights zeta(queries keys' / d), and a linear layer ends it.

    Every head has as many channels d of keys and of values as the network is wide. With scaling "linear" logits are
    divided by d, and queries and keys have the same weights but for their scale; with "sqrt" by sqrt(d), and their
    weights are independent. Then the kernel is known for the identity alone: of other mechanisms there is the network
    of finite width.

    Args:
        mechanism: zeta: "softmax" over the positions looked at; "relu", "abs" or "identity" of each logit.
        scaling: "linear" or "sqrt".
        heads: how many there are in a network of finite width; of infinite width there are infinitely many.
        query_std: the scale of the queries' weights, positive; likewise `key_std`, `value_std`, `out_std`.
        b_std: the scale of the biases of the output; 0 for none.
        embedding: of the positions, which queries and keys see and values do not; None: there are none.
        trained: False leaves all its parameters at their initial values.

    Raises:
        ValueError: for choices, scales or a number of heads that are none.

    References:
        Hron et al. 2020, "Infinite attention: NNGP and NTK for deep attention networks", arXiv:2006.10540.
    """

    mechanism: Mechanism = "softmax"
    scaling: Literal["linear", "sqrt"] = "linear"
    heads: int = 1
    query_std: float = 1.0
    key_std: float = 1.0
    value_std: float = 1.0
    out_std: float = 1.0
    b_std: float = 0.0
    embedding: Embedding | None = None
    trained: bool = True

    def __post_init__(self) -> None:
        check_choice(self.mechanism, MECHANISMS, "mechanism")
        check_choice(self.scaling, ("linear", "sqrt"), "scaling")
        if type(self.heads) is not int or self.heads < 1:
            raise ValueError(f"heads must be a positive whole number, not {self.heads!r}")
        for name in ("query_std", "key_std", "value_std", "out_std"):
            std = getattr(self, name)
            if not (std > 0 and math.isfinite(std)):
                raise ValueError(f"{name} must be positive, not {std}")
        if not (self.b_std >= 0 and math.isfinite(self.b_std)):
            raise ValueError(f"b_std must not be negative, not {self.b_std}")
        if self.embedding is not None and not isinstance(self.embedding, Embedding):
            raise ValueError(f"embedding must be an Embedding or None, not {self.embedding!r}")

    @property
    def has_weights(self) -> bool:
        return True

    @property
    def mixes_positions(self) -> bool:
        return True

    @property
    def needs_each(self) -> bool:
        return self._tied

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        if len(shape) < 2:
            raise ValueError(f"SelfAttention needs positions (..., C), not inputs of shape {shape}")
        return (*shape[:-1], units.last)

    def linear_layers(self, shape: Shape, units: Units) -> tuple[Linear, ...]:
        """The embedding, queries unless they are tied to the keys, keys, values, and the output."""
        number, channels = math.prod(shape[:-1]), shape[-1]
        seen = channels if self.embedding is None or self.embedding.kind == "sum" else 2 * channels
        wide = self.heads * units.hidden
        found = [] if self.embedding is None else [self.embedding.linear(shape[:-1], channels, self.trained)]
        scales = [1.0] if self._tied else [self.query_std, self.key_std]
        found += [Linear(Dense(std, trained=self.trained), (number, seen), (number, wide)) for std in scales]
        values = Dense(self.value_std, trained=self.trained)
        out = Dense(self.out_std, self.b_std, self.trained)
        return (
            *found,
            Linear(values, (number, channels), (number, wide)),
            Linear(out, (number, wide), (number, units.last)),
        )

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        xp = array_api_compat.array_namespace(x)
        n, number = x.shape[0], math.prod(x.shape[1:-1])
        tokens = xp.reshape(x, (n, number, x.shape[-1]))
        located = tokens
        if self.embedding is not None:
            located = self.embedding.together(tokens, linear(self.embedding.inputs(x)))

        def by_head(y: Array) -> Array:
            return xp.permute_dims(xp.reshape(y, (n, number, self.heads, y.shape[-1] // self.heads)), (0, 2, 1, 3))

        queries = by_head(linear(located))
        keys = queries if self._tied else by_head(linear(located))
        values = by_head(linear(tokens))
        divisor = queries.shape[-1] if self.scaling == "linear" else math.sqrt(queries.shape[-1])
        logits = xp.matmul(queries, xp.matrix_transpose(keys)) * (self._tied_scale / divisor)
        present = None if linear.present is None else xp.reshape(linear.present, (n, 1, 1, number))
        sums = xp.permute_dims(xp.matmul(weights(self.mechanism, logits, -1, present), values), (0, 2, 1, 3))
        out = linear(xp.reshape(sums, (n, number, self.heads * values.shape[-1])))
        return xp.reshape(out, (*x.shape[:-1], out.shape[-1]))

    def features(self, before: Features, place: str) -> Features:
        if self.scaling == "sqrt" and self.mechanism != "identity":
            raise ValueError(
                f"{place}: with scaling 'sqrt' and {self.mechanism} no kernel is known in closed form: take "
                "scaling='linear' or mechanism='identity', or the kernel of a network of finite width (empirical_ntk)"
            )
        if self.embedding is not None:
            before.check_wide(place)
        return before.fresh(before.spatial(place))

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        return self._summed(before, recursion) if self._tied else self._multiplied(before, recursion)

    def uncorrelated(self, before: bool) -> bool:
        return True

    def independent(self, before: bool) -> bool:
        return True

    @property
    def _tied(self) -> bool:
        return self.scaling == "linear"

    @property
    def _tied_scale(self) -> float:
        """What logits are multiplied by where the weights of queries and keys, one and the same, have none."""
        return self.query_std * self.key_std if self._tied else 1.0

    def _summed(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Scaling "linear": the weights of the sums are no longer random, and have no derivative."""
        passed = attended(recursion.xp, before, recursion.of_each(self._weights, before))
        strength, bias = (self.value_std * self.out_std) ** 2, self.b_std**2
        nngp = passed.nngp * strength
        ntk = None if passed.ntk is None else passed.ntk * strength
        return self._out(passed, nngp + bias, ntk, 2.0 * nngp + bias)

    def _multiplied(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Scaling "sqrt" and the identity: a product of queries, keys and values, each with its own derivative."""
        xp = recursion.xp
        located = self._located(xp, before, before.nngp)
        axes = tuple(range(2 * len(before.positions or ())))
        alike = xp.sum(located * before.nngp, axis=axes)
        strength = (self.query_std * self.key_std * self.value_std * self.out_std) ** 2
        bias = self.b_std**2
        nngp = strength * alike * located
        inherited = None
        if before.ntk is not None or (self.embedding is not None and self.trained):
            ntk = xp.zeros_like(before.nngp) if before.ntk is None else before.ntk
            located_ntk = self._located(xp, before, ntk, self.trained)
            through = xp.sum(located_ntk * before.nngp + located * ntk, axis=axes)
            inherited = strength * (through * located + alike * located_ntk)
        return self._out(before.without_variances(), nngp + bias, inherited, 4.0 * nngp + bias)

    def _out(self, passed: Covariance, nngp: Array, inherited: Array | None, own: Array) -> Covariance:
        """`own`: what the layer's weights add to the NTK when they are trained."""
        ntk = inherited
        if self.trained:
            ntk = own if inherited is None else own + inherited
        return replace(passed, nngp=nngp, ntk=ntk, channels=1)

    def _weights(self, own: Covariance) -> Array:
        """(P, P, n): what each position makes of all."""
        xp = array_api_compat.array_namespace(own.nngp)
        keys = between_positions(xp, own, self._located(xp, own, own.nngp))
        return weights(self.mechanism, keys * self._tied_scale, 1, present_positions(own))

    def _located(self, xp: object, covariance: Covariance, field: Array, embedded: bool = True) -> Array:
        """A field of all pairs of positions as queries and keys see it, with the embedding's share."""
        if self.embedding is None:
            return field
        assert covariance.positions is not None
        seen = field * self.embedding.share
        if not embedded:
            return seen
        of_positions = self.embedding.covariance(covariance.positions, field)
        shape = (*covariance.positions, *covariance.positions, *(1,) * (field.ndim - 2 * len(covariance.positions)))
        return seen + array_api_compat.array_namespace(field).reshape(of_positions, shape)
