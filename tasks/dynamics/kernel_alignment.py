"""Where does training end beyond the linear model, and does the kernel turn towards the labels on the way?

(a) Silent alignment: a two-layer linear network from a start of scale s, with whitened inputs and the target x . b,
ends with the NTK |b| (x . z + (x . u) (z . u)), u = b / |b| (derived here), and its kernel takes that shape before half
of the loss is gone (Atanasov, Bordelon & Pehlevan 2021, arXiv:2111.00034).

(b) Woodworth et al. 2019, theorem 1: gradient flow of the diagonal network p^2 - m^2 from p = m = a ends at a minimiser
that is known (below); theorem 3: |b|^2 <= (1 + e) |b_L2|^2 from a known scale on. Their figure 1 has 1,000 dimensions,
100 points, a 5-sparse target and noise of variance 0.01 (here in `extended`). The ODE is solved on the host.

(c) Geiger et al. 2020: L soft layers of width h, even against odd images, the hinge loss of a (f - f_0) over a^2 to the
end. Over sqrt(h) a the change of the kernel is one curve for all h (here h and 3 h, geometric means of two starts), of
slope -1 in the lazy regime and -2 L / (L + 1) in that of features (table 1: 1.25 for L = 2, 1.7 for L = 5).

(d) The trained kernel is aligned with the labels, and regression with it errs less on fresh images (from memory of Fort
et al. 2020, not read): at sqrt(h) a = 0.1, with a ridge of 1e-6 of the trace.
"""

from functools import partial

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.datasets import normalised
from ntkbench.kernels import empirical_ntk
from ntkbench.networks import Activation, Dense, finite, serial
from ntkbench.solvers import kernel_regression

WOODWORTH, GEIGER = "Woodworth et al. 2019, arXiv:1906.05827", "Geiger et al. 2020, arXiv:1906.08034"
RULES = [
    ("(a) last kernel, s = 0.01", "last_kernel", 0.02, "exact (limit)"),
    ("(a) nearer for a smaller start", "nearer", 1.0, "exact (limit)"),
    ("(a) turns before it learns", "turning", 1.0, "derived here, and Atanasov et al. 2021"),
    ("(b) flow ends at the minimiser", "minimiser_error", 1e-6, f"{WOODWORTH}, theorem 1"),
    ("(b) norm within its bound", "norm_bound", 1.0, f"{WOODWORTH}, theorem 3"),
]
STARTS, SCALES, SHARES = (1e-1, 1e-2, 1e-3), (3.0, 1.0, 0.3, 0.1, 0.03), (0.01, 0.1, 0.5, 1.0, 3.0)  # (a), (b), e
AT, RICH, LAZY, NETS = 10.0 ** np.arange(-3, 5), 2, 5, 2  # sqrt(h) a of (c), places in it, of (d), starts at a width


def errs(k, labels, fresh):
    """The mean squared error on fresh labels of regression with a kernel of all images, the labelled ones first."""
    n = len(labels)
    found = kernel_regression(k[:n, :n], labels, k[n:, :n], ridge=1e-6 * np.trace(k[:n, :n])).prediction
    return np.mean((found - fresh) ** 2)


def claims():
    """The rules, by their parts."""
    worst = {"verified": True, "over": "worst", "side": "at most"}
    for name, metric, value, source in RULES:
        yield Claim(name, metric=metric, value=value, tolerance=0.0, source=source, **worst)
    known = {"source": GEIGER, "verified": True, "repeats": 3}
    for hidden in (1, 2, 3, 5):
        at, slope, of = {"where": {"hidden": hidden}}, -2 * hidden / (hidden + 1), f"L = {hidden}"
        yield Claim(f"(c) features, {of}", metric="feature_slope", value=slope, tolerance=0.12, **at, **known)
        yield Claim(f"(c) lazy, {of}", metric="lazy_slope", value=-1.0, tolerance=0.1, **at, **known)
        yield Claim(f"(c) one curve, {of}", metric="width_gap", value=0.0, tolerance=0.2, **at, **known)
    memory = {"tolerance": 0.0, "source": "Fort et al. 2020, from memory", "repeats": 5}
    yield Claim("(d) alignment with labels rises", metric="alignment_gain", value=0.1, side="at least", **memory)
    yield Claim("(d) the trained kernel errs less", metric="trained_wins", value=0.8, side="at least", **memory)
    yield Claim("(d) lazy alignment stays", metric="lazy_gain", value=0.02, side="at most", **memory)


