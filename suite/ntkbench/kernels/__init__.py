"""Infinite-width kernels and empirical ones: exact Gram matrices, regression with them, and training dynamics."""

from ntkbench.arrays.execution import implementations, prefer
from ntkbench.arrays.throughput import rescaled
from ntkbench.duals.hermite import HermiteSeries, hermite_coefficients, hermite_series
from ntkbench.kernels.conv.api import cntk, conv_kernels, relative_error
from ntkbench.kernels.empirical.costs import costs
from ntkbench.kernels.empirical.ntk import empirical_ntk, empirical_ntk_product
from ntkbench.kernels.general.recursion import architecture_kernels
from ntkbench.kernels.gram.blocks import block_gram
from ntkbench.kernels.random_features import first_layer_kernel, random_features_kernel
from ntkbench.kernels.relu.dense import fc_kernels
from ntkbench.kernels.relu.network import Kernels
from ntkbench.kernels.work import Work, cntk_work, fc_work
from ntkbench.solvers.cholesky import NotPositiveDefinite, cholesky_regression, cholesky_solve
from ntkbench.solvers.conjugate_gradient import ConvergenceError, Solution, conjugate_gradient
from ntkbench.solvers.panel_cholesky import PanelCholesky, panel_regression
from ntkbench.solvers.preconditioners import jacobi, nystrom, pivoted_cholesky
from ntkbench.solvers.regression import Regression, kernel_regression, min_eigenvalue, train_test
from ntkbench.solvers.ridge_path import RidgePath, ridge_path
from ntkbench.theory.complexity import LabelComplexity, label_complexity
from ntkbench.theory.domains import Circle, Domain, Hypercube, Sample, Sphere
from ntkbench.theory.dynamics import DivergenceError, Dynamics, gradient_descent, gradient_flow, max_learning_rate
from ntkbench.theory.eigenlearning import Prediction, eigenlearning, points_to_learn
from ntkbench.theory.feature_alignment import Memorisation, alignment_constant, identity_error, memorisation
from ntkbench.theory.label_noise import Mitigation, mitigate, noisy_labels
from ntkbench.theory.learning_curve import Errors, network_errors, regression_errors
from ntkbench.theory.linearisation import (
    EXPONENTIAL,
    Expansion,
    exponential_kernel,
    linear_surrogate,
    linearisation_error,
    operator_norm,
    relu_ntk_expansion,
)
from ntkbench.theory.rademacher import Rademacher, all_signs, rademacher_complexity, ramp_gap
from ntkbench.theory.spectra import Spectrum, cosine_kernel, harmonic_dimension

__all__ = [
    "EXPONENTIAL",
    "Circle",
    "ConvergenceError",
    "DivergenceError",
    "Domain",
    "Dynamics",
    "Errors",
    "Expansion",
    "HermiteSeries",
    "Hypercube",
    "Kernels",
    "LabelComplexity",
    "Memorisation",
    "Mitigation",
    "NotPositiveDefinite",
    "PanelCholesky",
    "Prediction",
    "Rademacher",
    "Regression",
    "RidgePath",
    "Sample",
    "Solution",
    "Spectrum",
    "Sphere",
    "Work",
    "alignment_constant",
    "all_signs",
    "architecture_kernels",
    "block_gram",
    "cholesky_regression",
    "cholesky_solve",
    "cntk",
    "cntk_work",
    "conjugate_gradient",
    "conv_kernels",
    "cosine_kernel",
    "costs",
    "eigenlearning",
    "empirical_ntk",
    "empirical_ntk_product",
    "exponential_kernel",
    "fc_kernels",
    "fc_work",
    "first_layer_kernel",
    "gradient_descent",
    "gradient_flow",
    "harmonic_dimension",
    "hermite_coefficients",
    "hermite_series",
    "identity_error",
    "implementations",
    "jacobi",
    "kernel_regression",
    "label_complexity",
    "linear_surrogate",
    "linearisation_error",
    "max_learning_rate",
    "memorisation",
    "min_eigenvalue",
    "mitigate",
    "network_errors",
    "noisy_labels",
    "nystrom",
    "operator_norm",
    "panel_regression",
    "pivoted_cholesky",
    "points_to_learn",
    "prefer",
    "rademacher_complexity",
    "ramp_gap",
    "random_features_kernel",
    "regression_errors",
    "relative_error",
    "relu_ntk_expansion",
    "rescaled",
    "ridge_path",
    "train_test",
]
