"""Do the Gaussian processes of scikit-learn and GPyTorch say of NTK and NNGP what ours do, and how sure may one be?

Lee, Bahri, Novak, Schoenholz, Pennington & Sohl-Dickstein, "Deep Neural Networks as Gaussian Processes" (ICLR 2018): a
Bayesian network of infinite width is a Gaussian process, the NNGP. All libraries compute algorithm 2.1 of Rasmussen and
Williams, "Gaussian Processes for Machine Learning" (2006): with our `NTKKernel` for each in their own exact regression,
mean, covariance and log marginal likelihood a target must be ours to 1e-6.

Beside both stand the RBF, Matern 5/2 and Laplace kernels. Of each of the five, the depth or the length, the amplitude
and the noise are those of the largest marginal likelihood. Inputs are scaled by the training set. Of classes, targets
are one-hot (of two: -1 and 1), and the error is the share in the wrong one; of values, the variance left unexplained.

How often intervals hold: (a) of functions drawn from the NNGP and seen with noise, those of its posterior must hold
95 % where they are made for 95 %, within 3 binomial standard errors (one point of each draw). (b) Networks trained to
the end from random starts are Gaussian with the NTK (Lee et al. 2019, equations 13 to 16). The covariance of this
ensemble is exactly that of its errors on draws of the NNGP: its intervals hold as well, and are nowhere narrower, since
no linear predictor is better than the posterior mean. (c) On the data's own targets nothing is promised: reported.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, datasets, task, theory
from ntkbench.kernels import Kernels, architecture_kernels
from ntkbench.networks import fully_connected

NETWORKS, BESIDE = ("ntk", "nngp"), ("rbf", "matern", "laplace")
DEPTHS, LENGTHS = (2, 3, 5), (0.25, 0.5, 1.0, 2.0, 4.0)  # layers with weights; in units of the median distance
NOISE = (1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0)  # in units of amplitude times the mean of the diagonal
SCALES = {"w_std": 2**0.5, "b_std": 1.0}
DRAWS, STANDARD_ERROR = 4000, math.sqrt(0.95 * 0.05 / 4000)
LEVELS = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
INTERVALS = {"posterior": "of the NNGP's posterior", "ensemble": "of trained networks"}
GAPS = {"mean": "of the mean", "covariance": "of the covariance", "likelihood": "of the log likelihood a target"}


def library(peer):
    """Its kernel, of a depth and a name, and its regression."""
    if peer == "scikit-learn":
        from ntkbench.sklearn import NTKKernel, gp_posterior

        return lambda depth, name: NTKKernel(**SCALES, depth=depth, kernel=name), gp_posterior
    if peer == "gpytorch":
        from ntkbench.gpytorch import NTKKernel, gp_posterior, in_float64

        return lambda depth, name: in_float64(NTKKernel(depth, kernel=name), **SCALES), gp_posterior
    raise ValueError(f"peer must be scikit-learn or gpytorch, not {peer!r}")


def data_of(ctx, dataset, table, n_train, n_test):
    """Inputs (n, d) and targets (n, k) for training, then for the test; the seed says of which split of the table."""
    whole, rng = ctx.tables(dataset)[table], ctx.rng(purpose=f"rows {dataset} {table}")
    parts = list(whole.splits())[ctx.seed % len(whole.test)]
    train, test = (rng.permutation(rows)[:most] for rows, most in zip(parts, (n_train, n_test), strict=True))
    inputs = datasets.standardise(whole.x, *datasets.channel_statistics(whole.x[train]))
    if table == "diabetes":
        seen = whole.labels[train]
        targets = (whole.labels[:, None] - seen.mean()) / seen.std()
    else:
        targets = (np.eye(whole.n_classes) if whole.n_classes > 2 else np.array([[-1.0], [1.0]]))[whole.labels]
    return inputs[train], targets[train], inputs[test], targets[test]


def error(mean, targets, table):
    """In per cent: the variance of values that is not explained, or the targets in the wrong class."""
    if table == "diabetes":
        return 100 * np.mean((mean - targets) ** 2) / np.var(targets)
    wrong = mean.argmax(axis=1) != targets.argmax(axis=1) if mean.shape[1] > 1 else mean * targets <= 0
    return 100 * np.mean(wrong)


@task(
    title="NTK and NNGP in other libraries' Gaussian processes",
    source="Lee et al. 2018, arXiv:1711.00165; Lee et al. 2019, arXiv:1902.06720; Rasmussen & Williams 2006",
    metrics=[
        *(Metric(f"{what}_gap", unit="1", better="lower", about=f"largest difference {of} between the peer and ours")
          for what, of in GAPS.items()),
        *(Metric(f"{what}_{name}", unit=unit, tolerance=1e-4, about=about) for name in (*NETWORKS, *BESIDE)
          for what, unit, about in (("error", "%", "targets in the wrong class, or variance that is not explained"),
                                    ("likelihood", "nat", "largest log marginal likelihood of a target"))),
        *(Metric(f"{name}_{what}", unit=unit, tolerance=1e-3, about=about + of) for name, of in INTERVALS.items()
          for what, unit, about in (("off", "1", "(a), (b) standard errors from 95 % that hold draws, intervals "),
                                    ("coverage", "%", "(c) test targets in 95 % intervals "))),
        Metric("width_ratio", unit="1", tolerance=1e-5, about="(b) least variance of trained networks over the NNGP's"),
    ],
    curves=[Curve(f"{name}_on_{where}", x="made for", y="within the interval", x_unit="%", y_unit="%", share=1.0,
                  tolerance=1e-3) for where in ("draws", "data") for name in INTERVALS],
    claims=[
        *(Claim(f"no difference {of}", metric=f"{what}_gap", value=0.0, tolerance=1e-6, source="exact", verified=True,
                over="worst") for what, of in GAPS.items()),
        *(Claim(f"95 % intervals {of} hold 95 %", metric=f"{name}_off", value=0.0, tolerance=3.0, verified=True,
                source="exact; 3 binomial standard errors", over="worst") for name, of in INTERVALS.items()),
        Claim("trained networks are less sure", metric="width_ratio", value=1.0, tolerance=1e-9, side="at least",
              source="exact (the best linear predictor)", verified=True, over="worst"),
    ],
    tiers=[
        Tier("smoke", peer="scikit-learn", dataset="bundled-tables", table="diabetes", n_train=60, n_test=40),
        *(Tier(tier, seeds=seeds, **who, dataset=source, table=tables, n_train=n, n_test=100)
          for who in ({"peer": "scikit-learn"}, {"peer": "gpytorch", "backends": ["torch"]})
          for tier, seeds, source, tables, n in (
              ("standard", 1, "bundled-tables", ["breast-cancer", "diabetes", "digits"], 150),
              ("extended", 4, "bundled-tables", ["breast-cancer", "diabetes", "digits", "wine"], 400),
              ("extended", 4, "uci90", ["blood", "heart-cleveland", "ionosphere", "parkinsons", "pima"], 400),
              ("paper", 1, "uci90", ["abalone", "bank", "spambase", "statlog-image", "waveform"], 2_000))),
    ],
    cost=lambda n_train, n_test, **others: float(n_train + n_test) ** 3 + 1e7,
)  # fmt: skip
def gp_peers(ctx: Context, peer: str, dataset: str, table: str, n_train: int, n_test: int) -> None:
    """One library and one table."""
    kernel_of, regression = library(peer)
    x, y, x_test, y_test = data_of(ctx, dataset, table, n_train, n_test)
    points, n = np.concatenate([x, x_test]), len(x)
    inputs, targets = (ctx.backend.asarray(array, "float64") for array in (points, y))

    def inferred(k, targets, noise):
        return theory.posterior(k[:n, :n], targets, k[n:, :n], k[n:, n:], ridge=noise)

    def ours(depth, name, noise):
        return inferred(getattr(architecture_kernels(fully_connected(depth, **SCALES), inputs), name), targets, noise)

    # What is beside the comparison is of NumPy, whatever the backend.
    networks = [architecture_kernels(fully_connected(depth, **SCALES), points) for depth in DEPTHS]
    grams = {name: [getattr(k, name) for k in networks] for name in NETWORKS}
    unit = np.median(np.linalg.norm(x[:200, None] - x[:200], axis=-1))
    for name in BESIDE:
        grams[name] = [theory.stationary_kernel(name, points, length=unit * length) for length in LENGTHS]
    best, gaps = {}, []
    for name, choices in grams.items():
        best[name] = found = theory.most_likely([k[:n, :n] for k in choices], y, NOISE)
        mean = inferred(found.amplitude * choices[found.kernel], y, found.noise).mean
        ctx.record(**{f"error_{name}": error(mean, y_test, table),
                      f"likelihood_{name}": found.log_likelihood / y.size})  # fmt: skip
    for name in NETWORKS:  # with an amplitude of one, which networks have
        depth, noise = DEPTHS[best[name].kernel], best[name].noise / best[name].amplitude
        own = ctx.stage(f"ours_{name}", ours, depth, name, noise)
        theirs = ctx.stage(f"peer_{name}", regression, kernel_of(depth, name), x, y, x_test, noise=noise)
        gaps.append(theory.posterior_gaps(own, theirs, y.size))
    found, rng = best["nngp"], ctx.rng(purpose=f"draws {dataset} {table} {n_train} {n_test}")
    both = Kernels(*(found.amplitude * k for k in networks[found.kernel]))
    draws = theory.gp_draws(both.nngp, DRAWS, rng)
    seen = draws[:n] + math.sqrt(found.noise) * rng.standard_normal((n, DRAWS))
    held = {where: theory.intervals_held(both, *given, LEVELS, noise=found.noise, noisy=where == "data")
            for where, given in (("draws", (seen, draws[n:])), ("data", (y, y_test)))}  # fmt: skip
    for name in INTERVALS:
        shares = {where: getattr(found, name) for where, found in held.items()}
        on_draws, on_data = (float(each[LEVELS == 0.95].item()) for each in shares.values())
        ctx.record(**{f"{name}_coverage": 100 * on_data, f"{name}_off": (on_draws - 0.95) / STANDARD_ERROR})
        for where, each in shares.items():
            ctx.curve(f"{name}_on_{where}", 100 * LEVELS, 100 * each)
    ctx.record(width_ratio=held["draws"].width_ratio, **{f"{g}_gap": max(gap[g] for gap in gaps) for g in GAPS})
