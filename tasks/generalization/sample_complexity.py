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

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.kernels import empirical_ntk, fc_kernels
from ntkbench.networks import Activation, Dense, finite, serial
from ntkbench.theory import Sphere, harmonic_dimension, power_law_exponent

SOURCE = "Ghorbani et al. 2021, arXiv:1904.12191"
HIDDEN = serial(Dense(math.sqrt(2.0)), Activation("relu"))
KERNEL = theory.cosine_kernel(serial(HIDDEN, HIDDEN, Dense(math.sqrt(2.0))))
MULTIPLES = (0.5, 0.75, 1.1, 1.6, 2.4)  # of B(l): the n that are tried
EACH, MIXED, LOW = 8, 6, (1, 2, 3)  # targets of a degree, and mixed ones, each of other harmonics; degrees mixed
TEST, RIDGE = 1_000, 1e-6  # for features: test points, and the ridge as a share of the trace


def claims():
    """The rules, for each degree."""
    for degree in (1, 2, 3):
        of, given = f"degree {degree}:", {"where": {"degree": degree}, "source": SOURCE, "verified": True}
        mean = {**given, "repeats": 3 if degree < 3 else 1}
        yield Claim(f"{of} n_half ~ d^degree", metric="exponent", value=degree, tolerance=0.5, **mean)
        yield Claim(f"{of} exponent as in theory", metric="exponent_gap", value=0.0, tolerance=0.12, **mean)
        yield Claim(f"{of} n_half as in theory", metric="half_gap", value=0.0, tolerance=0.15, **mean)
        yield Claim(f"{of} tangent features fit one degree more", metric="degree_shift", value=1.0, tolerance=0.0,
                    over="worst", **given)  # fmt: skip


