"""Linear algebra on Gram matrices: regression, direct and iterative solvers, preconditioners."""

from ntkbench.solvers.cholesky import NotPositiveDefinite, cholesky_regression, cholesky_solve
from ntkbench.solvers.conjugate_gradient import ConvergenceError, Solution, conjugate_gradient
from ntkbench.solvers.panel_cholesky import PanelCholesky, panel_regression
from ntkbench.solvers.preconditioners import jacobi, nystrom, pivoted_cholesky
from ntkbench.solvers.regression import Regression, kernel_regression, min_eigenvalue
from ntkbench.solvers.ridge_path import RidgePath, ridge_path

__all__ = [
    "ConvergenceError",
    "NotPositiveDefinite",
    "PanelCholesky",
    "Regression",
    "RidgePath",
    "Solution",
    "cholesky_regression",
    "cholesky_solve",
    "conjugate_gradient",
    "jacobi",
    "kernel_regression",
    "min_eigenvalue",
    "nystrom",
    "panel_regression",
    "pivoted_cholesky",
    "ridge_path",
]
