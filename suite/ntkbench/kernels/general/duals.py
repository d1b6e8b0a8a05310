"""Activations, and what they do to covariances: their dual activations, by name or for any function.

For (u, v) ~ N(0, [[q11, q12], [q12, q22]]) the dual activation of phi is E[phi(u) phi(v)], and what the NTK inherits is
multiplied by E[phi'(u) phi'(v)]. Closed forms but for tanh, sigmoid and swish (`quadrature`: those of functions that
differ by 4e-11 at most, as do their derivatives) and for functions without a name (`quadrature_error` says how far
off). Near correlations of one no form subtracts what is nearly equal; with q12 = q11 = q22 all are exact.

Sources: Cho & Saul 2009 (relu), Williams 1997 (erf, gaussian), Tsuchida et al. 2021 (gelu); sin, cos, exp and monomials
are Gaussian characteristic functions and moments.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench._vendor.array_api_compat import numpy as xnp
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.special import special
from ntkbench.duals.arc_cosine import relu_dual
from ntkbench.duals.quadrature import LOGISTIC, Mixture, hermite_dual, hermite_error
from ntkbench.networks.layers import Activation

# How far the mixtures are from tanh, sigmoid and swish, and their derivatives from theirs, anywhere.
MIXTURE_ERROR = {"sigmoid": (5e-12, 9e-12), "tanh": (9e-12, 4e-11), "swish": (9e-12, 1.5e-11)}


def dual(activation: Activation, xp: Any, q12: Any, q11: Any, q22: Any) -> tuple[Any, Any]:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)] for Gaussians of variances q11 and q22 and covariance q12.

    Arrays of the library whose namespace is `xp`, float32 or float64, broadcastable to one shape -> two of that shape
    and dtype. Leave variances unbroadcast: what depends on one alone is computed once. Where a variance is zero the
    derivative of a kink counts as the mean of both sides. Raises ValueError for an activation that does not exist.
    """
    rank = max(q.ndim for q in (q12, q11, q22))
    shape = np.broadcast_shapes(*(tuple(q.shape) for q in (q12, q11, q22)))
    q12, q11, q22 = (
        q if q.ndim == rank else xp.reshape(q, (1,) * (rank - q.ndim) + tuple(q.shape)) for q in (q12, q11, q22)
    )
    gaussians = _Gaussians(xp, q12, q11, q22)
    if callable(activation.function):
        results = hermite_dual(activation.function, xp, gaussians.correlation(), q11, q22)
    else:
        results = _named(activation.function).dual(gaussians, activation)
    first, second = (_full(xp, result, q12, shape) for result in results)
    return first, second


def diagonal(activation: Activation, xp: Any, q11: Any) -> Any:
    """E[phi(u)^2] for a Gaussian of variance q11: what `dual` gives where both variables are the same."""
    return dual(activation, xp, q11, q11, q11)[0]


def diagonal_derivative(activation: Activation, xp: Any, q11: Any) -> Any:
    """E[phi'(u)^2] for a Gaussian of variance q11."""
    return dual(activation, xp, q11, q11, q11)[1]


def apply(activation: Activation, xp: Any, x: Any) -> Any:
    """phi(x), entry by entry, in operations that the library can differentiate; ValueError as `dual`."""
    if callable(activation.function):
        return activation.function(x)
    return _named(activation.function).apply(xp, x, activation)


def names() -> list[str]:
    """The activations that have a name."""
    return sorted(_FORMS)


def quadrature_error(activation: Activation, variance: float) -> tuple[float, float]:
    """How far both results of `dual` can be off beside rounding, in float64, for u and v of this variance.

    Absolute, for the worst correlation; zero for closed forms. A smooth function without a name (tanh, say) reaches
    1e-10, and its derivative 2e-9, up to a variance of 10; where a function has kinks it is off by about 1e-3, and its
    derivative by 0.04 of its jump squared, where correlations are nearly one. The function is called with NumPy arrays.
    """
    if callable(activation.function):
        return hermite_error(activation.function, variance)
    _named(activation.function)
    if activation.function not in MIXTURE_ERROR:
        return 0.0, 0.0
    squares = dual(activation, xnp, *(np.asarray(float(variance)),) * 3)
    # For functions f and g that are off by epsilon: E[f g] by no more than epsilon times the sum of their norms.
    first, second = (
        2 * error * (math.sqrt(float(square)) + error)
        for error, square in zip(MIXTURE_ERROR[activation.function], squares, strict=True)
    )
    return first, second


