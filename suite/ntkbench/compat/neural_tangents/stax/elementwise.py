"""Nonlinearities, and what else acts without weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ntkbench import networks
from ntkbench.compat.neural_tangents.stax.parts import Leaf
from ntkbench.compat.neural_tangents.stax.triples import Triple, triple
from ntkbench.networks import activations


def Relu(do_stabilize: bool = False) -> Triple:
    """max(x, 0); `do_stabilize` changes nothing, as kernels are computed in float64."""
    return _activation("relu")


def LeakyRelu(alpha: float, do_stabilize: bool = False) -> Triple:
    """alpha min(x, 0) + max(x, 0)."""
    return triple(Leaf(networks.Activation("leaky_relu", slope=float(alpha))))


def ABRelu(a: float, b: float, do_stabilize: bool = False) -> Triple:
    """a min(x, 0) + b max(x, 0)."""
    return _activation(activations.ABRelu(float(a), float(b)))


def Abs(do_stabilize: bool = False) -> Triple:
    """|x|."""
    return _activation("abs")


def Sign() -> Triple:
    """The sign of x."""
    return _activation("sign")


def Erf(a: float = 1.0, b: float = 1.0, c: float = 0.0) -> Triple:
    """a erf(b x) + c."""
    return _activation("erf" if (a, b, c) == (1, 1, 0) else activations.Erf(a, b, c))


def Sigmoid_like() -> Triple:
    """An error function near the logistic one."""
    return _activation("sigmoid_like")


def Gelu(approximate: bool = False) -> Triple:
    """x times the normal distribution function, exactly: an `approximate` one raises ValueError."""
    if approximate:
        raise ValueError("Gelu is exact here: leave approximate out, or use ntkbench.networks.Activation(function)")
    return _activation("gelu")


def Sin(a: float = 1.0, b: float = 1.0, c: float = 0.0) -> Triple:
    """a sin(b x + c)."""
    return _activation(activations.Sin(a, b, c))


def Cos(a: float = 1.0, b: float = 1.0, c: float = 0.0) -> Triple:
    """a cos(b x + c)."""
    return _activation(activations.Cos(a, b, c))


def Rbf(gamma: float = 1.0) -> Triple:
    """A sine whose dual is a squared exponential."""
    return _activation(activations.Rbf(gamma))


def Gabor() -> Triple:
    """exp(-x^2) sin(x)."""
    return _activation("gabor")


def Exp(a: float = 1.0, b: float = 1.0) -> Triple:
    """a exp(b x)."""
    return _activation(activations.Exp(a, b))


def Gaussian(a: float = 1.0, b: float = -1.0) -> Triple:
    """a exp(b x^2), b not positive."""
    return _activation(activations.Gaussian(a, b))


def ExpNormalized(gamma: float = 1.0, shift: float = -1.0, do_clip: bool = False) -> Triple:
    """The normalised Gaussian kernel; `do_clip` changes nothing, as correlations never leave [-1, 1]."""
    return _activation(activations.ExpNormalized(gamma, shift))


def Hermite(degree: int) -> Triple:
    """A normalised Hermite polynomial."""
    return _activation(activations.Hermite(degree))


def Monomial(degree: int) -> Triple:
    """x^degree."""
    return triple(Leaf(networks.Activation("monomial", degree=degree)))


def RectifiedMonomial(degree: int) -> Triple:
    """x^degree where x is not negative, else 0."""
    return _activation(activations.RectifiedMonomial(degree))


def Polynomial(coef: Sequence[float]) -> Triple:
    """A polynomial with these coefficients, the constant term first."""
    return _activation(activations.Polynomial(tuple(map(float, coef))))


def ElementwiseNumerical(fn: Callable[..., Any], deg: int, df: Callable[..., Any] | None = None) -> Triple:
    """A function of arrays, by a quadrature whose number of points and derivative are chosen here."""
    return _activation(fn)


def LayerNorm(
    axis: int | Sequence[int] = -1, eps: float = 1e-12, batch_axis: int = 0, channel_axis: int = -1
) -> Triple:
    """`networks.LayerNorm` over the axes; inputs come first and channels last, or ValueError."""
    if batch_axis != 0 or channel_axis != -1:
        raise ValueError(f"inputs come first and channels last, axes 0 and -1, not {batch_axis} and {channel_axis}")
    return triple(Leaf(networks.LayerNorm(eps, axis if isinstance(axis, int) else tuple(axis))))


def Flatten(batch_axis: int = 0, batch_axis_out: int = 0) -> Triple:
    """`networks.Flatten`; inputs come first, or ValueError."""
    if batch_axis != 0 or batch_axis_out not in (0, -2):
        raise ValueError(f"inputs come first, axis 0, not {batch_axis} and {batch_axis_out}")
    return triple(Leaf(networks.Flatten()))


def _activation(function: Any) -> Triple:
    return triple(Leaf(networks.Activation(function)))
