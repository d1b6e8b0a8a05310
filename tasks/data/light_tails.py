"""What separates sub-Gaussian from sub-exponential inputs, uniformly over a sample?

Theorems on NTK matrices ask for inputs whose norms concentrate: convex concentration in Fan & Wang 2020
(arXiv:2005.11879), norms of at most one in Arora et al. 2019 (arXiv:1904.11955, theorem 3.1). For n inputs with
independent entries of variance 1 and v = E x^4 - 1, the mean of the largest | |x|^2 / d - 1 | tends to e_n sqrt(v / d)
with e_n the mean of the largest of n |N(0, 1)|, once d is much larger than (log n)^3; below, the largest single entry
rules, and it falls faster (derived here). Gaussian, uniform, Laplace and exponential entries have v = 2, 0.8, 5 and 8;
with Weibull tails of exponent 1/2, heavier than exponential, v = 69, and the limit comes later.

(a) Those maxima, by the dimension: means over draws, with their standard errors, and local slopes over factors of four.

(b) With norms brought to sqrt(d) all laws are alike for a ReLU network, which is homogeneous: the error of a network's
NTK is within 20 % of that of Gaussian inputs, and but for Weibull tails so is that of El Karoui's linear model of the
NTK at n = d (the reading here of "NTK errors"). Beside it, raw and normalised, least eigenvalues and width exponents.

(c) Reported: test errors of regression with the NTK of two hidden layers on n inputs in n / 10 dimensions, whose label
is a linear plus a quadratic function of them, sum_k x_2k x_2k+1, of equal variance; and their ratios to Gaussian ones.
"""

import math
from functools import partial

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.datasets import exponential, gaussian, laplace, normalised, uniform, weibull
from ntkbench.kernels import fc_kernels
from ntkbench.networks import finite, fully_connected
from ntkbench.solvers import kernel_regression, min_eigenvalue

LAWS = {"gaussian": (gaussian, 2.0), "uniform": (uniform, 0.8), "laplace": (laplace, 5.0),
        "exponential": (exponential, 8.0), "weibull": (weibull(0.5), 69.0)}  # fmt: skip
SMALLEST, LARGEST = 16, 4096
WAYS = {"raw": np.asarray, "normalised": normalised}
MEASURED = [
    ("min_eigenvalue", 1e-6, "(b) of the NTK at n = d"),
    ("width_slope", 2e-3, "(b) exponent of the width in the NTK's relative error"),
    ("error", 1e-5, "(c) mean squared test error over the labels' variance"),
    ("excess", 1e-4, "(c) the same over that of Gaussian inputs"),
]
NETS, POINTS, SHORT = 8, 32, 10  # of the width's exponent; so many times as many draws up to d = 64
DERIVED = "exact (limit), derived here"


def claims():
    """The rules, for each law that they speak of."""
    for law in list(LAWS)[:4]:
        at = {"where": {"law": law, "dimension": LARGEST}, "source": DERIVED, "verified": True}
        yield Claim(f"(a) largest deviation, {law}", metric="limit_ratio", value=1.0, tolerance=0.06, **at)
        yield Claim(f"(a) it falls like d^-1/2, {law}", metric="last_slope", value=-0.5, tolerance=0.1, **at)
        if law in ("laplace", "exponential"):
            yield Claim(f"(a) first it falls faster, {law}", metric="first_slope", value=-0.6, tolerance=0.0,
                        side="at most", **at)  # fmt: skip
    for law in list(LAWS)[1:]:
        at = {"where": {"law": law, "dimension": LARGEST}, "source": DERIVED, "verified": True}
        yield Claim(f"(b) error of width, {law} as Gaussian", metric="width_ratio", value=1.0, tolerance=0.2, **at)
        if law != "weibull":
            yield Claim(f"(b) linear model, {law} as Gaussian", metric="ntk_ratio", value=1.0, tolerance=0.2, **at)


