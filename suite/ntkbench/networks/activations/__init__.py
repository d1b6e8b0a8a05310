"""Nonlinearities: each a frozen value with its function, its dual activation and that of its derivative."""

from ntkbench.networks.activations.dual_activation import diagonal, diagonal_derivative, dual
from ntkbench.networks.activations.erf import Erf
from ntkbench.networks.activations.exponentials import Exp, ExpNormalized, Gabor, Gaussian
from ntkbench.networks.activations.monomials import Monomial
from ntkbench.networks.activations.nonlinearity import Nonlinearity
from ntkbench.networks.activations.polynomials import Hermite, Polynomial
from ntkbench.networks.activations.rectified import RectifiedMonomial, Sign
from ntkbench.networks.activations.relu import ABRelu, LeakyRelu
from ntkbench.networks.activations.table import names, nonlinearity_of
from ntkbench.networks.activations.waves import Cos, Rbf, Sin

__all__ = [
    "ABRelu",
    "Cos",
    "Erf",
    "Exp",
    "ExpNormalized",
    "Gabor",
    "Gaussian",
    "Hermite",
    "LeakyRelu",
    "Monomial",
    "Nonlinearity",
    "Polynomial",
    "Rbf",
    "RectifiedMonomial",
    "Sign",
    "Sin",
    "diagonal",
    "diagonal_derivative",
    "dual",
    "names",
    "nonlinearity_of",
]
