"""ReLU networks whose hidden widths are drawn at random: exact moments at any width, and draws of them.

A network has no biases and one input x with |x|^2 = d; weights have variance 2 / fan-in, those of the readout
1 / fan-in. Then h_l, the features of hidden layer l over the root of their number, has mean square one at any width,
and the NTK of the input with itself the mean L + 1, one a layer. What fluctuates is governed by the means of 1/n: by
harmonic means of the widths, not arithmetic ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench.networks.finite import Finite, finite
from ntkbench.networks.layers import Activation, Dense, serial

Floats = npt.NDArray[np.float64]
Widths = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WidthLaw:
    """The law of the width of a layer.

    Args:
        widths: those that are possible, at least 1.
        probabilities: of each, of sum one; None: all are equally probable.

    Raises:
        ValueError: for widths and probabilities that are none.
    """

    widths: tuple[int, ...]
    probabilities: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.widths or not all(type(n) is int and n >= 1 for n in self.widths):
            raise ValueError(f"widths must be positive whole numbers, not {self.widths!r}")
        shares = self._shares
        if len(shares) != len(self.widths) or not all(p >= 0 for p in shares) or abs(math.fsum(shares) - 1.0) > 1e-12:
            raise ValueError(f"probabilities must be one for each width, and of sum one, not {self.probabilities!r}")

    @property
    def _shares(self) -> tuple[float, ...]:
        return (1.0 / len(self.widths),) * len(self.widths) if self.probabilities is None else self.probabilities

    @property
    def mean(self) -> float:
        """The arithmetic mean of the width."""
        return math.fsum(p * n for p, n in zip(self._shares, self.widths, strict=True))

    @property
    def inverse_mean(self) -> float:
        """The mean of one over the width; one over it is the harmonic mean."""
        return math.fsum(p / n for p, n in zip(self._shares, self.widths, strict=True))

    def draw(self, rng: np.random.Generator, count: int) -> Widths:
        """So many independent widths, (count,)."""
        return rng.choice(np.asarray(self.widths, dtype=np.int64), size=count, p=self._shares)


class ReluMoments(NamedTuple):
    """Exact moments, over weights and widths, at one input."""

    norm_ratio: float  # E|h_L|^4 / (E|h_L|^2)^2
    ntk_mean: float  # E K
    ntk_second: float  # E K^2
    block_second: float  # E B^2, of the NTK between two outputs of one network, whose mean is zero

    @property
    def ntk_ratio(self) -> float:
        """E K^2 / (E K)^2."""
        return self.ntk_second / self.ntk_mean**2


def relu_moments(layers: Sequence[WidthLaw | int]) -> ReluMoments:
    """The moments of the forward norm and of the NTK of a network with hidden layers of such widths.

    Each step of the recursion over layers is linear in 1/n, and widths do not depend on each other or on weights: the
    moments at random widths are those at fixed ones with E[1/n] in the place of 1/n.

    Args:
        layers: the width of each hidden layer, or its law; at least one.

    Returns:
        The norm's ratio, the product of 1 + 5 E[1/n], the NTK's mean, L + 1, and the second moments.

    Raises:
        ValueError: for no layers, and for widths that are none.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), theorem 1, gives the second moment up to constants.
    """
    if not layers:
        raise ValueError("a network needs at least one hidden layer")
    inverses = [(WidthLaw((layer,)) if isinstance(layer, int) else layer).inverse_mean for layer in layers]
    ratio = math.prod(1.0 + 5.0 * inverse for inverse in inverses)
    return ReluMoments(ratio, len(inverses) + 1.0, _second_moment(inverses), _block_moment(inverses))


def _second_moment(inverses: list[float]) -> float:
    """E K^2, K the sum over layers l = 1, ..., L + 1 of |h_{l-1}|^2 |b_l|^2, b_l what comes back to layer l.

    The terms of layers i and j > i share the norms before i and the way back from j. Between them the way forward is
    that of h, and the way back that of b: `aside` is the mean of the product of their squared norms where b points in a
    direction of its own, `along` what is added where it points along h.
    """
    count = len(inverses)
    behind = [1.0]  # the products of 1 + 5/n over the last layers
    for inverse in reversed(inverses):
        behind.append(behind[-1] * (1.0 + 5.0 * inverse))
    total, before = (count + 1) * behind[count], 1.0
    for i, first in enumerate(inverses):
        aside, along = 1.0 + first, 2.0 * first
        for j in range(i + 1, count + 1):
            total += 2.0 * before * aside * behind[count - j]
            if j < count:
                n = inverses[j]
                aside, along = (1.0 + n) * aside + 4.0 * n * along, 2.0 * n * aside + (1.0 + 3.0 * n) * along
        before *= 1.0 + 5.0 * first
    return total


def _block_moment(inverses: list[float]) -> float:
    """E B^2, B the sum over hidden layers of |h_{l-1}|^2 (b_l . c_l), b and c what comes back from two outputs.

    `crossed[j]` is E (b_j . c_j)^2, for which the lengths of b and c count as `lengths` = E |b_j|^2 |c_j|^2.
    """
    crossed, lengths = [0.0], 1.0
    for n in reversed(inverses):
        cross = crossed[-1]
        crossed.append((1.0 + 3.0 * n) * cross + 2.0 * n * lengths)
        lengths = (1.0 + n) * lengths + 4.0 * n * cross
    crossed.reverse()
    total, before = 0.0, 1.0
    for i, first in enumerate(inverses):
        total += before * crossed[i]
        aside, along = 1.0 + first, 2.0 * first
        for j in range(i + 1, len(inverses)):
            total += 2.0 * before * aside * crossed[j]
            n = inverses[j]
            aside, along = (1.0 + n) * aside + 4.0 * n * along, 2.0 * n * aside + (1.0 + 3.0 * n) * along
        before *= 1.0 + 5.0 * first
    return total


def limit_ratio(beta: float) -> float:
    """E K^2 / (E K)^2 of networks of equal widths n and L layers as both grow, with L / n = beta.

    Args:
        beta: L / n, positive.

    Returns:
        e^5b (1/3 + 2 / 9b - (1 - e^-6b) / 27b^2); one over e^5b it falls from 1 to 1/3.

    Raises:
        ValueError: for a beta that is not positive.

    References:
        Hanin & Nica 2019 (arXiv:1909.05989), theorem 1, bounds it by constants times e^5b.
    """
    if not beta > 0:
        raise ValueError(f"beta, the depth over the width, must be positive, not {beta}")
    return math.exp(5 * beta) * (1 / 3 + 2 / (9 * beta) + math.expm1(-6 * beta) / (27 * beta * beta))


def draw_widths(layers: Sequence[WidthLaw | int], rng: np.random.Generator, networks: int) -> Widths:
    """The widths of hidden layers of many networks, each drawn by itself.

    Args:
        layers: the width of each hidden layer, or its law.
        rng: draws them, layer by layer.
        networks: how many are drawn.

    Returns:
        (networks, L).

    Raises:
        ValueError: for widths that are none.
    """
    laws = [WidthLaw((layer,)) if isinstance(layer, int) else layer for layer in layers]
    return np.stack([law.draw(rng, networks) for law in laws], axis=1)


def relu_network(widths: Sequence[int], inputs: int) -> Finite:
    """The network of finite width that the moments are of, with one output.

    Args:
        widths: of its hidden layers, a row of `draw_widths` say.
        inputs: d.

    Returns:
        A network for `empirical_ntk` and `train`.

    Raises:
        ValueError: for sizes that are none.
    """
    hidden = [layer for n in widths for layer in (Dense(math.sqrt(2.0), width=int(n)), Activation("relu"))]
    return finite(serial(*hidden, Dense()), (inputs,), width=1)


class ReluDraws(NamedTuple):
    """Of each of many networks, at one input."""

    norms: Floats  # |h_L|^2
    ntk: Floats  # K(x, x)
    biases: Floats  # what trained biases that are zero add to the NTK, those of the output not counted


def draw_relu(widths: Widths, rng: np.random.Generator) -> ReluDraws:
    """The forward norm and the NTK at one input of random networks, exactly in law and without their weights.

    What weights do to the features is a Gaussian vector in a basis that begins with the features themselves; what they
    do to the derivatives that come back is the same, but for the direction of the features, which is known. So a
    layer takes three numbers: how many units are active, the square of their Gaussians, and that of what comes back
    to them beside the features.

    Args:
        widths: of the hidden layers, (networks, L), as `draw_widths` gives them.
        rng: draws all else.

    Returns:
        All of them, (networks,) each.

    Raises:
        ValueError: for widths that are none.
    """
    checked_widths(widths)
    active = rng.binomial(widths, 0.5)
    squares = _chi_square(rng, active)  # of the Gaussians of active units
    norms: Floats = np.ones((len(widths), widths.shape[1] + 1))
    norms[:, 1:] = np.cumprod(2.0 / widths * squares, axis=1)
    beside = _chi_square(rng, np.maximum(active - 1, 0))
    # What comes back to the last hidden layer from the readout, of which the features see `along`.
    along = np.where(active[:, -1] > 0, rng.standard_normal(len(widths)), 0.0)
    back = along**2 + beside[:, -1]
    ntk: Floats = norms[:, -1].copy()
    biases: Floats = np.zeros(len(widths))
    for layer in range(widths.shape[1] - 1, -1, -1):
        scale = 2.0 / widths[:, layer]
        ntk += scale * norms[:, layer] * back
        biases += scale * back
        if layer:
            along = np.where(active[:, layer - 1] > 0, np.sqrt(scale * squares[:, layer]) * along, 0.0)
            back = along**2 + scale * back * beside[:, layer - 1]
    return ReluDraws(norms[:, -1], ntk, biases)


def checked_widths(widths: Widths) -> None:
    """Raise ValueError unless these are the widths of networks, (networks, layers)."""
    if widths.ndim != 2 or 0 in widths.shape or widths.min() < 1:
        raise ValueError(f"widths must be (networks, layers) of positive whole numbers, not of shape {widths.shape}")


def _chi_square(rng: np.random.Generator, degrees: Widths) -> Floats:
    """Sums of so many squared Gaussians; of none, zero."""
    return 2.0 * rng.standard_gamma(0.5 * degrees)
