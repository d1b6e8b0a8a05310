"""Which statements about NTK matrices survive inputs with heavy tails?

El Karoui, "The spectrum of kernel random matrices" (Annals of Statistics 38, 2010): for independent entries with more
than four moments and n ~ d, the matrix f(x_i . x_j / d) tends in operator norm to a linear model of the inputs; for
elliptical inputs r z it does not. One run takes one distribution of inputs and measures, against these statements:

a) width: the relative Frobenius error of a network's NTK ~ m^-1/2, whatever the norms, for ReLU is homogeneous;
b) norms: the median of | |x|^2 / d - 1 | ~ d^-1/2, or d^-(1 - 2 / nu) for Student's t with nu < 4 (stable laws);
c) the linear model of exp(x . z / d), by the geometric mean of the errors of n / size draws;
d) that of the ReLU NTK of inputs brought to the norm sqrt(d), which forgives elliptical ones; and of raw inputs, which
   even for Gaussian ones goes wrong like sqrt(n);
e) the least eigenvalue, 1 - 1 / pi for equal norms at n = d >= 512; for raw inputs min |x|^2 / d times it, or more;
f) gradient descent on a wide network: its training loss decays at the rate that the NTK predicts.

To try another distribution, copy this file, rename the function, and add yours to DISTRIBUTIONS and to the tiers.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.datasets import elliptical, gaussian, laplace, normalised, rademacher, sphere, student
from ntkbench.kernels import empirical_ntk, fc_kernels
from ntkbench.networks import Activation, Dense, finite, serial, train
from ntkbench.solvers import min_eigenvalue
from ntkbench.theory import (
    EXPONENTIAL,
    exponential_kernel,
    gradient_descent,
    linearisation_error,
    max_learning_rate,
    relu_ntk_expansion,
)

DISTRIBUTIONS = {  # each a function of (generator, n, d) that gives n inputs, entries of mean 0 and variance 1
    "gaussian": gaussian, "sphere": sphere, "rademacher": rademacher, "laplace": laplace, "t2.2": student(2.2),
    "t2.5": student(2.5), "t3": student(3), "t3.5": student(3.5), "t6": student(6), "t12": student(12),
    "elliptical t5": elliptical(5),
}  # fmt: skip
NORM_EXPONENTS = {"gaussian": -0.5, "laplace": -0.5, "t12": -0.5, "t6": -0.5, "t3.5": 2 / 3.5 - 1, "t3": 2 / 3 - 1,
                  "t2.5": 2 / 2.5 - 1}  # fmt: skip
LIGHT = ["gaussian", "rademacher", "laplace", "t6"]
POINTS = 32  # inputs of (a) and (f)
LAYER = (Dense(w_std=2**0.5), Activation("relu"))
READOUT = Dense(w_std=2**0.5)
EL_KAROUI = "El Karoui 2010, theorem 2.1"


def claims():
    """One for each distribution that a statement speaks of, at the sizes that it speaks of."""
    stated = [
        ("(a) width", "width_slope", -0.5, 0.1, "within", "Xu & Zhu 2024", DISTRIBUTIONS, {"width": 1024}),
        ("(a) width, as for other norms", "width_spread", 0.1, 0.0, "at most", "exact", DISTRIBUTIONS, {"width": 1024}),
        *(("(b) norms", "norm_slope", NORM_EXPONENTS[name], 0.06, "within", "exact (limit laws)", [name],
           {"dimension": 16_384}) for name in NORM_EXPONENTS),
        # For t6 the largest of n d entries decides, and the exponent tends to -1/3: many seeds are needed to tell.
        ("(c) exp is linear", "exponential_slope", -0.35, 0.0, "at most", EL_KAROUI, LIGHT, {"n": 1024}),
        ("(d) NTK, equal norms, is linear", "ntk_slope", -0.35, 0.0, "at most", EL_KAROUI, [*LIGHT, "elliptical t5"],
         {"n": 1024}),
        # Within what (a) has for a half power.
        ("(d) raw NTK errs like sqrt(n)", "raw_slope", 0.5, 0.1, "within", "exact (limit)", ["gaussian"], {"n": 1024}),
        ("(e) least eigenvalue", "min_eigenvalue", 1 - 1 / math.pi, 0.03, "within", "exact (limit)",
         [*LIGHT, "elliptical t5"], {"n": 1024}),
        ("(f) rate of training", "rate_ratio", 1.0, 0.1, "within", "Lee et al. 2019", DISTRIBUTIONS, {"width": 1024}),
    ]  # fmt: skip
    for n, times, names in ((1024, 3.0, ["t3", "elliptical t5"]), (256, 1.5, ["t3"])):
        least, size = math.log10(times), {"n": n}
        stated += [
            ("(c) exp is not linear", "exponential_excess", least, 0.0, "at least", EL_KAROUI, names, size),
            # At n = 1024 the mean of 16 draws is 2.8 times the Gaussian error, of a spread of a third: near the border.
            ("(d) NTK, equal norms, is not linear", "ntk_excess", least, 0.0, "at least", EL_KAROUI, ["t3"], size),
        ]
    for name, metric, value, tolerance, side, source, distributions, size in stated:
        for distribution in distributions:
            at = ", ".join(f"{what} = {number:,}" for what, number in size.items())
            yield Claim(f"{name}, {distribution}, {at}", metric=metric, value=value, tolerance=tolerance, source=source,
                        where={"distribution": distribution, **size}, verified=True, repeats=3, side=side)  # fmt: skip
    yield Claim("(e) least eigenvalue of raw inputs", metric="ostrowski_ratio", value=1.0, tolerance=1e-9,
                source="exact (Ostrowski)", verified=True, over="worst", side="at least")  # fmt: skip
    yield Claim(
        "raw NTK = D NTK D",
        metric="homogeneity_error",
        value=0.0,
        tolerance=1e-10,
        source="exact",
        verified=True,
        over="worst",
    )


def slope(sizes, errors):
    """The exponent of a power law, by least squares in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def width_errors(networks, x):
    """Relative Frobenius errors of empirical NTKs, the mean over the networks of each width."""
    ntk = fc_kernels(x, depth=3).ntk
    squares = [[((empirical_ntk(net, p, x, trace=True) - ntk) ** 2).sum() for p in params] for net, params in networks]
    return [float(np.mean([(float(s) / float((ntk**2).sum())) ** 0.5 for s in of_width])) for of_width in squares]


