"""The simple recurrent layer (Elman 1990)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance, Variances
from ntkbench.networks.activations import Nonlinearity, diagonal, dual
from ntkbench.networks.layers.activation import Activation
from ntkbench.networks.layers.dense import Dense
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units
from ntkbench.networks.layers.linear import Linear

Fields = tuple[Array, Array | None]
"""NNGP and NTK; None where nothing is trained."""


@dataclass(frozen=True)
class Recurrent(Layer):
    """States s_t = phi(W s_(t-1) + U x_t + b) of sequences (n, T, C), with s_0 = 0 and the same weights at all times.

    All states come out, (n, T, units): GlobalAvgPool behind it takes their mean.

    Args:
        activation: phi, with a name or as a value of `networks.activations`.
        w_std: the scale of W, from states to states, positive: w_std / sqrt(units) multiplies it.
        input_std: the scale of U, from inputs to states, positive.
        b_std: the scale of the biases; 0 for none.
        trained: False leaves all its parameters at their initial values.

    Raises:
        ValueError: for scales that are none, or an activation that is none or has no dual in closed form.

    References:
        Yang 2020, "Tensor Programs II: Neural Tangent Kernel for Any Architecture", arXiv:2006.14548, section on RNNs.
    """

    activation: Activation = field(default_factory=lambda: Activation("erf"))
    w_std: float = 1.0
    input_std: float = 1.0
    b_std: float = 0.0
    trained: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.activation, Activation):
            raise ValueError(f'activation must be an Activation, as in Activation("erf"), not {self.activation!r}')
        if self.activation.nonlinearity.by_quadrature:
            raise ValueError("a recurrent layer needs an activation with a name, whose dual is exact at all variances")
        for name in ("w_std", "input_std"):
            std = getattr(self, name)
            if not (std > 0 and math.isfinite(std)):
                raise ValueError(f"{name} must be positive, not {std}")
        if not (self.b_std >= 0 and math.isfinite(self.b_std)):
            raise ValueError(f"b_std must not be negative, not {self.b_std}")

    @property
    def has_weights(self) -> bool:
        return True

    @property
    def needs_variances(self) -> bool:
        return True

    @property
    def working_fields(self) -> int:
        return self.activation.working_fields

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        if len(shape) != 2:
            raise ValueError(f"Recurrent needs sequences (T, C), not inputs of shape {shape}")
        return (shape[0], units.last)

    def linear_layers(self, shape: Shape, units: Units) -> tuple[Linear, ...]:
        """U with the biases, and W."""
        out = self.output_shape(shape, units)
        return Linear(self._inputs, shape, out), Linear(self._states, out, out)

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        xp = array_api_compat.array_namespace(x)
        seen, step = linear(x), linear.by_steps()
        state, states = xp.zeros_like(seen[:, 0]), []
        for time in range(seen.shape[1]):
            state = self.activation.nonlinearity.apply(xp, step(state) + seen[:, time])
            states.append(state)
        return xp.stack(states, axis=1)

    def features(self, before: Features, place: str) -> Features:
        positions = before.spatial(place)
        if len(positions) != 1:
            raise ValueError(f"{place} needs sequences (n, T, C), not {before.words()}")
        return replace(before.fresh(positions), gaussian=False)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Time by time: pairs of times (t, r) come from (t - 1, r - 1), since only W meets itself there."""
        fed = self._inputs.covariance(before, recursion)
        variances = [list(self._over_time(recursion.xp, v)) for v in self._own(recursion.xp, fed)]
        step = self._pairs if fed.all_pairs else self._equal_times
        nngp, ntk = step(recursion.xp, fed, *variances)
        behind = [recursion.xp.stack([diagonal(self._phi, recursion.xp, v) for v in each]) for each in variances]
        return replace(fed, nngp=nngp, ntk=ntk, variances=None if fed.own else (behind[0], behind[1]), channels=1)

    def uncorrelated(self, before: bool) -> bool:
        """Never: a mean of the activation is the same for all."""
        return False

    def independent(self, before: bool) -> bool:
        return True

    @property
    def _phi(self) -> Nonlinearity:
        return self.activation.nonlinearity

    @property
    def _inputs(self) -> Dense:
        return Dense(self.input_std, self.b_std, self.trained)

    @property
    def _states(self) -> Dense:
        return Dense(self.w_std, trained=self.trained)

    def _own(self, xp: Any, fed: Covariance) -> Variances:
        """Of what is fed to the states at each time, (T, n) for first and second inputs."""
        if fed.own:
            own = fed.own_variance(xp)
            return own, own
        assert fed.variances is not None
        return fed.variances

    def _over_time(self, xp: Any, fed: Array) -> Any:
        """The variances of what the activation gets at each time, (n,) each."""
        state = None
        for time in range(fed.shape[0]):
            now = fed[time] if state is None else fed[time] + self.w_std**2 * state
            state = diagonal(self._phi, xp, now)
            yield now

    def _fed_back(self, fed: Fields, states: Fields | None) -> Fields:
        """Before the activation: what comes from the inputs, and from the states before."""
        if states is None:
            return fed
        passed = states[0] * self.w_std**2
        shares = [fed[1], passed if self.trained else None, None if states[1] is None else states[1] * self.w_std**2]
        known = [share for share in shares if share is not None]
        return fed[0] + passed, sum(known[1:], known[0]) if known else None

    def _activated(self, xp: Any, before: Fields, first: Array, second: Array) -> Fields:
        product, slopes = dual(self._phi, xp, before[0], first, second)
        return product, None if before[1] is None else before[1] * slopes

    def _equal_times(self, xp: Any, fed: Covariance, first: list[Array], second: list[Array]) -> Fields:
        """Fields (T, pairs)."""
        states: Fields | None = None
        found: list[Fields] = []
        for time, (v1, v2) in enumerate(zip(first, second, strict=True)):
            now = self._fed_back((fed.nngp[time], None if fed.ntk is None else fed.ntk[time]), states)
            states = self._activated(xp, now, *((v1, v1) if fed.own else (v1[:, None], v2[None, :])))
            found.append(states)
        return _stacked(xp, found)

    def _pairs(self, xp: Any, fed: Covariance, first: list[Array], second: list[Array]) -> Fields:
        """Fields (T, T, pairs), one row after another."""

        def later(row: Array) -> Array:
            return xp.concat([xp.zeros_like(row[:1]), row[:-1]], axis=0)

        every = xp.stack(second)
        states: Fields | None = None
        found: list[Fields] = []
        for time, v1 in enumerate(first):
            if states is not None:
                states = later(states[0]), None if states[1] is None else later(states[1])
            nngp, ntk = self._fed_back((fed.nngp[time], None if fed.ntk is None else fed.ntk[time]), states)
            if fed.own:
                # Each time meets itself exactly.
                nngp = xp.concat([nngp[:time], v1[None], nngp[time + 1 :]], axis=0)
                variances = v1[None], every
            else:
                variances = v1[None, :, None], every[:, None, :]
            states = self._activated(xp, (nngp, ntk), *variances)
            found.append(states)
        return _stacked(xp, found)


def _stacked(xp: Any, rows: list[Fields]) -> Fields:
    ntks = [ntk for _, ntk in rows if ntk is not None]
    return xp.stack([nngp for nngp, _ in rows]), xp.stack(ntks) if ntks else None
