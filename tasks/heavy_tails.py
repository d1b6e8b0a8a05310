"""Which statements about NTK matrices survive inputs with heavy tails?

El Karoui, "The spectrum of kernel random matrices" (Annals of Statistics 38, 2010): for independent entries with more
than four moments and n ~ d, the matrix f(x_i . x_j / d) tends in operator norm to a linear model of the inputs; for
elliptical inputs r z it does not. One run takes one distribution of inputs and measures, against these statements:

a) width: |Theta_m - Theta| ~ m^-1/2 (relative, Frobenius), whatever the norms, for a ReLU network is homogeneous;
b) norms: the median of | |x|^2 / d - 1 | ~ d^-1/2, or d^-(1 - 2 / nu) for Student's t with nu < 4 (stable laws);
c) the linear model of exp(x . z / d); d) that of the ReLU NTK of inputs brought to the norm sqrt(d), which forgives
   elliptical ones, and of the raw ones, which even for Gaussian inputs goes wrong like sqrt(n);
e) the least eigenvalue at n = d, 1 - 1 / pi once norms are equal; of raw inputs at least min |x|^2 / d times that;
f) gradient descent on a wide network loses its training error at the rate that the NTK predicts (within 10 %).

To try another distribution, copy this file, rename `heavy_tails`, and add to DISTRIBUTIONS and to the tiers.
"""

import math

import array_api_compat
import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.datasets import elliptical, gaussian, laplace, rademacher, sphere, student
from ntkbench.kernels import (
    EXPONENTIAL,
    empirical_ntk,
    fc_kernels,
    gradient_descent,
    linear_surrogate,
    max_learning_rate,
    min_eigenvalue,
    operator_norm,
    relu_ntk_expansion,
)
from ntkbench.networks import Activation, Dense, finite, serial, train

TAILS = (2.2, 2.5, 3, 3.5, 6, 12)
DISTRIBUTIONS = {
    "gaussian": gaussian, "sphere": sphere, "rademacher": rademacher, "laplace": laplace, "elliptical t5": elliptical(5),
    **{f"t{nu}": student(nu) for nu in TAILS},
}  # fmt: skip
HE = math.sqrt(2.0)


def slope(sizes, errors):
    """The exponent of a power law, by least squares in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def norm_deviations(x, dimensions):
    """| |x|^2 / d - 1 | of the first d entries of each row, for each d."""
    return [abs((x[:, :d] ** 2).mean(1) - 1.0) for d in dimensions]


def linearise(x):
    """Kernel matrices of x (n, d), raw and with equal norms, and how far they are from their linear models."""
    xp = array_api_compat.array_namespace(x)
    norms = xp.sqrt(xp.mean(x * x, axis=1))
    equal = x / norms[:, None]
    # Beyond e^300 an error is as good as infinite, and its square still is a number.
    exponential = xp.exp(xp.clip(x @ x.T / x.shape[1], max=300.0))
    ntk, raw = (fc_kernels(z, depth=2).ntk / 2 for z in (equal, x))
    model = relu_ntk_expansion(2)
    errors = (exponential - linear_surrogate(x, EXPONENTIAL), ntk - linear_surrogate(equal, model),
              raw - linear_surrogate(x, model))  # fmt: skip
    return errors, ntk, raw, norms