@task(
    title="Sample complexity of kernel regression",
    source=SOURCE,
    formulas={
        "points for degree l": r"n_{1/2} \sim d^{\,\ell}",
        "harmonics of degree l": r"B(\ell) = \frac{2\ell + d - 2}{\ell} \binom{\ell + d - 3}{\ell - 1}",
    },
    metrics=[
        Metric("exponent", unit="1", tolerance=2e-3, about="slope of log n_half over log d"),
        Metric("exponent_gap", unit="1", tolerance=2e-3, about="the same less that of the theory"),
        Metric("half_gap", unit="1", better="lower", tolerance=2e-3, about="largest relative gap of n_half to theory"),
        Metric("n_half", unit="points", tolerance=1.0, about="where the error is 1/2, at the largest d"),
        Metric("plateau", unit="1", tolerance=2e-3, about="error on the mixed target to the next step, largest d"),
        Metric("plateau_gap", unit="1", tolerance=2e-3, about="the same less that of the theory"),
        Metric("degree_shift", unit="degrees", tolerance=0.0, about="degree of tangent features less random ones'"),
    ],
    curves=[
        Curve("n_half_by_d", x="dimension", y="points", y_unit="points", share=1.0, tolerance=1.0, exponent="exponent"),
        Curve("predicted_n_half_by_d", x="dimension", y="points", y_unit="points", share=1.0, tolerance=1e-6,
              theory_of="n_half_by_d"),
        Curve("mixed_error", x="training points", y="mean squared error", share=1.0, tolerance=2e-3),
        Curve("predicted_mixed_error", x="training points", y="mean squared error", share=1.0, tolerance=1e-6,
              theory_of="mixed_error"),
        Curve("unit_ball_complexity", x="training points", y="complexity of the unit ball", share=1.0, tolerance=1e-4),
        Curve("interpolant_complexity", x="training points", y="complexity of its ball", share=1.0, tolerance=1e-2),
        Curve("random_features_error", x="degree", y="mean squared error", share=1.0, tolerance=1e-2),
        Curve("tangent_features_error", x="degree", y="mean squared error", share=1.0, tolerance=1e-2),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", degree=1, d_min=8, d_max=12, dimensions=2, trials=4, d_features=6),
        Tier("standard", seeds=3, degree=1, d_min=8, d_max=32, dimensions=4, trials=10, d_features=8),
        Tier("extended", seeds=3, degree=1, d_min=8, d_max=32, dimensions=5, trials=20, d_features=10),
        Tier("extended", seeds=3, degree=2, d_min=8, d_max=24, dimensions=4, trials=8, d_features=8),
        Tier("paper", seeds=3, degree=[1, 2], d_min=10, d_max=60, dimensions=6, trials=20, d_features=12),
        Tier("paper", degree=3, d_min=10, d_max=40, dimensions=5, trials=4, d_features=8),
    ],
    requires=["autodiff"],
    cost=lambda degree, d_max, trials, **others: trials * (3.0 * harmonic_dimension(d_max, degree)) ** 3 + 2e10,
)  # fmt: skip
def sample_complexity(ctx: Context, degree: int, d_min: int, d_max: int, dimensions: int, trials: int,
                      d_features: int) -> None:  # fmt: skip
    """The step at which one degree is learned."""
    sizes = [round(d) for d in np.geomspace(d_min, d_max, dimensions)]
    last, between = sizes[-1], theory.plateau_points(sizes[-1], degree)
    counts = {d: [round(m * harmonic_dimension(d, degree)) for m in MULTIPLES] for d in sizes}
    counts[last] = sorted([*counts[last], between])
    samples = {d: Sphere(d).samples(max(counts[d]), trials, ctx.rng(purpose=f"points {degree} {d}")) for d in sizes}
    rng = ctx.rng(purpose=f"signs {degree}")
    signs = [rng.choice([-1.0, 1.0], (400, n)) for n in counts[last]]

    def staircase(d):
        """The mean test error of each target after n points, for each n."""
        space, points = Sphere(d), [sample.points for sample in samples[d]]
        targets = (np.hstack([space.functions(x, degree, EACH), theory.mixture(space, x, LOW, MIXED)]) for x in points)
        grams = (fc_kernels(ctx.asarray(x), depth=3).ntk for x in points)
        return [e.test.mean(axis=0) for e in theory.regression_curve(grams, targets, samples[d], counts[d])]

    def features(first):
        """Errors by degree of the tangent features of the first layer, or of random features."""
        sphere, rng = Sphere(d_features), ctx.rng(purpose=f"features {degree} {d_features}")
        width = (harmonic_dimension(d_features, degree) + harmonic_dimension(d_features, degree + 1)) // 2
        n = 4 * width * (d_features + 1)
        x = sphere.samples(n + TEST, 1, rng)[0].points[: n + TEST]
        layers = serial(Dense(1.0, 1.0, trained=first), Activation("relu"), Dense(trained=not first))
        network = finite(layers, (d_features,), width=width)
        params = network.init(ctx.rng(purpose=f"neurons {degree} {d_features}"), ctx.asarray)
        k = empirical_ntk(network, params, ctx.asarray(x), trace=True)
        groups, trace = [sphere.functions(x, i, EACH) for i in range(1, degree + 3)], np.trace(ctx.to_numpy(k)[:n, :n])
        return theory.group_errors(k, groups, n, ridge=RIDGE * float(trace))

    def capacity(x):  # at the largest d, by n
        k = fc_kernels(ctx.asarray(x), depth=3).ntk
        return theory.capacity_curve(k, Sphere(last).functions(x, degree, 1), signs)

    errors = ctx.stage("staircase", lambda: {d: staircase(d) for d in sizes})
    random, tangent = ctx.stage("features", lambda: [features(first) for first in (False, True)])
    complexity = ctx.stage("capacity", capacity, samples[last][0].points)
    spectra = {d: Sphere(d).spectrum(KERNEL) for d in sizes}
    measured = [theory.points_at_half(counts[d], [e[:-MIXED].mean() for e in errors[d]]) for d in sizes]
    expected = [theory.points_to_learn(spectra[d], degree) for d in sizes]
    mixed = [e[-MIXED:].mean() for e in errors[last]]
    predicted = [theory.eigenlearning(spectra[last], n).test_error[1:4].mean() for n in counts[last]]
    at = counts[last].index(between)
    ctx.record(
        exponent=power_law_exponent(sizes, measured),
        exponent_gap=power_law_exponent(sizes, measured) - power_law_exponent(sizes, expected),
        half_gap=max(abs(m / e - 1) for m, e in zip(measured, expected, strict=True)),
        n_half=measured[-1],
        plateau=mixed[at],
        plateau_gap=mixed[at] - predicted[at],
        degree_shift=theory.learned_degree(tangent) - theory.learned_degree(random),
    )
    ctx.curve("n_half_by_d", sizes, measured)
    ctx.curve("predicted_n_half_by_d", sizes, expected)
    ctx.curve("mixed_error", counts[last], mixed)
    ctx.curve("predicted_mixed_error", counts[last], predicted)
    ctx.curve("unit_ball_complexity", counts[last], [c.unit_ball for c in complexity])
    ctx.curve("interpolant_complexity", counts[last], [c.interpolant for c in complexity])
    ctx.curve("random_features_error", range(1, degree + 3), random)
    ctx.curve("tangent_features_error", range(1, degree + 3), tangent)