class _Gaussians(NamedTuple):
    """Two jointly Gaussian variables: their covariance and variances, arrays of one rank."""

    xp: Any
    q12: Any
    q11: Any
    q22: Any

    def scale(self) -> Any:
        """sqrt(q11 q22): exact for equal variances, without overflow, the same when both are exchanged."""
        xp = self.xp
        zero = xp.zeros_like(self.q11)
        larger, smaller = (xp.maximum(pick(self.q11, self.q22), zero) for pick in (xp.maximum, xp.minimum))
        return larger * xp.sqrt(smaller / xp.where(larger > 0.0, larger, xp.ones_like(larger)))

    def gap(self) -> Any:
        """q11 q22 - q12^2, which is not negative."""
        scale, size = self.scale(), self.xp.abs(self.q12)
        return self.xp.maximum(scale - size, self.xp.zeros_like(size)) * (scale + size)

    def correlation(self) -> Any:
        """q12 / sqrt(q11 q22); what has no variance does not correlate."""
        xp, scale = self.xp, self.scale()
        positive = scale > 0.0
        ratio = self.q12 / xp.where(positive, scale, xp.ones_like(scale))
        return xp.clip(xp.where(positive, ratio, xp.zeros_like(ratio)), -1.0, 1.0)


def _full(xp: Any, result: Any, like: Any, shape: tuple[int, ...]) -> Any:
    """A result, perhaps a plain number or one of a smaller shape, as an array of this shape."""
    if isinstance(result, float):
        result = xp.full_like(like, result)
    return result if tuple(result.shape) == shape else xp.broadcast_to(result, shape)


def _leaky(g: _Gaussians, slope: float) -> tuple[Any, Any]:
    """x for x > 0, slope x otherwise: (1 - slope) relu(x) + slope x."""
    kappa, step = relu_dual(g.xp, g.correlation())
    square = (1.0 - slope) ** 2
    return square * (g.scale() * kappa) + slope * g.q12, square * step + slope


def _waves(g: _Gaussians) -> tuple[Any, Any]:
    """E[sin u sin v] and E[cos u cos v]: exp(-(q11 + q22) / 2) times sinh and cosh of q12, without overflow."""
    xp, size = g.xp, g.xp.abs(g.q12)
    peak = 0.5 * xp.exp(size - 0.5 * (g.q11 + g.q22))
    return -peak * xp.expm1(-2.0 * size) * xp.sign(g.q12), peak * (1.0 + xp.exp(-2.0 * size))


def _exponential(g: _Gaussians) -> tuple[Any, Any]:
    both = g.xp.exp(g.q12 + 0.5 * (g.q11 + g.q22))
    return both, both


def _gaussian(g: _Gaussians) -> tuple[Any, Any]:
    determinant = 1.0 + (g.q11 + g.q22) + g.gap()
    value = 1.0 / g.xp.sqrt(determinant)
    return value, g.q12 * value / determinant


def _monomial(g: _Gaussians, degree: int) -> tuple[Any, Any]:
    return _moment(g, degree), degree**2 * _moment(g, degree - 1) if degree else 0.0


