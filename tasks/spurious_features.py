"""How much does regression remember of a label through a part of the input that has nothing to do with it?

Bombari & Mondelli, "How spurious features are memorized" (ICML 2024): an input z = [x, y] has a core x, which decides
the label, and a spurious part y, a share alpha of the d coordinates. After min-norm interpolation the query [x~, y],
with a fresh core, should tell nothing of the label; the share of a point's leave-one-out error that it gives away, the
feature alignment F, tends to a constant gamma that depends on alpha and on the Hermite coefficients of the activation.
For the NTK and d << n << d^2, gamma = alpha sum_l mu'_l^2 alpha^l / sum_l mu'_l^2 over l >= 1: alpha^2 and alpha^4 for
phi' = h_0 + h_1 and h_0 + h_3. At finite n / d it is larger (`alignment_constant`), and so judged here.

Protocol: |z| = sqrt(d), labels sign(u . x), random features phi(V z) with phi = h_1 + h_2 and h_1 + h_4, or the NTK of
k neurons with phi' as above (figure 3 of the authors' code, where d = 1000, and k = 100,000 and 100); the first n / 16
and n / 4 points too. Both activations, and alpha halved, see the same inputs and weights. Generalisation is measured by
leaving one out.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.datasets import sphere
from ntkbench.kernels import (
    alignment_constant,
    first_layer_kernel,
    hermite_series,
    kernel_regression,
    memorisation,
    random_features_kernel,
)

MODELS = {  # kernel; the activation (or its derivative) of degree 2 and 4; what a neuron adds to a Hermite order
    "ntk": (first_layer_kernel, (hermite_series(0, 1), hermite_series(0, 3)), 1),
    "rf": (random_features_kernel, (hermite_series(1, 2), hermite_series(1, 4)), 0),
}
ALPHAS = [0.25, 0.5, 0.75]
SIZES = {
    "smoke": [{"model": "ntk", "d": 100, "k": 100, "n": 480}, {"model": "rf", "d": 100, "k": 4_000, "n": 320}],
    "standard": [{"model": "ntk", "d": 200, "k": 200, "n": 1_500}, {"model": "rf", "d": 200, "k": 10_000, "n": 400}],
    "paper": [{"model": "ntk", "d": 1_000, "k": 100, "n": 1_000}, {"model": "rf", "d": 1_000, "k": 100_000, "n": 1_000}],
}  # fmt: skip
RULE = "Bombari & Mondelli 2024"


def gamma(model: str, degree: int, alpha: float, ratio: float) -> float:
    """The constant for the activation of this degree, at n / d = ratio."""
    _, activations, shift = MODELS[model]
    squares = [mu * mu for mu in activations[degree // 2 - 1].coefficients]
    return alignment_constant([0.0] * shift + squares, alpha, ratio)


def claims():
    """What holds of every run, and gamma for each model, activation and alpha at each size."""
    yield Claim("leave-one-out identity", "identity_error", 0.0, 1e-8, "exact", verified=True, over="worst")
    yield Claim("covariance is gamma times that of the residual", "covariance_deviation", 3.0, 0.0, RULE, verified=True,
                over="worst", side="at most")  # fmt: skip
    for size in [size for sizes in SIZES.values() for size in sizes]:
        of = f"{size['model'].upper()}, d = {size['d']:,}"
        for name, metric in (("gamma grows with alpha", "alpha_gain"), ("gamma(degree 2) > gamma(degree 4)", "degree_gain"),
                             ("excess over the limit shrinks with n / d", "excess_decline"),
                             ("spurious accuracy falls with n", "spurious_decline"),
                             ("generalisation rises with n", "generalisation_gain")):  # fmt: skip
            yield Claim(f"{of}: {name}", metric, 0.0, 0.0, RULE, size, verified=True, repeats=3, side="at least")
        for alpha in ALPHAS:
            where = {**size, "alpha": alpha}
            for degree in (2, 4):
                yield Claim(f"{of}: gamma, degree {degree}, alpha {alpha}", f"alignment_{degree}",
                            gamma(size["model"], degree, alpha, size["n"] / size["d"]), 0.03 if size["d"] >= 200 else 0.06,
                            f"{RULE}, at finite n / d", where, verified=True, repeats=3)  # fmt: skip
            if alpha >= 0.5:
                yield Claim(f"{of}: labels are remembered, alpha {alpha}", "spurious_excess", 3.0, 0.0, RULE, where,
                            verified=True, repeats=3, side="at least")  # fmt: skip


def query(z, fresh, alpha: float):
    """z with a fresh core of the same norm, its last share alpha kept."""
    core = round((1 - alpha) * z.shape[1])
    scale = np.linalg.norm(z[:, :core], axis=1) / np.linalg.norm(fresh[:, :core], axis=1)
    return np.concatenate([fresh[:, :core] * scale[:, None], z[:, core:]], axis=1)
