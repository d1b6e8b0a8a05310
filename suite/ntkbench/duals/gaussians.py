"""Two jointly Gaussian variables, and what every dual activation needs of them.

Derivatives are those of the functions, not of the steps that compute them: where two steps cancel, or a root is of
zero, the rules here say what is left. What has no variance neither correlates nor moves.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.arrays.transforms import Function


class Gaussians(NamedTuple):
    """Pairs of jointly Gaussian variables u and v of mean zero; the three arrays are of one rank and broadcast."""

    xp: Any
    """The namespace of the arrays' library."""
    q12: Array
    """E[u v]."""
    q11: Array
    """E[u^2]."""
    q22: Array
    """E[v^2]."""

    @property
    def own(self) -> bool:
        """Whether both variables are known to be one and the same."""
        return self.q12 is self.q11 and self.q12 is self.q22

    def scale(self) -> Array:
        """sqrt(q11 q22): exact for equal variances, without overflow, the same when both are exchanged."""
        scale: Array = _scale(self.xp)(self.q11, self.q22)[0]
        return scale

    def gap(self) -> Array:
        """q11 q22 - q12^2, which is not negative."""
        gap: Array = _gap(self.xp)(self.q12, self.q11, self.q22)[0]
        return gap

    def correlation(self) -> Array:
        """q12 / sqrt(q11 q22), within [-1, 1]; what has no variance does not correlate."""
        correlation: Array = _correlation(self.xp)(self.q12, self.q11, self.q22)[0]
        return correlation

    def bounded(self) -> Gaussians:
        """Without what rounding may carry beyond the bound of Cauchy and Schwarz; an exponential goes much further."""
        return self if self.own else self._replace(q12=_bounded(self.xp)(self.q12, self.q11, self.q22)[0])


def quotient(xp: Any, over: Array, under: Array) -> Array:
    """over / under, and zero where `under` is not positive; neither it nor its derivatives are infinite there."""
    # Of what is smaller the inverse would be infinite.
    positive = under > float(xp.finfo(under.dtype).smallest_normal)
    return xp.where(positive, over / xp.where(positive, under, xp.ones_like(under)), xp.zeros_like(under))


def root_quotient(xp: Any, over: Array, under: Array) -> Array:
    """sqrt(over / under), and zero unless both are positive."""
    ratio: Array = _root_quotient(xp)(over, under)[0]
    return ratio


@cache
def _scale(xp: Any) -> Function:
    def function(q11: Array, q22: Array) -> tuple[Array, ...]:
        zero = xp.zeros_like(q11)
        larger, smaller = (xp.maximum(pick(q11, q22), zero) for pick in (xp.maximum, xp.minimum))
        return (larger * xp.sqrt(smaller / xp.where(larger > 0.0, larger, xp.ones_like(larger))),)

    def partials(q11: Array, q22: Array) -> Any:
        return ((0.5 * root_quotient(xp, q22, q11), 0.5 * root_quotient(xp, q11, q22)),)

    return execution_of(xp).with_partials(function, partials)


@cache
def _root_quotient(xp: Any) -> Function:
    def function(over: Array, under: Array) -> tuple[Array, ...]:
        return (
            quotient(
                xp, xp.sqrt(xp.maximum(over, xp.zeros_like(over))), xp.sqrt(xp.maximum(under, xp.zeros_like(under)))
            ),
        )

    def partials(over: Array, under: Array) -> Any:
        ratio = root_quotient(xp, over, under)
        return ((0.5 * quotient(xp, ratio, over), -0.5 * quotient(xp, ratio, under)),)

    return execution_of(xp).with_partials(function, partials)


@cache
def _gap(xp: Any) -> Function:
    def function(q12: Array, q11: Array, q22: Array) -> tuple[Array, ...]:
        scale, size = _scale(xp)(q11, q22)[0], xp.abs(q12)
        return (xp.maximum(scale - size, xp.zeros_like(size)) * (scale + size),)

    def partials(q12: Array, q11: Array, q22: Array) -> Any:
        return ((-2.0 * q12, q22, q11),)

    return execution_of(xp).with_partials(function, partials)


@cache
def _correlation(xp: Any) -> Function:
    def function(q12: Array, q11: Array, q22: Array) -> tuple[Array, ...]:
        scale = _scale(xp)(q11, q22)[0]
        positive = scale > 0.0
        ratio = q12 / xp.where(positive, scale, xp.ones_like(scale))
        return (xp.clip(xp.where(positive, ratio, xp.zeros_like(ratio)), -1.0, 1.0),)

    def partials(q12: Array, q11: Array, q22: Array) -> Any:
        return (correlation_partials(Gaussians(xp, q12, q11, q22)),)

    return execution_of(xp).with_partials(function, partials)


def correlation_partials(g: Gaussians) -> tuple[Array, Array, Array]:
    """The derivatives of the correlation by the covariance and by both variances."""
    half = -0.5 * g.correlation()
    inverse = quotient(g.xp, g.xp.ones_like(g.q11), g.scale())
    return inverse, quotient(g.xp, half, g.q11), quotient(g.xp, half, g.q22)


@cache
def _bounded(xp: Any) -> Function:
    def function(q12: Array, q11: Array, q22: Array) -> tuple[Array, ...]:
        bound = _scale(xp)(q11, q22)[0]
        return (xp.maximum(xp.minimum(q12, bound), -bound),)

    def partials(q12: Array, q11: Array, q22: Array) -> Any:
        # What it takes away is rounding.
        return ((xp.ones_like(q12), xp.zeros_like(q11), xp.zeros_like(q22)),)

    return execution_of(xp).with_partials(function, partials)
