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
from ntkbench.theory.spectra import Spectrum, cosine_kernel, harmonic_dimension
from ntkbench.theory.staircase import learned_degree, plateau_points, points_at_half, power_law_exponent
from ntkbench.theory.width.convergence import KernelErrors, kernel_errors, limit_layer_kernels
from ntkbench.theory.width.copies import Copies, narrow_parameters, outputs_of_all
from ntkbench.theory.width.finite_width import LossCurves, loss_curves, ntk_width_errors
from ntkbench.theory.width.gaussianity import discrepancies, excess_kurtosis, gaussian_mmd_squared, mmd_squared
from ntkbench.theory.width.laws import geometric_width, pareto_width, poisson_width
from ntkbench.theory.width.moments import ReluMoments, limit_ratio, mean_movement, movement_bound, relu_moments
from ntkbench.theory.width.random_widths import (
    ReluDraws,
    WidthLaw,
    draw_relu,
    draw_widths,
    relu_network,
)
from ntkbench.theory.width.scaling import ScalingLaws, movement_scale, scaling_laws
from ntkbench.theory.width.scores import Estimate, estimate
from ntkbench.theory.width.stacks import (
    FirstMovement,
    PointKernels,
    ReluStack,
    draw_stack,
    first_movement,
    layer_kernels,
    point_kernels,
    sampled,
    sampled_layers,
)
from ntkbench.theory.width.trained import PredictedLaw, TrainedLaw, predicted_law, trained_law

__all__ = [
    "EXPONENTIAL",
    "Capacity",
    "Circle",
    "Conditioning",
    "Copies",
    "Departure",
    "DivergenceError",
    "Domain",
    "Dynamics",
    "Ensemble",
    "Errors",
    "Estimate",
    "Expansion",
    "Exponent",
    "FirstMovement",
    "GapErrors",
    "Hypercube",
    "IntegrationError",
    "KernelErrors",
    "LabelComplexity",
    "LossCurves",
    "MarkovCircle",
    "Memorisation",
    "Mitigation",
    "NormScaling",
    "PointKernels",
    "Posterior",
    "PredictedLaw",
    "Prediction",
    "Rademacher",
    "Recall",
    "ReluDraws",
    "ReluMoments",
    "ReluStack",
    "Sample",
    "ScalingLaws",
    "Spectrum",
    "Sphere",
    "TrainedLaw",
    "WidthLaw",
    "alignment_constant",
    "all_signs",
    "capacity_curve",
    "conditioning",
    "conserved_share",
    "cosine_kernel",
    "discrepancies",
    "draw_relu",
    "draw_stack",
    "draw_widths",
    "eigenlearning",
    "ensemble",
    "estimate",
    "excess_kurtosis",
    "exponential_error",
    "exponential_kernel",
    "first_movement",
    "gaussian_mmd_squared",
    "geometric_width",
    "gradient_descent",
    "gradient_flow",
    "group_errors",
    "harmonic_dimension",
    "identity_error",
    "interpolant_norm",
    "kernel_errors",
    "label_complexity",
    "layer_kernels",
    "learned_degree",
    "limit_layer_kernels",
    "limit_ratio",
    "linear_surrogate",
    "linearisation_error",
    "loss_curves",
    "loss_flow",
    "max_learning_rate",
    "mean_movement",
    "memorisation",
    "mitigate",
    "mixture",
    "mmd_squared",
    "movement_bound",
    "movement_scale",
    "narrow_parameters",
    "network_curve",
    "network_errors",
    "noisy_labels",
    "norm_deviations",
    "norm_exponent",
    "norm_scaling",
    "ntk_width_errors",
    "operator_norm",
    "outputs_of_all",
    "pareto_width",
    "plateau_points",
    "point_kernels",
    "points_at_half",
    "points_to_learn",
    "poisson_width",
    "posterior",
    "power_law_exponent",
    "predicted_law",
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
    "sampled",
    "sampled_layers",
    "scaling_laws",
    "spline_gram",
    "spread_error",
    "spread_exponent",
    "squared_norms",
    "student_t",
    "trained_law",
    "with_fresh_core",
    "worst_departure",
]
