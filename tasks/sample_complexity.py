"""How many points does kernel regression need to learn a function of degree l in d dimensions?

Ghorbani, Mei, Misiakiewicz & Montanari, "Linearized two-layers neural networks in high dimension" (Ann. Stat. 2021,
arXiv:1904.12191): on the sphere, n ~ d^l and no fewer, whatever the rotationally invariant kernel. At finite d the
eigenlearning theory (see `learning_curves`) says where the mean squared error of a harmonic of degree l falls to 1/2:
n_half. Measured for the NTK of two hidden ReLU layers without ridge, with the slope of log n_half over log d, and for
the mean of a harmonic of each degree 1, 2, 3 the plateau that is left between the steps, at n^2 = B(l) B(l + 1) with
B(l) the number of harmonics.

With all of the distribution to learn from, N neurons fit what N points do: for N between d^l and d^(l + 1) random
features fit degree l, and the tangent features of the first layer degree l + 1. Here N = (B(l) + B(l + 1)) / 2, biases
give every degree a share, and four points for each tangent feature stand for all. A degree is fitted when its error is
below 1/2. The plateau's published value, 2/3 and 1/3 as d grows, is far away at these d; the theory's is not.

Beside it the empirical Rademacher complexity of the ball in the kernel's space that holds the interpolant, a measure of
capacity that falls only once n is enough, and of the unit ball (`rademacher_ball` says more of it).
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.kernels import empirical_ntk, fc_kernels
from ntkbench.networks import Activation, Dense, finite, serial
from ntkbench.solvers import kernel_regression
from ntkbench.theory import (
    Errors,
    Sphere,
    cosine_kernel,
    eigenlearning,
    harmonic_dimension,
    points_to_learn,
    rademacher_complexity,
    regression_errors,
)

HIDDEN = serial(Dense(math.sqrt(2.0)), Activation("relu"))
KERNEL = cosine_kernel(serial(HIDDEN, HIDDEN, Dense(math.sqrt(2.0))))
MULTIPLES = (0.5, 0.75, 1.1, 1.6, 2.4)  # of B(l): the n that are tried
MIXED = 6  # mixed targets, each of other harmonics
TEST, RIDGE = 1_000, 1e-6  # for features: test points, and the ridge as a share of the trace


def slope(x, y):
    """Of log y over log x."""
    return np.polyfit(np.log(x), np.log(y), 1)[0]


def half(n, errors):
    """Where the error falls to 1/2, between the n that were tried; the nearest of them where it does not."""
    return math.exp(np.interp(-0.5, -np.maximum.accumulate(errors[::-1])[::-1], np.log(n)))


def learned(errors):
    """The highest degree up to which all errors are below 1/2; errors[i] is of degree i + 1."""
    return int(np.argmax(np.append(np.asarray(errors) >= 0.5, True)))


def harmonics(x, degrees, count=8):
    """For each degree its harmonics at x, up to `count` of them."""
    return [Sphere(x.shape[1]).functions(x, k, count) for k in degrees]


def claims():
    """The rules, for each degree."""
    source = "Ghorbani et al. 2021, arXiv:1904.12191"
    for degree in (1, 2, 3):
        where, repeats = {"degree": degree}, 3 if degree < 3 else 1
        of = f"degree {degree}: "
        yield Claim(of + "n_half ~ d^degree", "exponent", degree, 0.5, source, where, True, repeats)
        yield Claim(of + "exponent as in theory", "exponent_gap", 0.0, 0.12, source, where, True, repeats)
        yield Claim(of + "n_half as in theory", "half_gap", 0.0, 0.15, source, where, True, repeats)
        yield Claim(of + "tangent features fit one degree more", "degree_shift", 1.0, 0.0, source, where, True,
                    over="worst")  # fmt: skip


@task(
    title="Sample complexity of kernel regression",
    source="Ghorbani et al. 2021, arXiv:1904.12191",
    formulas={
        "points for degree l": r"n_{1/2} \sim d^{\,\ell}",
        "harmonics of degree l": r"B(\ell) = \frac{2\ell + d - 2}{\ell} \binom{\ell + d - 3}{\ell - 1}",
    },
    metrics=[
        Metric("exponent", "1", None, 2e-3, "slope of log n_half over log d"),
        Metric("exponent_gap", "1", None, 2e-3, "the same less that of the theory"),
        Metric("half_gap", "1", "lower", 2e-3, "largest relative distance of n_half from theory"),
        Metric("n_half", "points", None, 1.0, "where the error is 1/2, at the largest d"),
        Metric("plateau", "1", None, 2e-3, "error on the mixed target between this step and the next, largest d"),
        Metric("plateau_gap", "1", None, 2e-3, "the same less that of the theory"),
        Metric("degree_shift", "degrees", None, 0.0, "degree that tangent features fit less that of random features"),
    ],
    curves=[
        Curve("n_half_by_d", "dimension", "points", y_unit="points", share=1.0, tolerance=1.0,
              exponent="exponent"),
        Curve("predicted_n_half_by_d", "dimension", "points", y_unit="points", share=1.0, tolerance=1e-6,
              theory_of="n_half_by_d"),
        Curve("mixed_error", "training points", "mean squared error", share=1.0, tolerance=2e-3),
        Curve("predicted_mixed_error", "training points", "mean squared error", share=1.0, tolerance=1e-6,
              theory_of="mixed_error"),
        Curve("unit_ball_complexity", "training points", "complexity of the unit ball", share=1.0, tolerance=1e-4),
        Curve("interpolant_complexity", "training points", "complexity of its ball", share=1.0, tolerance=1e-2),
        Curve("random_features_error", "degree", "mean squared error", share=1.0, tolerance=1e-2),
        Curve("tangent_features_error", "degree", "mean squared error", share=1.0, tolerance=1e-2),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", degree=1, d_min=8, d_max=16, dimensions=2, trials=10, d_features=6),
        Tier("standard", seeds=3, degree=1, d_min=8, d_max=32, dimensions=5, trials=20, d_features=10),
        Tier("standard", seeds=3, degree=2, d_min=8, d_max=24, dimensions=4, trials=8, d_features=8),
        Tier("paper", seeds=3, degree=[1, 2], d_min=10, d_max=60, dimensions=6, trials=20, d_features=12),
        Tier("paper", degree=3, d_min=10, d_max=40, dimensions=5, trials=4, d_features=8),
    ],
    requires=["autodiff"],
    cost=lambda degree, d_min, d_max, dimensions, trials, d_features: (
        trials * (3.0 * harmonic_dimension(d_max, degree)) ** 3 + 2e10
    ),
)  # fmt: skip
def sample_complexity(
    ctx: Context, degree: int, d_min: int, d_max: int, dimensions: int, trials: int, d_features: int
) -> None:
    """The step at which one degree is learned."""
    sizes = [round(d) for d in np.geomspace(d_min, d_max, dimensions)]
    counts = {d: [round(m * harmonic_dimension(d, degree)) for m in MULTIPLES] for d in sizes}
    ways = {d: harmonic_dimension(d, degree) * harmonic_dimension(d, degree + 1) for d in sizes}
    counts[sizes[-1]] = sorted([*counts[sizes[-1]], round(math.sqrt(ways[sizes[-1]]))])
    samples = {d: Sphere(d).samples(max(counts[d]), trials, ctx.rng(purpose=f"points {degree} {d}")) for d in sizes}
    rng = ctx.rng(purpose=f"signs {degree}")
    signs = [ctx.asarray(rng.choice([-1.0, 1.0], (400, n))) for n in counts[sizes[-1]]]
    spectra = {d: Sphere(d).spectrum(KERNEL) for d in sizes}

    def gram(x):
        return fc_kernels(ctx.asarray(x), depth=3).ntk

    def staircase():
        found = {}
        for d in sizes:
            parts = [[] for _ in counts[d]]
            for points, train_set, test in samples[d]:
                pure = harmonics(points, [degree])[0]
                mixed = sum(harmonics(points, (1, 2, 3), MIXED)) / math.sqrt(3)
                k = gram(points)
                for part, n in zip(parts, counts[d], strict=True):
                    part.append(regression_errors(k, np.hstack([pure, mixed]), train_set[:, :n], test))
            found[d] = [Errors.joined(part).test.mean(axis=0) for part in parts]
        return found

    def features():
        """Errors by degree of random features, and of the first layer's tangent features."""
        width = (harmonic_dimension(d_features, degree) + harmonic_dimension(d_features, degree + 1)) // 2
        n = 4 * width * (d_features + 1)
        x = Sphere(d_features).samples(n + TEST, 1, ctx.rng(purpose=f"features {degree} {d_features}"))[0].points
        x, targets = x[: n + TEST], harmonics(x[: n + TEST], range(1, degree + 3))
        found = []
        for first in (False, True):
            layers = serial(Dense(1.0, 1.0, trained=first), Activation("relu"), Dense(trained=not first))
            network = finite(layers, (d_features,), width=width)
            params = network.init(ctx.rng(purpose=f"neurons {degree} {d_features}"), ctx.asarray)
            k = empirical_ntk(network, params, ctx.asarray(x), trace=True)
            shift = RIDGE * float(np.trace(ctx.to_numpy(k[:n, :n])))
            errors = regression_errors(k, np.hstack(targets), np.arange(n)[None], np.arange(n, n + TEST), ridge=shift)
            ends = np.cumsum([f.shape[1] for f in targets])[:-1]
            found.append([e.mean() for e in np.split(errors.test[0], ends)])
        return found

    def capacity():
        """At the largest d: the unit ball's complexity by n, and the interpolant's norm."""
        points = samples[sizes[-1]][0].points
        k = gram(points)
        y = ctx.backend.asarray(harmonics(points, [degree], 1)[0], "float64")
        return [
            (rademacher_complexity(k[:n, :n], s).value,
             math.sqrt(float(kernel_regression(k[:n, :n], y[:n], y[:n].T).prediction[0, 0])))
            for n, s in zip(counts[sizes[-1]], signs, strict=True)
        ]  # fmt: skip

    errors = ctx.stage("staircase", staircase)
    residuals = ctx.stage("features", features)
    complexity = ctx.stage("capacity", capacity)

    measured = [half(counts[d], [e[:-MIXED].mean() for e in errors[d]]) for d in sizes]
    expected = [points_to_learn(spectra[d], degree) for d in sizes]
    last, n_last = sizes[-1], counts[sizes[-1]]
    mixed = [e[-MIXED:].mean() for e in errors[last]]
    theory = [eigenlearning(spectra[last], n).test_error[1:4].mean() for n in n_last]
    at = n_last.index(round(math.sqrt(ways[last])))
    ctx.record(
        exponent=slope(sizes, measured),
        exponent_gap=slope(sizes, measured) - slope(sizes, expected),
        half_gap=max(abs(m / e - 1) for m, e in zip(measured, expected, strict=True)),
        n_half=measured[-1],
        plateau=mixed[at],
        plateau_gap=mixed[at] - theory[at],
        degree_shift=learned(residuals[1]) - learned(residuals[0]),
    )
    ctx.curve("n_half_by_d", sizes, measured)
    ctx.curve("predicted_n_half_by_d", sizes, expected)
    ctx.curve("mixed_error", n_last, mixed)
    ctx.curve("predicted_mixed_error", n_last, theory)
    ctx.curve("unit_ball_complexity", n_last, [r for r, _ in complexity])
    ctx.curve("interpolant_complexity", n_last, [r * norm for r, norm in complexity])
    ctx.curve("random_features_error", range(1, degree + 3), residuals[0])
    ctx.curve("tangent_features_error", range(1, degree + 3), residuals[1])
