"""Rademacher complexity of the ball of a kernel's space: its bounds, its decay, and what it says of generalisation.

Exact for every kernel: the unit ball's complexity E_sigma sqrt(sigma' K sigma) / n lies between sqrt(tr K / 2) / n
(Khintchine and Kahane, with the best constant) and sqrt(tr K) / n (Bartlett & Mendelson 2002, lemma 22), so that it
falls as n^-1/2 on the sphere, where all K(x, x) are equal. With probability 1 - delta over samples of n points, the
population's mean loss is above the sample's by no more than 2 R + 3 sqrt(log(2 / delta) / (2 n)) for all functions in a
ball of complexity R and losses of slope one in [0, 1].

Here the NTK of two hidden ReLU layers on the sphere; expectations over 400 vectors of signs, with 3 standard errors
allowed; the loss is the ramp, the population 800 points from which samples are drawn with replacement, and delta 0.05.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.kernels import fc_kernels, fc_work
from ntkbench.theory import Sphere, power_law_exponent, rademacher_complexity, ramp_gap

DELTA, SAMPLE, POOL, RADIUS = 0.05, 200, 800, 2.0
EXACT = "exact: Bartlett & Mendelson 2002"


@task(
    title="Rademacher complexity of kernel balls",
    source="Bartlett & Mendelson 2002, JMLR 3",
    formulas={
        "the unit ball": (
            r"\frac{1}{n} \sqrt{\frac{\operatorname{tr} K}{2}} \;\le\; \frac{1}{n}\, \mathbb{E}_\sigma "
            r"\sqrt{\sigma^\top K \sigma} \;\le\; \frac{1}{n} \sqrt{\operatorname{tr} K}"
        ),
        "generalisation, with probability 1 - delta": (
            r"L(f) \le \hat L(f) + 2 R + 3 \sqrt{\frac{\log(2 / \delta)}{2 n}}"
        ),
    },
    metrics=[
        Metric("exponent", unit="1", tolerance=1e-4, about="slope of the log of the unit ball's complexity over log n"),
        Metric("lowest", unit="1", tolerance=1e-4,
               about="least complexity over its upper bound, and 3 standard errors"),
        Metric("highest", unit="1", tolerance=1e-4,
               about="largest complexity over its upper bound, less 3 standard errors"),
        Metric("bound_failures", unit="1", better="lower", tolerance=0.01,
               about="share of samples whose generalisation gap exceeds the bound"),
        Metric("largest_gap", unit="1", tolerance=1e-3, about="largest generalisation gap over its bound"),
        Metric("kernel_operations", unit="op", role="operations", stage="kernel",
               about="operations that the Gram matrix takes, by the formulas"),
        Metric("kernel_bytes", unit="B", role="bytes", stage="kernel",
               about="bytes that it has to read and write at least"),
    ],
    curves=[
        Curve("complexity", x="training points", y="complexity of the unit ball", share=1.0, tolerance=1e-4,
              exponent="exponent"),
        Curve("upper_bound", x="training points", y="complexity of the unit ball", share=1.0, tolerance=1e-4),
    ],
    claims=[
        Claim("complexity ~ n^-1/2 on the sphere", metric="exponent", value=-0.5, tolerance=0.03, source=EXACT,
              verified=True, repeats=3),
        Claim("complexity above its lower bound", metric="lowest", value=math.sqrt(0.5), tolerance=0.0,
              source="exact: Khintchine & Kahane", verified=True, over="worst", side="at least"),
        Claim("complexity below its upper bound", metric="highest", value=1.0, tolerance=0.0, source=EXACT,
              verified=True, over="worst", side="at most"),
        Claim("generalisation gaps within their bound", metric="bound_failures", value=0.0, tolerance=DELTA,
              source=EXACT, verified=True, over="worst", side="at most"),
    ],
    tiers=[
        Tier("smoke", d=10, n_max=100, draws=25),
        Tier("standard", seeds=3, d=10, n_max=800, draws=100),
        Tier("extended", seeds=3, d=10, n_max=800, draws=200),
        Tier("paper", seeds=5, d=10, n_max=6400, draws=200),
    ],
    cost=lambda d, n_max, draws: n_max**2 * 400.0 + draws * 1e7,
)  # fmt: skip
def rademacher_ball(ctx: Context, d: int, n_max: int, draws: int) -> None:
    """Complexities for n = 50, 100, ..., and the gaps of many samples."""
    rng = ctx.rng(purpose=f"points {d} {n_max}")
    points = Sphere(d).samples(max(n_max, POOL), 1, rng)[0].points
    counts = [50 * 2**i for i in range(int(math.log2(n_max / 50)) + 1)]
    signs = [ctx.asarray(rng.choice([-1.0, 1.0], (400, n))) for n in counts]
    labels = np.sign(points[:POOL, 0])
    samples = rng.integers(POOL, size=(draws, SAMPLE))
    few = rng.choice([-1.0, 1.0], (50, SAMPLE))

    def bounds():
        """The generalisation gap of each sample, over its bound."""
        # In NumPy: to take samples out of a matrix libraries would compile a dozen programs.
        shares, pool = [], ctx.to_numpy(k)[:POOL, :POOL]
        for sample in samples:
            value = rademacher_complexity(pool[np.ix_(sample, sample)], few).value
            bound = 2 * RADIUS * value + 3 * math.sqrt(math.log(2 / DELTA) / (2 * SAMPLE))
            shares.append(ramp_gap(pool, labels, sample, radius=RADIUS, ridge=1.0) / bound)
            ctx.progress(len(shares), draws)
        return np.array(shares)

    k = ctx.stage("kernel", lambda: fc_kernels(ctx.asarray(points), depth=3).ntk)
    found = ctx.stage("complexity", lambda: [rademacher_complexity(k[: s.shape[1], : s.shape[1]], s) for s in signs])
    shares = ctx.stage("gaps", bounds)
    ratios = [(r.value / r.upper, 3 * r.stderr / r.upper) for r in found]
    work = fc_work(len(points), features=points.shape[1], depth=3, precision=ctx.precision)
    ctx.record(
        exponent=power_law_exponent(counts, [r.value for r in found]),
        lowest=min(ratio + error for ratio, error in ratios),
        highest=max(ratio - error for ratio, error in ratios),
        bound_failures=float(np.mean(shares > 1)),
        largest_gap=shares.max(),
        kernel_operations=work.operations,
        kernel_bytes=work.bytes,
    )
    ctx.curve("complexity", counts, [r.value for r in found])
    ctx.curve("upper_bound", counts, [r.upper for r in found])
