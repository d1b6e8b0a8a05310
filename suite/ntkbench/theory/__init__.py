"""What is predicted: spectra, eigenlearning, learning curves, complexity, dynamics."""

from ntkbench.theory.complexity import LabelComplexity, label_complexity
from ntkbench.theory.conditioning import Conditioning, conditioning, relu_gram, spline_gram
from ntkbench.theory.departure import Departure, conserved_share, student_t, worst_departure
from ntkbench.theory.descent.dynamics import (
    DivergenceError,
    Dynamics,
    gradient_descent,
    gradient_flow,
    max_learning_rate,
)
from ntkbench.theory.descent.kernel_descent import bessel_law, envelope_exponent, kernel_descents
from ntkbench.theory.descent.margin import Separator, function_cosines, hard_margin
from ntkbench.theory.descent.rules import (
    METHODS,
    Rule,
    decay_factor,
    ridge_for,
    steps_until,
    tuned_factor,
    tuned_rule,
)
from ntkbench.theory.descent.streaming import (
    LevelErrors,
    Moments,
    Stream,
    growth_threshold,
    level_errors,
    noise_gain,
    stable_rate,
    stream_errors,
    stream_floor,
    stream_growth,
)
from ntkbench.theory.descent.streaming_runs import (
    KernelRuns,
    Streams,
    draw_streams,
    kernel_runs,
    most_standard_errors,
    network_runs,
    shortened_streams,
    stream_inputs,
)
from ntkbench.theory.descent.training import (
    Adam,
    Descent,
    FirstOutput,
    antisymmetric,
    descend,
    gradient_features,
    linear,
)
from ntkbench.theory.domains import Circle, Domain, Hypercube, Sample, Sphere, mixture
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
    largest_deviations,
    mean_largest_normal,
    norm_deviations,
    norm_exponent,
    norm_scaling,
    spread_error,
    spread_exponent,
    squared_norms,
)
from ntkbench.theory.label_noise import Mitigation, mitigate, noisy_labels
from ntkbench.theory.lazy.alignment import (
    SilentAlignment,
    centred_alignment,
    kernel_cosine,
    linear_network_kernel,
    silent_alignment,
)
from ntkbench.theory.lazy.departures import (
    ScaleDepartures,
    WidthDepartures,
    scale_departures,
    training_path,
    width_departures,
)
from ntkbench.theory.lazy.diagonal import (
    diagonal_flow,
    diagonal_minimiser,
    diagonal_potential,
    least_l1,
    scale_of_least_norm,
)
from ntkbench.theory.lazy.hinge import hinge_training, soft_relu
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
from ntkbench.theory.predictions.coverage import Held, coverage, gp_draws, intervals_held
from ntkbench.theory.predictions.ensembles import Ensemble, ensemble
from ntkbench.theory.predictions.evidence import Evidence, most_likely
from ntkbench.theory.predictions.loss_flow import IntegrationError, loss_flow
from ntkbench.theory.predictions.posterior import Posterior, posterior, posterior_gaps
from ntkbench.theory.predictions.stationary import stationary_kernel
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
from ntkbench.theory.width.finite_width import LossCurves, difference_ntk, loss_curves, ntk_width_errors
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
    "EXPONENTIAL", "METHODS", "Adam", "Capacity", "Circle", "Conditioning", "Copies", "Departure", "Descent",
    "Difference", "DivergenceError", "Domain", "Dynamics", "Ensemble", "Errors", "Estimate", "Evidence",
    "Expansion", "Exponent", "FirstMovement", "FirstOutput", "GapErrors", "Held", "Hypercube", "IntegrationError",
    "KernelErrors", "KernelRuns", "LabelComplexity", "LevelErrors", "Linearised", "LossCurves", "MarkovCircle",
    "Memorisation", "Mitigation", "Moments", "NormScaling", "PointKernels", "Posterior", "PredictedLaw",
    "Prediction", "Rademacher", "Recall", "ReluDraws", "ReluMoments", "ReluStack", "Rule", "Sample",
    "ScaleDepartures", "ScalingLaws", "Separator", "SilentAlignment", "Spectrum", "Sphere", "Stream", "Streams",
    "TrainedLaw", "WidthDepartures", "WidthLaw", "alignment_constant", "all_signs", "antisymmetric", "bessel_law",
    "capacity_curve", "centred_alignment", "conditioning", "conserved_share", "cosine_kernel", "coverage",
    "decay_factor", "descend", "diagonal_flow", "diagonal_minimiser", "diagonal_potential", "difference_ntk",
    "discrepancies", "draw_relu", "draw_stack", "draw_streams", "draw_widths", "eigenlearning", "ensemble",
    "envelope_exponent", "estimate", "excess_kurtosis", "exponential_error", "exponential_kernel", "first_movement",
    "function_cosines", "gaussian_mmd_squared", "geometric_width", "gp_draws", "gradient_descent",
    "gradient_features", "gradient_flow", "group_errors", "growth_threshold", "hard_margin", "harmonic_dimension",
    "hinge_training", "identity_error", "interpolant_norm", "intervals_held", "kernel_cosine", "kernel_descents",
    "kernel_errors", "kernel_runs", "label_complexity", "largest_deviations", "layer_kernels", "learned_degree",
    "least_l1", "level_errors", "limit_layer_kernels", "limit_ratio", "linear", "linear_network_kernel",
    "linear_surrogate", "linearisation_error", "loss_curves", "loss_flow", "max_learning_rate",
    "mean_largest_normal", "mean_movement", "memorisation", "mitigate", "mixture", "mmd_squared", "most_likely",
    "most_standard_errors", "movement_bound", "movement_scale", "narrow_parameters", "network_curve",
    "network_errors", "network_runs", "noise_gain", "noisy_labels", "norm_deviations", "norm_exponent",
    "norm_scaling", "ntk_width_errors", "operator_norm", "outputs_of_all", "pareto_width", "plateau_points",
    "point_kernels", "points_at_half", "points_to_learn", "poisson_width", "posterior", "posterior_gaps",
    "power_law_exponent", "predicted_law", "rademacher_complexity", "ramp_gap", "recall_by_size",
    "regression_curve", "regression_errors", "relu_gram", "relu_moments", "relu_network", "relu_ntk_error",
    "relu_ntk_expansion", "ridge_for", "sampled", "sampled_layers", "scale_departures", "scale_of_least_norm",
    "scaling_laws", "shortened_streams", "silent_alignment", "soft_relu", "spline_gram", "spread_error",
    "spread_exponent", "squared_norms", "stable_rate", "stationary_kernel", "steps_until", "stream_errors",
    "stream_floor", "stream_growth", "stream_inputs", "student_t", "trained_law", "training_path", "tuned_factor",
    "tuned_rule", "width_departures", "with_fresh_core", "worst_departure",
]  # fmt: skip