@task(
    title="Light-tailed inputs",
    source="derived here; Fan & Wang 2020, arXiv:2005.11879; El Karoui 2010",
    requires=["autodiff"],
    formulas={"the largest deviation of n norms": r"E \max_{i \le n} \left| \frac{|x_i|^2}{d} - 1 \right| \to "
              r"e_n \sqrt{\frac{v}{d}}, \quad v = E x^4 - 1"},
    metrics=[
        Metric("limit_ratio", unit="1", tolerance=1e-6, about="(a) largest deviation over e_n sqrt(v / d), largest d"),
        Metric("first_slope", unit="1", tolerance=1e-6, about="(a) exponent of d from 16 to 64"),
        Metric("last_slope", unit="1", tolerance=1e-6, about="(a) exponent of d over the last factor of four"),
        Metric("ntk_ratio", unit="1", tolerance=1e-4, about="(b) linear model's error over the Gaussian, equal norms"),
        Metric("width_ratio", unit="1", tolerance=2e-3, about="(b) network's error over the Gaussian, equal norms"),
        *(Metric(f"{way}_{name}", unit="1", tolerance=tolerance, about=about)
          for way in WAYS for name, tolerance, about in MEASURED),
    ],
    curves=[
        Curve("deviation", x="d", y="mean of the largest | |x|^2 / d - 1 |", share=1.0, tolerance=1e-6),
        Curve("predicted_deviation", x="d", y="e_n sqrt(v / d)", theory_of="deviation", share=1.0, tolerance=1e-9),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", law="laplace", n=100, dimension=256, draws=4, width=64),
        Tier("standard", law=list(LAWS), n=500, dimension=LARGEST, draws=32, width=256),
        Tier("extended", law=list(LAWS), n=500, dimension=LARGEST, draws=400, width=1024),
        Tier("paper", seeds=5, law=list(LAWS), n=5000, dimension=16_384, draws=100, width=4096),
    ],
    cost=lambda n, dimension, draws, **others: float(n * dimension * draws + n**3),
)  # fmt: skip
def light_tails(ctx: Context, law: str, n: int, dimension: int, draws: int, width: int) -> None:
    """All three parts for one law."""
    double = partial(ctx.backend.asarray, dtype="float64")

    def draw(n, d, purpose, of=law):
        return LAWS[of][0](ctx.rng(purpose=f"{purpose} {of} {n} {d}"), n, d)

    def largest(count, dimensions):
        """Mean and standard error of the largest deviation, over draws."""
        found = []
        for i in range(count):
            x = draw(n, int(dimensions[-1]), f"norms {i}")
            squares = theory.squared_norms(double(x), dimensions)
            found.append(theory.largest_deviations(ctx.to_numpy(squares), dimensions))
        return np.array([np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / count**0.5])

    dimensions = 4 ** np.arange(2, round(math.log(dimension, 4)) + 1)  # (a)
    ctx.stage("norms", theory.squared_norms, double(draw(n, dimension, "norms 0")), dimensions)
    mean, spread = np.hstack([largest(SHORT * draws, dimensions[:2]), largest(draws, dimensions)[:, 2:]])
    limit = theory.mean_largest_normal(n) * np.sqrt(LAWS[law][1] / dimensions)
    slopes, off = np.diff(np.log(mean)) / math.log(4), np.hypot((spread / mean)[1:], (spread / mean)[:-1]) / math.log(4)
    ctx.curve("deviation", dimensions, mean)
    ctx.curve("predicted_deviation", dimensions, limit)

    size = n // 2  # (b)
    square, test = draw(size, size, "matrix"), draw(size, size, "matrix", "gaussian")
    error, of_gaussian = (theory.relu_ntk_error(double(normalised(x))) for x in (square, test))
    widths, layers = [width // 4, width // 2, width], fully_connected(3)
    networks = [finite(layers, (POINTS,), width=m) for m in widths]
    starts = [[net.init(ctx.rng(purpose=f"{net.width} {i}"), ctx.asarray) for i in range(NETS)] for net in networks]

    def width_errors(of, norm):
        """Of networks' NTKs, one a width."""
        small = ctx.asarray(norm(draw(POINTS, POINTS, "small", of)))
        return theory.ntk_width_errors(networks, starts, small, fc_kernels(small, depth=3).ntk)

    def risk(of, way):
        """The test error, (c)."""
        x = WAYS[way](draw(2 * n, n // 10, "regression", of))
        y = (x.mean(axis=1) * (n // 10) ** 0.5 + (x[:, 0::2] * x[:, 1::2]).sum(axis=1) / (n // 20) ** 0.5) / 2**0.5
        ntk = fc_kernels(double(x), depth=3).ntk
        found = ctx.to_numpy(kernel_regression(ntk[:n, :n], double(y[:n]), ntk[n:, :n]).prediction)
        return float(np.mean((found - y[n:]) ** 2) / np.var(y[n:]))

    found = {}
    for way, norm in WAYS.items():
        errors = width_errors(law, norm)
        found[f"{way}_width_slope"] = theory.power_law_exponent(widths, errors)
        found[f"{way}_min_eigenvalue"] = min_eigenvalue(fc_kernels(double(norm(square)), depth=2).ntk / 2)
        found[f"{way}_error"] = risk(law, way)
        found[f"{way}_excess"] = found[f"{way}_error"] / risk("gaussian", way)
    ctx.record(
        width_ratio=errors[-1] / width_errors("gaussian", normalised)[-1],
        limit_ratio=(mean[-1] / limit[-1], spread[-1] / limit[-1]),
        first_slope=(slopes[0], off[0]),
        last_slope=(slopes[-1], off[-1]),
        ntk_ratio=error / of_gaussian,
        **found,
    )