@task(
    title="Kernels that learn features",
    source=f"{WOODWORTH}; {GEIGER}",
    requires=["autodiff"],
    formulas={"(b) the end of gradient flow": r"\arg\min_{X b = y} \sum_i q(b_i / a^2), \quad "
              r"q(z) = 2 - \sqrt{4 + z^2} + z \operatorname{arcsinh}(z / 2)"},
    metrics=[
        Metric("last_kernel", unit="1", better="lower", tolerance=1e-6, about="(a) relative error to it at s = 0.01"),
        Metric("nearer", unit="1", tolerance=1e-3, about="(a) largest error over that of a start ten times as large"),
        Metric("turning", unit="1", tolerance=0.2, about="(a) largest ratio of the steps: turned over half learned"),
        Metric("minimiser_error", unit="1", better="lower", about="(b) largest relative distance of the flow's end"),
        Metric("norm_bound", unit="1", tolerance=1e-6, about="(b) largest |b|^2 over its bound"),
        Metric("feature_slope", unit="1", tolerance=1e-2, about="(c) exponent of sqrt(h) a up to 1, mean over widths"),
        Metric("lazy_slope", unit="1", tolerance=1e-2, about="(c) the same from 100 on"),
        Metric("width_gap", unit="1", tolerance=1e-2, about="(c) mean log of the curves' ratio, 3 h over h, up to 10"),
        Metric("alignment_gain", unit="1", tolerance=1e-2, about="(d) of the kernel's centred alignment, in training"),
        Metric("lazy_gain", unit="1", tolerance=1e-3, about="(d) size of the same at sqrt(h) a = 100"),
        Metric("trained_wins", unit="1", tolerance=0.0, about="(d) share of starts with no larger error"),
    ],
    curves=[
        Curve("excess_l1", x="scale", y="|b|_1 over the least, less 1", share=1.0, tolerance=1e-6),
        Curve("excess_l2", x="scale", y="|b|_2^2 over the least, less 1", share=1.0, tolerance=1e-6),
        Curve("kernel_change", x="sqrt(h) a", y="|K - K_0| / |K_0| at the smaller width"),
        Curve("kernel_change_wider", x="sqrt(h) a", y="|K - K_0| / |K_0| at three times the width"),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", dataset="digits", n=8, hidden=1, width=16, d=40, points=15),
        Tier("standard", seeds=3, dataset="mnist", n=16, hidden=2, width=32, d=100, points=30),
        Tier("extended", seeds=5, dataset="mnist", n=32, hidden=[1, 2, 3, 5], width=100, d=1000, points=100),
        Tier("paper", seeds=5, dataset="mnist", n=200, hidden=[2, 5], width=267, d=1000, points=100),
    ],
    cost=lambda n, hidden, width, **others: float(n * hidden * width**2),
)  # fmt: skip
def kernel_alignment(ctx: Context, dataset: str, n: int, hidden: int, width: int, d: int, points: int) -> None:
    """All four parts, of one start; images are in the span of those that are used, of entries of order one."""
    double = partial(ctx.backend.asarray, dtype="float64")
    rng = ctx.rng(purpose="linear")  # (a)
    x, b = np.linalg.qr(rng.standard_normal((12, 6)))[0], normalised(rng.standard_normal((1, 6)))[0] / 6**0.5
    expected, moments, silent = theory.linear_network_kernel(x, b), range(5, 301, 5), []
    for s in STARTS:
        network = finite(serial(Dense(s), Dense(s)), (6,), width=32, parameterization="standard")
        start = network.init(ctx.rng(purpose="linear start"), double)
        seen = (network, start, double(x), double(x @ b), expected)
        silent.append(theory.silent_alignment(*seen, moments=moments, rate=0.1))

    x, b = (rng := ctx.rng(purpose="sparse")).standard_normal((points, d)), np.zeros(d)  # (b)
    b[:5] = 5**-0.5
    y = x @ b + 0.1 * rng.standard_normal(points)
    flows = ctx.stage("diagonal", lambda: [theory.diagonal_flow(x, y, a) for a in SCALES])
    norm, l1 = np.linalg.norm(np.linalg.lstsq(x, y, rcond=None)[0]), np.abs(theory.least_l1(x, y)).sum()
    ends = [theory.diagonal_minimiser(x, y, a) for a in SCALES]
    bounded = [theory.diagonal_minimiser(x, y, theory.scale_of_least_norm(e, norm)) for e in SHARES]
    ctx.curve("excess_l1", SCALES, [np.abs(flow).sum() / l1 - 1 for flow in flows])
    ctx.curve("excess_l2", SCALES, [flow @ flow / norm**2 - 1 for flow in flows])

    data = ctx.dataset(dataset, n_train=n, n_test=2 * n)  # (c), (d)
    images = np.concatenate([ctx.to_numpy(x).reshape(len(x), -1) for x in (data.x_train, data.x_test)])
    inputs = normalised(images @ np.linalg.qr(images.T.astype(np.float64))[0])
    labels, fresh = (np.where(of % 2, 1.0, -1.0) for of in (data.labels_train, data.labels_test))
    x, every, square, changes, aligned, wins = double(inputs[:n]), double(inputs), np.s_[:n, :n], [], [], []
    for h, i in ((h, i) for h in (width, 3 * width) for i in range(NETS)):
        network = finite(serial(*(Dense(), Activation(theory.soft_relu)) * hidden, Dense()), inputs.shape[1:], width=h)
        start = network.init(ctx.rng(purpose=f"network {hidden} {h} {i}"), double)
        trained = theory.hinge_training(network, start, x, double(labels), AT / h**0.5)
        first, *kernels = (ctx.to_numpy(empirical_ntk(network, p, every, trace=True)) for p in (start, *trained))
        changes.append([np.linalg.norm((k - first)[square]) / np.linalg.norm(first[square]) for k in kernels])
        aligned.append([theory.centred_alignment(k[square], labels) for k in (first, kernels[RICH], kernels[LAZY])])
        wins.append(errs(kernels[RICH], labels, fresh) <= errs(first, labels, fresh))
    narrow, wide = np.exp(np.mean(np.log(changes).reshape(2, NETS, -1), axis=1))
    ctx.curve("kernel_change", AT, narrow)
    ctx.curve("kernel_change_wider", AT, wide)
    first, rich, lazy = np.mean(aligned, axis=0)
    ctx.record(
        last_kernel=silent[1].error,
        nearer=max(silent[i + 1].error / silent[i].error for i in range(2)),
        turning=max(found.turned / found.learned for found in silent),
        minimiser_error=max(np.linalg.norm(f - e) / np.linalg.norm(e) for f, e in zip(flows, ends, strict=True)),
        norm_bound=max(np.sum(e**2) / ((1 + s) * norm**2) for e, s in zip(bounded, SHARES, strict=True)),
        feature_slope=np.mean([theory.power_law_exponent(AT[:4], change[:4]) for change in (narrow, wide)]),
        lazy_slope=np.mean([theory.power_law_exponent(AT[5:], change[5:]) for change in (narrow, wide)]),
        width_gap=np.mean(np.log(wide / narrow)[:5]),
        alignment_gain=rich - first,
        lazy_gain=abs(lazy - first),
        trained_wins=np.mean(wins),
    )
