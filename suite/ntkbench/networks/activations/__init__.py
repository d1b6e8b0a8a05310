"""Nonlinearities: each a frozen value with its function, its dual activation and that of its derivative."""

from ntkbench.networks.activations.dual_activation import diagonal, diagonal_derivative, dual
from ntkbench.networks.activations.nonlinearity import Nonlinearity
from ntkbench.networks.activations.table import names, nonlinearity_of

__all__ = ["Nonlinearity", "diagonal", "diagonal_derivative", "dual", "names", "nonlinearity_of"]
