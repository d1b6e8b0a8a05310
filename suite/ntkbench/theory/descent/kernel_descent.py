"""Rules of descent as they run on a kernel, many at once, and Nesterov's method where its damping vanishes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.theory.descent.rules import Floats, Rule

_STILL = 1e-60  # of the first squared error: smaller ones are left as they are, for none of them is looked at


@standard_settings
def kernel_descents(k: Array, ridges: Sequence[float], errors: Floats, rules: Sequence[Rule], *, steps: int) -> Floats:
    """The errors of several descents on the loss (1/2) |f - y|^2 with a kernel, on its library and in float64.

    Args:
        k: The kernel, (n, n), symmetric.
        ridges: What each descent adds to its diagonal.
        errors: f_0 - y of each descent, (descents, n).
        rules: What each step of them does.
        steps: The number of steps.

    Returns:
        |f - y| at steps 0, 1, ..., `steps`, (steps + 1, descents).

    Raises:
        ValueError: There is not one ridge and one error of n points for each rule.
    """
    execution, wanted = execution_for(k), (len(rules), int(k.shape[0]))
    if len(ridges) != len(rules) or np.shape(errors) != wanted:
        raise ValueError(
            f"for {wanted[0]} rules and this kernel there must be {wanted[0]} ridges and errors {wanted}, not "
            f"{len(ridges)} and {np.shape(errors)}"
        )
    kinds = [
        (r.rate, r.momentum or 0.0, r.momentum is None, r.nesterov, r.search == "exact", r.search == "armijo", ridge)
        for r, ridge in zip(rules, ridges, strict=True)
    ]
    columns = np.asarray(kinds, dtype=np.float64).T[:, :, None]
    with execution.double():

        def there(x: Any) -> Array:
            return execution.from_numpy(np.ascontiguousarray(x, dtype=np.float64), k)

        matrix = execution.xp.astype(k, execution.xp.float64)
        times = np.arange(1.0, steps + 1)
        given = (there(errors), there(columns), there(times), there(np.zeros((steps, len(rules)))))
        squares = host(execution.compiled(_descend, ("execution",))(matrix, *given, execution=execution))
    found: Floats = np.sqrt(np.concatenate([np.sum(np.asarray(errors) ** 2, axis=1)[None], squares]))
    return found


def _descend(k: Array, start: Array, columns: Array, times: Array, seen: Array, *, execution: Execution) -> Array:
    """The squared errors after each step, (steps, descents)."""
    xp = execution.xp
    rate, constant, vanishing, nesterov, exact, armijo, ridge = (columns[i] for i in range(7))
    first, places = xp.sum(start * start, axis=1)[:, None], times[:, None]

    def step(state: Any, now: Any) -> Any:
        error, before, seen = state
        (t,) = now
        momentum = constant + vanishing * (t - 1.0) / (t + 2.0)
        moved = momentum * (error - before)
        at = error + nesterov * moved
        slope = at @ k + ridge * at
        steepness = xp.sum(slope * slope, axis=1)[:, None]
        best = xp.sum(at * slope, axis=1)[:, None] / xp.where(steepness > 0, steepness, 1.0)
        # On a quadratic the loss falls by half of what the slope promises exactly up to the best rate.
        halvings = xp.ceil(xp.log2(rate / xp.where(best > 0, best, rate)))
        halved = rate * 2.0 ** -xp.where(halvings > 0, halvings, 0.0)
        chosen = xp.where(exact > 0, best, xp.where(armijo > 0, halved, rate))
        size = xp.sum(error * error, axis=1)[:, None]
        after = xp.where(size > _STILL * first, error + moved - chosen * slope, error)
        norms = xp.sum(after * after, axis=1)[None, :]
        return after, error, xp.where(places == t, norms, seen)

    squares: Array = execution.scan(step, (start, start, seen), (times,))[2]
    return squares


def bessel_law(steepness: float, times: npt.ArrayLike) -> Floats:
    """What is left of an error by Nesterov's method with vanishing damping: 2 J_1(w t) / (w t) exp(-w^2 t / 2).

    Args:
        steepness: The rate times the eigenvalue, w^2; the law is its limit of small ones.
        times: Numbers of steps.

    Returns:
        The share of the first error: its size falls as t^(-3/2) until w^2 t is about 1, and exponentially from there.

    References:
        Su, Boyd & Candes 2016 (arXiv:1503.01243), section 3.2, for the Bessel function; Shi et al. 2021
        (arXiv:1810.08907) for the damping by the gradient's own change.
    """
    from scipy.special import j1

    t, frequency = np.asarray(times, dtype=np.float64), np.sqrt(steepness)
    phase = np.where(t > 0, frequency * t, 1.0)
    left: Floats = np.where(t > 0, 2 * j1(phase) / phase, 1.0) * np.exp(-steepness * t / 2)
    return left


def envelope_exponent(errors: Floats, steepness: float) -> float:
    """The exponent of the time in the peaks of an error that `bessel_law` describes, without its exponential.

    Args:
        errors: Sizes of the error at steps 0, 1, ..., (T + 1,).
        steepness: The rate times the eigenvalue.

    Returns:
        The exponent, -3/2 by the law, by least squares over all peaks but the start.

    Raises:
        ValueError: There are fewer than three peaks.
    """
    lifted = np.abs(errors) * np.exp(steepness * np.arange(len(errors)) / 2)
    peaks = 1 + np.flatnonzero((lifted[1:-1] > lifted[:-2]) & (lifted[1:-1] >= lifted[2:]))
    if len(peaks) < 3:
        raise ValueError(f"an exponent needs three peaks, not {len(peaks)}: take more steps")
    return float(np.polyfit(np.log(peaks), np.log(lifted[peaks]), 1)[0])
