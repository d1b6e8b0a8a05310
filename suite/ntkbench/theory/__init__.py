"""What is predicted: spectra, eigenlearning, learning curves, complexity, dynamics."""

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
    "DivergenceError",
    "Domain",
    "Dynamics",
    "Errors",
    "Expansion",
    "Hypercube",
    "LabelComplexity",
    "Memorisation",
    "Mitigation",
    "Prediction",
    "Rademacher",
    "Sample",
    "Spectrum",
    "Sphere",
    "alignment_constant",
    "all_signs",
    "cosine_kernel",
    "eigenlearning",
    "exponential_kernel",
    "gradient_descent",
    "gradient_flow",
    "harmonic_dimension",
    "identity_error",
    "label_complexity",
    "linear_surrogate",
    "linearisation_error",
    "max_learning_rate",
    "memorisation",
    "mitigate",
    "network_errors",
    "noisy_labels",
    "operator_norm",
    "points_to_learn",
    "rademacher_complexity",
    "ramp_gap",
    "regression_errors",
    "relu_ntk_expansion",
]
