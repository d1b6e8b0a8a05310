"""Errors of one-pass SGD with a kernel, exactly and in expectation: each step sees one new point and a noisy label.

On a finite domain of N points, drawn uniformly, with a kernel K (N, N), labels of noise variance s^2, a rate eta and
momentum beta, let D = f - f* be the error and V the last step. Point i and noise xi give

    V <- beta V - eta K[:, i] (D[i] - xi),    D <- D + V.

The second moments A = E D D', B = E D V' and C = E V V' then obey a linear recursion among themselves, and where all
points are alike (circle, cube, sphere) so do their sums over the eigenfunctions of each eigenvalue.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench.theory.spectra import Spectrum

Floats = npt.NDArray[np.float64]

_UNSEEN = 1e-12  # of K(x, x): a smaller eigenvalue is what rounding leaves of zero
_SMALL = 1e-7  # of K(x, x): the eigenvalue that stands for all that a spectrum leaves out


@dataclass(frozen=True)
class Stream:
    """One-pass SGD: V <- momentum V - rate k(., x) (f(x) - y), f <- f + V, with y = f*(x) + noise.

    Args:
        rate: The learning rate, positive.
        momentum: Within [0, 1).
        noise: The variance of the labels' noise.

    Raises:
        ValueError: A number makes no sense.
    """

    rate: float
    momentum: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f"the learning rate must be positive and finite, not {self.rate}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise ValueError(f"the noise's variance must be finite and not negative, not {self.noise}")


class Moments(NamedTuple):
    """Second moments of the error D and of the last step V, each (N, N)."""

    error: Floats  # E D D'
    cross: Floats  # E D V'
    step: Floats  # E V V'

    @classmethod
    def start(cls, error: npt.ArrayLike) -> Moments:
        """Those of an error (N,) that is known, before the first step."""
        d = np.asarray(error, dtype=np.float64)
        still = np.zeros((len(d), len(d)))
        return cls(np.outer(d, d), still, still)

    def after(self, k: Floats, stream: Stream) -> Moments:
        """Those one step later, exactly, on any finite domain with the kernel k (N, N)."""
        eta, beta, n = stream.rate, stream.momentum, len(k)
        expected = beta * self.cross - eta / n * (self.error @ k)  # E D V' of the new V
        turned = k @ self.cross
        kicked = (k * (np.diagonal(self.error) + stream.noise)) @ k
        step = beta**2 * self.step - eta * beta / n * (turned + turned.T) + eta**2 / n * kicked
        return Moments(self.error + expected + expected.T + step, expected + step, step)


def stream_errors(k: npt.ArrayLike, error: npt.ArrayLike, stream: Stream, times: Iterable[int]) -> Floats:
    """The expected mean square error over a finite domain, from its recursion.

    Args:
        k: The kernel of its points, (N, N), symmetric.
        error: f_0 - f* at these points, (N,).
        stream: What each step does.
        times: Numbers of steps, ascending.

    Returns:
        E |f_t - f*|^2 / N at each time.

    Raises:
        ValueError: Shapes or times do not fit.

    References:
        Xu & Zhu 2024 (JMLR 25, 94) for the setting; the recursion is exact.
    """
    matrix, moments, made, found = np.asarray(k, dtype=np.float64), Moments.start(error), 0, []
    if matrix.shape != moments.error.shape:
        raise ValueError(f"for {len(moments.error)} points k must be square of that side, not {matrix.shape}")
    for t in _ascending(times):
        for _ in range(t - made):
            moments = moments.after(matrix, stream)
        made = t
        found.append(float(np.trace(moments.error)) / len(matrix))
    return np.array(found)


class LevelErrors(NamedTuple):
    """Expectations by level of a spectrum, (times, levels)."""

    mean: Floats  # the share of the error's component at the start that its expectation keeps
    square: Floats  # E of the squared components, summed over each level


def level_errors(
    spectrum: Spectrum, energies: Sequence[float] | Floats, stream: Stream, times: Iterable[int]
) -> LevelErrors:
    """The same on a domain whose points are all alike: circle, cube or sphere.

    Args:
        spectrum: Of the kernel.
        energies: The error's squared components at the start, summed over each level; their sum is its mean square.
        stream: What each step does.
        times: Numbers of steps, ascending.

    Returns:
        Means and squares; without momentum the means are (1 - rate eigenvalue)^t.

    Raises:
        ValueError: There is not one energy for each level, or times do not ascend.
    """
    start = np.asarray(energies, dtype=np.float64)
    if start.shape != spectrum.eigenvalues.shape:
        raise ValueError(f"the spectrum has {len(spectrum.eigenvalues)} levels, not {start.size} as the energies")
    map_, kick = _level_map(spectrum, stream), _kick(spectrum, stream)
    state = np.concatenate([start, np.zeros(2 * len(start))])
    mean, moved = np.ones_like(start), np.zeros_like(start)
    made, means, squares = 0, [], []
    for t in _ascending(times):
        for _ in range(t - made):
            state = map_ @ state + stream.noise * kick
            moved = stream.momentum * moved - stream.rate * spectrum.eigenvalues * mean
            mean = mean + moved
        made = t
        means.append(mean)
        squares.append(state[: len(start)])
    return LevelErrors(np.array(means), np.array(squares))


def stream_growth(spectrum: Spectrum, stream: Stream) -> float:
    """The factor by which a step multiplies the second moments in the long run, without noise.

    Args:
        spectrum: Of the kernel, on a domain whose points are all alike.
        stream: What each step does.

    Returns:
        The spectral radius of the recursion over the levels that the kernel sees: below 1 the error stays bounded in
        the mean square.
    """
    seen, small = spectrum.eigenvalues > _UNSEEN * spectrum.trace, _SMALL * spectrum.trace
    rest = ([small], [spectrum.tail / small]) if spectrum.tail else ([], [])
    values, counts = spectrum.eigenvalues[seen], spectrum.multiplicities[seen]
    levels = Spectrum(np.append(values, rest[0]), np.append(counts, rest[1]), spectrum.trace)
    return float(np.abs(np.linalg.eigvals(_level_map(levels, stream))).max())


def growth_threshold(spectrum: Spectrum, momentum: float = 0.0) -> float:
    """The rate from which second moments grow, found from the recursion by bisection; see `stable_rate`.

    Args:
        spectrum: Of the kernel, on a domain whose points are all alike.
        momentum: Within [0, 1).

    Returns:
        The rate, to nine digits.
    """
    return _crossing(lambda rate: stream_growth(spectrum, Stream(rate, momentum)) < 1, 1 / spectrum.trace, 1e-9)


def noise_gain(spectrum: Spectrum, stream: Stream) -> float:
    """What share of the error that single points see comes back as error: F = sum_i of (eta l_i / 2 (1 - beta)) / h_i.

    With h_i = 1 + eta beta l_i / (1 - beta^2). Without momentum F is eta K(x, x) / 2. Errors stay bounded in the mean
    square exactly where F < 1; F rises with eta.

    Args:
        spectrum: Of the kernel, on a domain whose points are all alike.
        stream: What each step does.

    Returns:
        F.
    """
    eta, beta = stream.rate, stream.momentum
    gains = eta * spectrum.eigenvalues / (2 * (1 - beta)) / (1 + eta * beta * spectrum.eigenvalues / (1 - beta**2))
    return float(gains @ spectrum.multiplicities) + eta * spectrum.tail / (2 * (1 - beta))


def stream_floor(spectrum: Spectrum, stream: Stream) -> float:
    """The mean square error at which one-pass SGD ends: noise F / (1 - F), with F of `noise_gain`.

    Args:
        spectrum: Of the kernel, on a domain whose points are all alike.
        stream: What each step does.

    Returns:
        The error; without momentum noise eta K(x, x) / (2 - eta K(x, x)).

    Raises:
        ValueError: Errors grow for ever.
    """
    gain = noise_gain(spectrum, stream)
    if gain >= 1:
        limit = stable_rate(spectrum, stream.momentum)
        raise ValueError(f"with rate {stream.rate:g} errors grow for ever: it must be below {limit:.6g}")
    return stream.noise * gain / (1 - gain)


def stable_rate(spectrum: Spectrum, momentum: float = 0.0) -> float:
    """The rate below which one-pass SGD is stable in the mean square: where `noise_gain` is 1.

    Args:
        spectrum: Of the kernel, on a domain whose points are all alike.
        momentum: Within [0, 1).

    Returns:
        The rate; without momentum 2 / K(x, x).
    """
    start = (1 - momentum) / spectrum.trace
    return _crossing(lambda rate: noise_gain(spectrum, Stream(rate, momentum)) < 1, start, 1e-15)


def _crossing(below: Callable[[float], bool], start: float, digits: float) -> float:
    """The number up to which `below` is true, to this relative error."""
    low, high = 0.0, start
    while below(high):
        low, high = high, 2 * high
    while high - low > digits * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if below(middle) else (low, middle)
    return high


def _level_map(spectrum: Spectrum, stream: Stream) -> Floats:
    """One step of the squares of D, of the products D V and of the squares of V, each by level."""
    eta, beta, values = stream.rate, stream.momentum, spectrum.eigenvalues
    size = len(values)
    one, zero = np.eye(size), np.zeros((size, size))
    spread = np.outer(eta**2 * values**2 * spectrum.multiplicities, np.ones(size))
    expected = np.hstack([np.diag(-eta * values), beta * one, zero])
    step = np.hstack([spread, np.diag(-2 * eta * beta * values), beta**2 * one])
    return np.vstack([np.hstack([one, zero, zero]) + 2 * expected + step, expected + step, step])


def _kick(spectrum: Spectrum, stream: Stream) -> Floats:
    """What noise of variance 1 adds to these at each step."""
    added = stream.rate**2 * spectrum.eigenvalues**2 * spectrum.multiplicities
    return np.tile(added, 3)


def _ascending(times: Iterable[int]) -> list[int]:
    moments = [int(t) for t in times]
    if moments != sorted(moments) or (moments and moments[0] < 0):
        raise ValueError(f"times must ascend from 0 or more, not {moments}")
    return moments
