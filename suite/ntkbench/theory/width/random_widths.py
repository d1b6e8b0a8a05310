"""ReLU networks whose hidden widths are drawn at random: laws of the width, and draws of norm and NTK.

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