def squared_norms(x, dimensions):
    """|x|^2 for the inputs cut to d entries: (inputs, dimensions)."""
    return (x**2).cumsum(1)[:, dimensions - 1]


def descend(network, params, x, y, rate):
    """The loss of gradient descent at log-spaced steps, on the network and on its infinitely wide limit from f_0.

    Up to the step where the limit has lost all but a millionth of it: below, the network's is rounding.
    """
    f0, k = network.apply(params, x)[:, 0], fc_kernels(x, depth=2).ntk
    seen = train(network, params, x, y, steps=100, rate=rate)
    limit = gradient_descent(k, y, k, seen.steps, rate=rate, f0_train=f0, f0_test=f0)
    shown = int((limit.loss >= 1e-6 * limit.loss[0]).sum())
    return seen.steps[:shown], seen.loss[:shown], limit.loss[:shown]


@task(
    title="Heavy-tailed inputs",
    source="El Karoui 2010, Annals of Statistics 38(1)",
    formulas={
        "(b) norms": r"\operatorname{median} \left| \frac{|x|^2}{d} - 1 \right| \sim d^{-\min(1/2,\; 1 - 2/\nu)}",
        "(c), (d) the linear model of f(x . z / d)": (
            r"M = \left( f(0) + \frac{f''(0)}{2d} \right) 1 1^\top + f'(0) \frac{X X^\top}{d} + \left( f(1) - f(0) "
            r"- f'(0) \right) I"
        ),
    },
    metrics=[
        Metric("width_slope", unit="1", tolerance=1e-3, about="(a) exponent of the width in the NTK's relative error"),
        Metric("width_spread", unit="1", tolerance=1e-3, about="(a) range of that over this distribution and four others"),
        Metric("norm_slope", unit="1", tolerance=1e-4, about="(b) exponent of the dimension; 0 for equal norms (signs)"),
        Metric("exponential_slope", unit="1", tolerance=1e-4, about="(c) exponent of n = d in the operator norm"),
        Metric("exponential_excess", unit="1", tolerance=1e-4, about="(c) log10 of the error over Gaussian inputs'"),
        Metric("ntk_slope", unit="1", tolerance=1e-4, about="(d) exponent of n = d in the operator norm, equal norms"),
        Metric("ntk_excess", unit="1", tolerance=1e-4, about="(d) log10 of the error over Gaussian inputs'"),
        Metric("raw_slope", unit="1", tolerance=1e-4, about="(d) exponent of n = d in the operator norm, raw inputs"),
        Metric("min_eigenvalue", unit="1", tolerance=1e-6, about="(e) of the NTK at half the largest n = d, equal norms"),
        Metric("ostrowski_ratio", unit="1", tolerance=1e-6, about="(e) least eigenvalue of the raw NTK over its bound"),
        Metric("homogeneity_error", unit="1", better="lower", about="largest relative error of raw K = D K D, D the norms"),
        Metric("rate_ratio", unit="1", tolerance=5e-3, about="(f) decay rate of the loss over the NTK's prediction"),
    ],
    curves=[
        Curve("width_error", x="width", y="relative error", share=1.0, tolerance=1e-4, exponent="width_slope"),
        Curve("norm_deviation", x="d", y="median | |x|^2 / d - 1 |", share=1.0, tolerance=1e-9, exponent="norm_slope"),
        Curve("exponential_error", x="n = d", y="log10 of the operator norm", share=1.0, tolerance=1e-4),
        Curve("ntk_error", x="n = d", y="operator norm", share=1.0, tolerance=1e-6, exponent="ntk_slope"),
        Curve("raw_error", x="n = d", y="operator norm", share=1.0, tolerance=1e-6, exponent="raw_slope"),
        Curve("training_loss", x="step", y="loss"),
        Curve("predicted_training_loss", x="step", y="loss", theory_of="training_loss"),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", distribution=["gaussian", "t3", "elliptical t5"], n=256, dimension=4096, width=256),
        Tier("standard", seeds=4, distribution=[*LIGHT, "t3", "elliptical t5"], n=1024, dimension=16_384, width=1024),
        Tier("standard", seeds=4, distribution=["sphere", "t2.2", "t2.5", "t3", "t3.5", "t12"], n=256, dimension=16_384,
             width=1024),
        Tier("paper", seeds=5, distribution=list(DISTRIBUTIONS), n=8192, dimension=65_536, width=4096),
    ],
    cost=lambda distribution, n, dimension, width: float(n**3 + 400 * dimension + 1000 * width**2),
    requires=["autodiff"],
)  # fmt: skip
def heavy_tails(ctx: Context, distribution: str, n: int, dimension: int, width: int) -> None:
    """All statements for one distribution, in dimensions up to n and `dimension`, and widths up to `width`."""

    def draw(n: int, d: int, name: str = distribution, number: int = 0):
        return DISTRIBUTIONS[name](ctx.rng(purpose=f"inputs {name} {n} {d} {number}"), n, d)

    def double(x):
        return ctx.backend.asarray(x, "float64")

    # (a)
    widths = [width // 16, width // 8, width // 4, width // 2, width]
    deep = [finite(serial(*LAYER, *LAYER, READOUT), (POINTS,), width=m) for m in widths]
    networks = [(net, [net.init(ctx.rng(purpose=f"{net.width} {i}"), ctx.asarray) for i in range(8)]) for net in deep]
    shared = [ctx.asarray(draw(POINTS, POINTS, name)) for name in (distribution, "gaussian", "sphere", "t3", "t2.2")]
    at_width = [ctx.stage("width", width_errors, networks, shared[0]), *(width_errors(networks, x) for x in shared[1:])]
    width_slopes = [slope(widths, errors) for errors in at_width]

    # (b)
    dimensions = 2 ** np.arange(6, dimension.bit_length())
    squares = ctx.to_numpy(ctx.stage("norms", squared_norms, double(draw(400, dimension)), dimensions))
    # Norms that are all the same differ by rounding, which is no law and no backend's fault.
    medians = np.maximum(np.median(np.abs(squares / dimensions - 1), axis=0), 1e-9)

    # (c), (d) and (e)
    sizes, model = [n // 8, n // 4, n // 2, n], relu_ntk_expansion(2)
    errors = {"exponential": [], "ntk": [], "raw": []}

    def exponential(x):
        return math.log10(linearisation_error(exponential_kernel(x), x, EXPONENTIAL))

    for size in sizes:
        drawn = [draw(size, size, number=i) for i in range(n // size)]
        raw, equal = double(drawn[0]), double(normalised(drawn[0]))
        ntk, raw_ntk = (fc_kernels(x, depth=2).ntk / 2 for x in (equal, raw))
        errors["exponential"].append(np.mean([exponential(double(x)) for x in drawn]))
        errors["ntk"].append(linearisation_error(ntk, equal, model))
        errors["raw"].append(linearisation_error(raw_ntk, raw, model))
        if size == n // 2:
            norms = double((drawn[0] ** 2).mean(axis=1) ** 0.5)
            least, least_raw = min_eigenvalue(ntk), min_eigenvalue(raw_ntk)
            homogeneity = float(abs(raw_ntk / (ntk * norms[:, None] * norms[None, :]) - 1.0).max())
    x = draw(n, n, "gaussian")
    raw, equal = double(x), double(normalised(x))
    reference = [exponential(raw), linearisation_error(fc_kernels(equal, depth=2).ntk / 2, equal, model)]

    # (f)
    x, y = ctx.asarray(draw(POINTS, 2 * POINTS)), ctx.asarray(ctx.rng(purpose="labels").choice([-1.0, 1.0], POINTS))
    network = finite(serial(*LAYER, READOUT), (2 * POINTS,), width=4 * width)
    params = network.init(ctx.rng(purpose=f"training {width}"), ctx.asarray)
    rate = max_learning_rate(fc_kernels(x, depth=2).ntk) / 2
    steps, loss, limit = ctx.stage("training", descend, network, params, x, y, rate)
    limit = ctx.to_numpy(limit)

    ctx.record(
        width_slope=width_slopes[0],
        width_spread=max(width_slopes) - min(width_slopes),
        norm_slope=slope(dimensions, medians),
        exponential_slope=float(np.polyfit(np.log10(sizes), errors["exponential"], 1)[0]),
        exponential_excess=errors["exponential"][-1] - reference[0],
        ntk_slope=slope(sizes, errors["ntk"]),
        ntk_excess=math.log10(errors["ntk"][-1] / reference[1]),
        raw_slope=slope(sizes, errors["raw"]),
        min_eigenvalue=least,
        ostrowski_ratio=least_raw / (float(norms.min()) ** 2 * least),
        homogeneity_error=homogeneity,
        rate_ratio=math.log(loss[-1] / loss[0]) / math.log(limit[-1] / limit[0]),
    )
    ctx.curve("width_error", widths, at_width[0])
    ctx.curve("norm_deviation", dimensions, medians)
    for name, values in errors.items():
        ctx.curve(f"{name}_error", sizes, values)
    ctx.curve("training_loss", steps, loss)
    ctx.curve("predicted_training_loss", steps, limit)
