"""How fast do outputs of random networks become Gaussian, and is the law after training the predicted one?

Matthews, Rowland, Hron, Turner & Ghahramani, "Gaussian Process Behaviour in Wide Deep Neural Networks" (2018,
arXiv:1804.11271), with the protocol and the 100 repeats of their published code: ReLU scaled by sqrt 2, weight variance
0.8 / fan-in, bias variance 0.2, one to three hidden layers of H units, ten fixed inputs in four dimensions; 2,000
networks and 2,000 draws of the Gaussian process, both with noise of variance 1e-3; the squared maximum mean discrepancy
for a Gaussian kernel of length 0.5 of the ten outputs. It falls as H^-2. So do the published means; a cell of the table
holds when it is within 3 standard errors (of both) or 5 %. The excess kurtosis of an output of one hidden layer is
exactly proportional to 1 / H.

Lee et al. 2019 (arXiv:1902.06720), corollary 1: gradient flow keeps outputs Gaussian, with the mean and variance of
`theory.ensemble`, which is no posterior of the Gaussian process: its variance is never below that of the best linear
prediction. Here erf networks with one hidden layer, weight variance 6 and no bias, five training and three test inputs
in three dimensions, fixed ones on which the two laws differ by more than a quarter; full-batch steps at 1 / (4 l_max).
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, finite, serial

INPUTS = np.random.RandomState(3).randn(10, 4)  # those of the published code
NOISE, LENGTH = 1e-3, 0.5
TABLE = {  # hidden layers and their widths over H: {H: (mean of 100 repeats, its standard error)}, in 1e-6
    (1,): {1: (25922, 168), 2: (8755, 63), 3: (4105, 41), 5: (1478, 16), 10: (344, 7), 20: (88, 3), 50: (12, 2)},
    (1, 1): {1: (93723, 340), 2: (43406, 226), 3: (23408, 125), 5: (9217, 68), 10: (2333, 27), 20: (576, 11),
             50: (96, 4)},
    (1, 1, 1): {1: (126848, 443), 2: (74649, 261), 3: (46780, 230), 5: (21752, 129), 10: (6519, 54), 20: (1706, 25),
                50: (280, 8)},
    (3, 2, 1): {5: (11562, 81), 10: (3212, 39)}, (1, 2, 3): {5: (7017, 59), 10: (1903, 27)},
}  # fmt: skip
CALIBRATION = 0.007753  # published, the mean of 50 repeats, standard error 0.000048
POINTS, LABELS = np.random.default_rng(3).standard_normal((8, 3)), np.array([1.0, -1.0, 1.0, -1.0, 1.0])
TRAINED, MOMENTS, KURTOSIS, JUDGED = 5, (0, 20, 250), (2, 5, 10, 20), (20, 50)  # JUDGED: largest H
TWO_LAYERS = serial(Dense(6**0.5), Activation("erf"), Dense(6**0.5))
MATTHEWS, LEE = "Matthews et al. 2018, published results", "Lee et al. 2019, corollary 1"


def relu_network(layers, width):
    """The published network."""
    hidden = [part for _ in range(layers - 1) for part in (Dense(1.6**0.5, 0.2**0.5), Activation("relu"))]
    first = (Dense(0.8**0.5, 0.2**0.5), Activation("relu"))
    return finite(serial(*first, *hidden, Dense(1.6**0.5, 0.2**0.5)), (4,), width=width)


def squared_exponential(length):
    """A covariance of the inputs, with the noise."""
    squares = ((INPUTS[:, None] - INPUTS[None]) ** 2).sum(axis=2)
    return np.exp(-squares / (2 * length**2)) + NOISE * np.eye(len(INPUTS))


@task(
    title="Outputs of wide networks", source="Matthews et al. 2018, arXiv:1804.11271; Lee et al. 2019, corollary 1",
    metrics=[
        Metric("table_deviation", unit="1", better="lower", tolerance=0.02,
               about="largest distance from the published table, over what is allowed"),
        *(Metric(f"slope_{layers}", unit="1", tolerance=5e-3, about=f"exponent of H from 5 on, {layers} hidden")
          for layers in (1, 2, 3)),
        Metric("kurtosis_slope", unit="1", tolerance=1e-3, about="exponent of H in the excess kurtosis, one hidden"),
        Metric("calibration", unit="1", tolerance=1e-9,
               about="exact squared discrepancy of two Gaussian processes of length sqrt 8 and twice that"),
        Metric("variance_deviation", unit="1", better="lower", tolerance=0.02,
               about="largest |variance over predicted - 1| while training, over what is allowed"),
        Metric("posterior_score", unit="standard errors", tolerance=0.1,
               about="largest distance of a trained variance from the posterior's, where they differ by a quarter"),
        Metric("posterior_ratio", unit="1", tolerance=1e-6,
               about="least predicted variance in the end, over the posterior's"),
        Metric("mean_score", unit="standard errors", tolerance=0.1, about="largest distance of a trained mean"),
    ],
    curves=[
        *(Curve(f"{who}discrepancy_{layers}", x="H", y="squared discrepancy", share=1.0, tolerance=1e-6,
                exponent="" if who else f"slope_{layers}", theory_of=f"discrepancy_{layers}" if who else None)
          for layers in (1, 2, 3) for who in ("", "published_")),
        *(Curve(f"{who}variance", x="step", y="variance of a test output", share=1.0, tolerance=5e-3,
                theory_of="variance" if who else None) for who in ("", "predicted_")),
    ],
    claims=[
        *(Claim(f"the published table, H to {h}", metric="table_deviation", value=1.0, tolerance=0.0, side="at most",
                source=MATTHEWS, verified=True, over="worst", where={"largest": h}) for h in JUDGED),
        *(Claim(f"discrepancy ~ H^-2, {layers} hidden, H to {h}", metric=f"slope_{layers}", value=-2.0, tolerance=0.2,
                source=MATTHEWS, verified=True, where={"largest": h}) for layers in (1, 2, 3) for h in JUDGED),
        Claim("excess kurtosis ~ 1/H", metric="kurtosis_slope", value=-1.0, tolerance=0.1, source="exact",
              where={"functions": 2_000}, verified=True),  # fewer leave it to chance
        Claim("calibration by two Gaussian processes", metric="calibration", value=CALIBRATION, tolerance=0.000144,
              source=MATTHEWS, verified=True),
        Claim("variance while training", metric="variance_deviation", value=1.0, tolerance=0.0, side="at most",
              source=LEE, verified=True, over="worst"),
        Claim("the posterior is another law", metric="posterior_score", value=3.0, tolerance=0.0, side="at least",
              source=LEE, verified=True, over="worst"),
        Claim("no variance below the posterior's", metric="posterior_ratio", value=1.0, tolerance=1e-9,
              side="at least", source="exact", verified=True, over="worst"),
    ],
    tiers=[
        Tier("smoke", functions=1_000, largest=10, repeats=2, networks=50, width=64),
        Tier("standard", functions=2_000, largest=20, repeats=4, networks=200, width=512),
        Tier("extended", functions=2_000, largest=50, repeats=100, networks=2_000, width=512),
        Tier("paper", functions=2_000, largest=50, repeats=100, networks=2_000, width=8192),
    ],
    requires=["autodiff"],
    cost=lambda functions, largest, repeats, networks, width: float(repeats * functions**2 + networks * width * 1e3),
)  # fmt: skip
def nngp(ctx: Context, functions: int, largest: int, repeats: int, networks: int, width: int) -> None:
    """The table up to networks of width `largest`, and the training of networks of one hidden layer of `width`."""
    networks_of = {shape: relu_network(len(shape), largest) for shape in TABLE}
    worst, found = [], {shape: {} for shape in TABLE}
    for shape, h in ((shape, h) for shape, cells in TABLE.items() for h in cells):
        widths, (mean, error) = [n * h for n in shape], TABLE[shape][h]
        if max(widths) > largest or (h == 1 and repeats < 10):  # at H = 1 few repeats do not judge
            continue
        rng = ctx.rng(purpose=f"functions {widths}")
        seen = theory.discrepancies(networks_of[shape], widths, INPUTS, rng, ctx.asarray, count=functions,
                                    repeats=repeats, noise=NOISE, length=LENGTH)  # fmt: skip
        ours = theory.estimate(seen)
        found[shape][h] = ours.mean
        allowed = max(3 * math.hypot(ours.error, 1e-6 * error), 0.05e-6 * mean)
        worst.append(abs(ours.mean - 1e-6 * mean) / allowed)

    def kurtosis(h):
        """Of networks with one hidden layer of h units."""
        rng, x = ctx.rng(purpose=f"kurtosis {h}"), ctx.asarray(INPUTS)
        parts = (theory.narrow_parameters(one, [h], functions, rng, ctx.asarray) for _ in range(20))
        outputs = [ctx.to_numpy(theory.outputs_of_all(x, part, network=one))[:, :, 0] for part in parts]
        return theory.excess_kurtosis(np.concatenate(outputs).astype(np.float64), variances)

    one = networks_of[(1,)]
    variances = np.diag(architecture_kernels(one.architecture, INPUTS).nngp)
    units = [h for h in KURTOSIS if h <= largest]
    copies = theory.Copies(finite(TWO_LAYERS, (3,), width=width), networks)
    params = copies.init(ctx.rng(purpose=f"trained {networks} {width}"), ctx.asarray)
    points = (POINTS[:TRAINED], LABELS, POINTS[TRAINED:])
    law = ctx.stage("training", theory.trained_law, copies, params, *points, MOMENTS, ctx.asarray)
    slopes = {}
    for layers, equal in ((layers, (1,) * layers) for layers in (1, 2, 3)):
        seen = found[equal]
        ctx.curve(f"discrepancy_{layers}", list(seen), list(seen.values()))
        ctx.curve(f"published_discrepancy_{layers}", list(seen), [1e-6 * TABLE[equal][h][0] for h in seen])
        fitted = [h for h in seen if h >= 5 and TABLE[equal][h][0] > 20 * TABLE[equal][h][1]]
        slopes[f"slope_{layers}"] = theory.power_law_exponent(fitted, [seen[h] for h in fitted])
    lengths = [squared_exponential(factor * 8**0.5) for factor in (1, 2)]
    ctx.record(
        table_deviation=max(worst), **slopes, mean_score=law.mean_score, posterior_score=law.posterior_score,
        kurtosis_slope=theory.power_law_exponent(units, [kurtosis(h) for h in units]),
        calibration=theory.gaussian_mmd_squared(*lengths, length=LENGTH), variance_deviation=law.variance_deviation,
        posterior_ratio=float((law.predicted.final / law.predicted.posterior).min()),
    )  # fmt: skip
    ctx.curve("variance", MOMENTS, law.variance[:, 0])
    ctx.curve("predicted_variance", MOMENTS, law.predicted.variance[:, 0])