def _moment(g: _Gaussians, n: int) -> Any:
    """E[u^n v^n]: over the number k of pairs (u, v) in Wick's theorem, k = n, n - 2, ...; all terms of one sign."""
    square, product = g.q12 * g.q12, g.q11 * g.q22
    total, power = 1.0 * math.factorial(n), 1.0
    for j in range(1, n // 2 + 1):
        pairs = math.factorial(2 * j) // (2**j * math.factorial(j))
        power = power * product
        total = total * square + float(math.comb(n, 2 * j) ** 2 * math.factorial(n - 2 * j) * pairs**2) * power
    return total * g.q12 if n % 2 else total


def _mixed(g: _Gaussians, mixture: Mixture, term: Callable[..., tuple[Any, Any]]) -> tuple[Any, Any]:
    """Sums of `term` over the pairs of scales s, t of a mixture, each with both weights.

    Its arguments: s t, the covariance and the variances of s u and t v, and 1 + their sum + their determinant.
    """
    gap = g.gap()

    def add(sums: tuple[Any, Any], pair: Any) -> tuple[Any, Any]:
        s, t, weight = pair
        product, v1, v2 = s * t, s * s * g.q11, t * t * g.q22
        value, slope = term(product, product * g.q12, v1, v2, 1.0 + (v1 + v2) + product * product * gap)
        return sums[0] + weight * value, sums[1] + weight * slope

    zero = g.xp.zeros_like(gap)
    if len(mixture.scales) == 1:
        s = mixture.scales[0]
        return add((zero, zero), (s, s, 1.0))
    pairs = [(s, t, a * b) for s, a in zip(*mixture, strict=True) for t, b in zip(*mixture, strict=True)]
    device = array_api_compat.device(gap)
    columns = [g.xp.asarray(column, dtype=gap.dtype, device=device) for column in zip(*pairs, strict=True)]
    sums: tuple[Any, Any] = execution_for(gap).scan(add, (zero, zero), columns)
    return sums


def _centred(g: _Gaussians, mixture: Mixture) -> tuple[Any, Any]:
    """The dual activation of x -> 2 F(x) - 1 for a mixture F."""

    def term(product: Any, q12: Any, _v1: Any, _v2: Any, determinant: Any) -> tuple[Any, Any]:
        root = g.xp.sqrt(determinant)
        return g.xp.atan2(q12, root), product / root

    value, slope = _mixed(g, mixture, term)
    return value * (2 / math.pi), slope * (2 / math.pi)


def _gated(g: _Gaussians, mixture: Mixture) -> tuple[Any, Any]:
    """The dual activation of x -> x F(x) for a mixture F, by Stein's lemma."""
    gap, square = g.gap(), g.q12 * g.q12

    def term(product: Any, q12: Any, v1: Any, v2: Any, determinant: Any) -> tuple[Any, Any]:
        root = g.xp.sqrt(determinant)
        # 2 pi E[F(u) F(v)]: small, and then precise, where the correlation is negative.
        angle = g.xp.atan2(root, -q12)
        inverses = 1.0 / (1.0 + v1) + 1.0 / (1.0 + v2)
        value = g.q12 * angle + product / root * (gap + square * inverses)
        return value, angle + q12 / root * (inverses + 1.0 / determinant)

    value, slope = _mixed(g, mixture, term)
    return value / (2 * math.pi), slope / (2 * math.pi)


def _sigmoid(g: _Gaussians) -> tuple[Any, Any]:
    value, slope = _centred(g, LOGISTIC)
    return 0.25 + 0.25 * value, 0.25 * slope


_ERF = Mixture((math.sqrt(2.0),), (1.0,))  # erf(x) = 2 Phi(sqrt(2) x) - 1
_NORMAL = Mixture((1.0,), (1.0,))
_TANH = Mixture(tuple(2.0 * s for s in LOGISTIC.scales), LOGISTIC.weights)  # tanh(x) = 2 sigmoid(2 x) - 1


def _relu(xp: Any, x: Any) -> Any:
    # By a choice for each entry torch would take as long as for a matrix product. NaN stays NaN.
    return x.relu() if array_api_compat.is_torch_array(x) else xp.where(x <= 0.0, xp.zeros_like(x), x)


def _logistic(xp: Any, x: Any) -> Any:
    return 0.5 + 0.5 * xp.tanh(0.5 * x)


@dataclass(frozen=True)
class _Form:
    """One named activation: phi(xp, x, activation), and its dual activation."""

    apply: Callable[[Any, Any, Activation], Any]
    dual: Callable[[_Gaussians, Activation], tuple[Any, Any]]


_FORMS = {
    "relu": _Form(lambda xp, x, a: _relu(xp, x), lambda g, a: _leaky(g, 0.0)),
    "leaky_relu": _Form(lambda xp, x, a: xp.where(x <= 0.0, a.slope * x, x), lambda g, a: _leaky(g, a.slope)),
    "abs": _Form(lambda xp, x, a: xp.abs(x), lambda g, a: _leaky(g, -1.0)),
    "erf": _Form(lambda xp, x, a: special(xp, "erf")(x), lambda g, a: _centred(g, _ERF)),
    "gelu": _Form(lambda xp, x, a: 0.5 * x * special(xp, "erfc")(-math.sqrt(0.5) * x), lambda g, a: _gated(g, _NORMAL)),
    "sin": _Form(lambda xp, x, a: xp.sin(x), lambda g, a: _waves(g)),
    "cos": _Form(lambda xp, x, a: xp.cos(x), lambda g, a: _waves(g)[::-1]),
    "identity": _Form(lambda xp, x, a: x, lambda g, a: (g.q12, 1.0)),
    "monomial": _Form(lambda xp, x, a: x**a.degree, lambda g, a: _monomial(g, a.degree)),
    "exp": _Form(lambda xp, x, a: xp.exp(x), lambda g, a: _exponential(g)),
    "gaussian": _Form(lambda xp, x, a: xp.exp(-0.5 * x * x), lambda g, a: _gaussian(g)),
    "tanh": _Form(lambda xp, x, a: xp.tanh(x), lambda g, a: _centred(g, _TANH)),
    "sigmoid": _Form(lambda xp, x, a: _logistic(xp, x), lambda g, a: _sigmoid(g)),
    "swish": _Form(lambda xp, x, a: x * _logistic(xp, x), lambda g, a: _gated(g, LOGISTIC)),
}


def _named(name: str) -> _Form:
    if name not in _FORMS:
        near = difflib.get_close_matches(name, _FORMS, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"no activation is called {name!r}; the nearest is {near!r}, and there are {', '.join(names())}"
        )
    return _FORMS[name]
