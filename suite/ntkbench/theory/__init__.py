"""What is predicted: spectra, eigenlearning, learning curves, complexity, dynamics."""

from ntkbench.theory.complexity import LabelComplexity, label_complexity
from ntkbench.theory.conditioning import Conditioning, conditioning, relu_gram, spline_gram
from ntkbench.theory.departure import Departure, conserved_share, student_t, worst_departure
from ntkbench.theory.domains import Circle, Domain, Hypercube, Sample, Sphere, mixture
from ntkbench.theory.dynamics import DivergenceError, Dynamics, gradient_descent, gradient_flow, max_learning_rate
from ntkbench.theory.eigenlearning import Prediction, eigenlearning, points_to_learn
from ntkbench.theory.feature_alignment import (
    Memorisation,
    Recall,
    alignment_constant,
    identity_error,
    memorisation,
    recall_by_size,
    with_fresh_core,
)
from ntkbench.theory.finite_width import LossCurves, loss_curves, ntk_width_errors
from ntkbench.theory.gaps import GapErrors, MarkovCircle
from ntkbench.theory.input_norms import (
    Exponent,
    NormScaling,
    norm_deviations,
    norm_exponent,
    norm_scaling,
    spread_error,
    spread_exponent,
    squared_norms,
)
from ntkbench.theory.label_noise import Mitigation, mitigate, noisy_labels
from ntkbench.theory.lazy.departures import (
    ScaleDepartures,
    WidthDepartures,
    scale_departures,
    training_path,
    width_departures,
)
from ntkbench.theory.lazy.linear_model import Difference, Linearised
from ntkbench.theory.learning_curve import Errors, group_errors, regression_curve, regression_errors
from ntkbench.theory.linearisation import (
    EXPONENTIAL,
    Expansion,
    exponential_error,
    exponential_kernel,
    linear_surrogate,
    linearisation_error,
    operator_norm,
    relu_ntk_error,
    relu_ntk_expansion,
)
from ntkbench.theory.network_curve import network_curve, network_errors
from ntkbench.theory.predictions.ensembles import Ensemble, ensemble
from ntkbench.theory.predictions.loss_flow import IntegrationError, loss_flow
from ntkbench.theory.predictions.posterior import Posterior, posterior
from ntkbench.theory.rademacher import (
    Capacity,
    Rademacher,
    all_signs,
    capacity_curve,
    interpolant_norm,
    rademacher_complexity,
    ramp_gap,
)
from ntkbench.theory.random_widths import (
    ReluDraws,
    ReluMoments,
    WidthLaw,
    draw_relu,
    draw_widths,
    relu_moments,
    relu_network,
)
from ntkbench.theory.spectra import Spectrum, cosine_kernel, harmonic_dimension
from ntkbench.theory.staircase import learned_degree, plateau_points, points_at_half, power_law_exponent

__all__ = [
    "EXPONENTIAL",
    "Capacity",
    "Circle",
    "Conditioning",
    "Departure",
    "Difference",
    "DivergenceError",
    "Domain",
    "Dynamics",
    "Ensemble",
    "Errors",
    "Expansion",
    "Exponent",
    "GapErrors",
    "Hypercube",
    "IntegrationError",
    "LabelComplexity",
    "Linearised",
    "LossCurves",
    "MarkovCircle",
    "Memorisation",
    "Mitigation",
    "NormScaling",
    "Posterior",
    "Prediction",
    "Rademacher",
    "Recall",
    "ReluDraws",
    "ReluMoments",
    "Sample",
    "ScaleDepartures",
    "Spectrum",
    "Sphere",
    "WidthDepartures",
    "WidthLaw",
    "alignment_constant",
    "all_signs",
    "capacity_curve",
    "conditioning",
    "conserved_share",
    "cosine_kernel",
    "draw_relu",
    "draw_widths",
    "eigenlearning",
    "ensemble",
    "exponential_error",
    "exponential_kernel",
    "gradient_descent",
    "gradient_flow",
    "group_errors",
    "harmonic_dimension",
    "identity_error",
    "interpolant_norm",
    "label_complexity",
    "learned_degree",
    "linear_surrogate",
    "linearisation_error",
    "loss_curves",
    "loss_flow",
    "max_learning_rate",
    "memorisation",
    "mitigate",
    "mixture",
    "network_curve",
    "network_errors",
    "noisy_labels",
    "norm_deviations",
    "norm_exponent",
    "norm_scaling",
    "ntk_width_errors",
    "operator_norm",
    "plateau_points",
    "points_at_half",
    "points_to_learn",
    "posterior",
    "power_law_exponent",
    "rademacher_complexity",
    "ramp_gap",
    "recall_by_size",
    "regression_curve",
    "regression_errors",
    "relu_gram",
    "relu_moments",
    "relu_network",
    "relu_ntk_error",
    "relu_ntk_expansion",
    "scale_departures",
    "spline_gram",
    "spread_error",
    "spread_exponent",
    "squared_norms",
    "student_t",
    "training_path",
    "width_departures",
    "with_fresh_core",
    "worst_departure",
]
