"""How much more does a trained network err than the kernel of its infinitely wide limit?

Canatar, Bordelon & Pehlevan 2021 (arXiv:2006.13198), figure 6, from the result files of their repository
Pehlevan-Group/kernel-generalization: inputs on the sphere of 25 dimensions, the target b . x with |b| = 1 (of power
1 / 25), label noise of three variances, the NTK of one hidden ReLU layer without ridge, 1,500 test points; errors are
against targets without noise. Networks of that layer (weights N(0, 1) in the NTK parametrisation) are trained on the
labels by Adam at the rate 0.008: 4,000 steps, 2,000 for more than 1,000 points.

(a) The kernel's error is within 5 % of their theory at each n, each the last of a run. Here all 25 coordinates are
targets in turn, each with noise of its own; the mean over draws of the points has a standard error. The noise peaks at
n = 402, a second descent: there are 324 harmonics of degree two.

(b) A network's error over the kernel's, on the same points and labels at the lowest noise, is within 25 % of theirs.
That it falls with the width and grows with n is the order of these cells.

(c) Exact: of an eigenvector gradient flow for a time t learns 1 - e^-u, and a ridge of 1 / t learns u / (1 + u), with u
its eigenvalue times t; the ratio lies between 1 and 1.2985 (at u = 1.793).
"""

from functools import partial

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.kernels import fc_kernels
from ntkbench.networks import finite, fully_connected
from ntkbench.solvers import kernel_regression

SOURCE = "Canatar et al. 2021, arXiv:2006.13198, files of figure 6"
D, TEST, RATE = 25, 1_500, 0.008
COUNTS = [3, 5, 8, 13, 21, 35, 57, 94, 152, 248, 402, 654, 1062, 1725, 2801, 4548, 7386, 11_993, 19_474, 31_622]
NOISE = {"low": 0.028481734889, "middle": 0.0905528870024, "high": 0.143910581226}  # variances
THEORY = {
    "low": "40.4011 39.1684 36.7749 32.7521 27.3452 20.8631 15.5323 12.3569 11.8861 13.5478 15.1905 13.5392 9.62536 "
           "6.27897 4.16346 3.02571 2.58519 2.65573 3.07764 3.61259",
    "middle": "45.4923 46.4065 46.5998 46.1784 45.2961 43.2384 39.4049 35.8877 36.7095 42.7651 48.2171 43.0278 30.598 "
              "19.9618 13.2367 9.61961 8.21914 8.44342 9.78482 11.4856",
    "high": "49.8688 52.6286 55.0454 57.7199 60.7271 62.4727 59.9263 56.1152 58.0482 67.8809 76.6074 68.3768 48.6266 "
            "31.7239 21.0362 15.2879 13.0622 13.4186 15.5505 18.2534",
}  # fmt: skip
ROWS = {level: [float(v) / 1000 for v in row.split()] for level, row in THEORY.items()}
SMALL = {"width": 64, "nets": 1, "steps": 200}  # beside the kernel's curve; nothing is claimed of such a network
NETWORKS = {  # error over the kernel's at n = 402, 2801, 7386, 31622
    1_000: (1.24, 2.10, 5.31, 8.00), 3_500: (1.09, 1.45, 2.47, 4.31), 7_000: (1.07, 1.31, 1.93, 3.05),
    14_000: (1.05, 1.23, 1.64, 2.31), 50_000: (1.01, 1.17, 1.36, 1.72),
}  # fmt: skip


def claims():
    """Each cell of both tables, and the bounds of (c)."""
    for level, row in ROWS.items():
        for n, value in zip(COUNTS, row, strict=True):
            yield Claim(f"(a) kernel, {level} noise, n = {n:,}", metric=f"{level}_noise_error", value=value,
                        tolerance=0.05 * value, source=SOURCE, where={"n_max": n}, verified=True)  # fmt: skip
    for width, row in NETWORKS.items():
        for n, value in zip((402, 2801, 7386, 31_622), row, strict=True):
            yield Claim(f"(b) width {width:,}, n = {n:,}", metric="network_ratio", value=value, tolerance=0.25 * value,
                        source=SOURCE, where={"width": width, "n_max": n}, verified=True)  # fmt: skip
    exact = {"source": "exact", "verified": True, "over": "worst"}
    yield Claim("(c) flow learns more", metric="least_share", value=1.0, tolerance=1e-6, side="at least", **exact)
    yield Claim("(c) but not much", metric="most_share", value=1.2985, tolerance=1e-4, side="at most", **exact)


@task(
    title="Finite networks and infinite ones",
    source=SOURCE,
    requires=["autodiff"],
    formulas={"(c) ratio of learned shares": r"1 \le (1 - e^{-u}) \frac{1 + u}{u} \le 1.2985, \quad u = \lambda t"},
    metrics=[
        *(Metric(f"{level}_noise_error", unit="1", tolerance=1e-4, about="(a) kernel's test error at n_max")
          for level in NOISE),
        Metric("network_ratio", unit="1", tolerance=0.1, about="(b) network's error over the kernel's, largest n"),
        Metric("least_share", unit="1", tolerance=1e-6, about="(c) least ratio of shares, flow over ridge"),
        Metric("most_share", unit="1", tolerance=1e-6, about="(c) largest ratio of shares"),
    ],
    curves=[
        curve for level in NOISE for curve in (
            Curve(f"{level}_noise", x="training points", y="test error of the kernel", share=1.0, tolerance=1e-4),
            Curve(f"published_{level}_noise", x="training points", y="test error of their theory", share=1.0,
                  tolerance=1e-9, theory_of=f"{level}_noise"))
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", n_min=3, n_max=57, trials=4, width=32, nets=1, steps=50),
        Tier("standard", n_min=3, n_max=2801, trials=32, **SMALL),
        *(Tier("standard", n_min=n, n_max=n, trials=32, **SMALL) for n in (21, 152, 1062)),
        *(Tier("extended", n_min=n, n_max=n, trials=60, **SMALL) for n in COUNTS[:15]),
        Tier("extended", n_min=402, n_max=402, trials=60, width=1_000, nets=5, steps=4_000),
        Tier("paper", n_min=3, n_max=31_622, trials=60, **SMALL),
        Tier("paper", n_min=402, n_max=402, trials=5, width=list(NETWORKS), nets=5, steps=4_000),
        Tier("paper", n_min=2801, n_max=[2801, 7386, 31_622], trials=5, width=list(NETWORKS), nets=5, steps=2_000),
    ],
    cost=lambda n_max, trials, width, nets, steps, **others: float(trials * n_max**2 + nets * steps * n_max * width),
)  # fmt: skip
def finite_vs_infinite(ctx: Context, n_min: int, n_max: int, trials: int, width: int, nets: int, steps: int) -> None:
    """The kernel at each n (fewer draws of many points), and networks at the last."""
    double, counts = partial(ctx.backend.asarray, dtype="float64"), [n for n in COUNTS if n_min <= n <= n_max]
    network = finite(fully_connected(2, w_std=1.0), (D,), width=width)

    def drawn(n, i):
        """Points on the sphere, the first n to train on, and noise of variance one for each coordinate."""
        rng = ctx.rng(purpose=f"points {n} {i}")
        x = rng.standard_normal((n + TEST, D))
        return x / np.linalg.norm(x, axis=1, keepdims=True), rng.standard_normal((n, D))

    def kernels(n, x):
        """Of the training points, and between test and training points."""
        return fc_kernels(double(x[:n]), depth=2).ntk, fc_kernels(double(x[n:]), double(x[:n]), depth=2).ntk

    def errors(n, k_train, k_test, x, noise):
        """The kernel's, after the first n points: (levels,), the mean over coordinates."""
        labels = np.hstack([x[:n] + variance**0.5 * noise[:n] for variance in NOISE.values()])
        there = np.asarray if isinstance(k_train, np.ndarray) else double
        found = kernel_regression(k_train[:n, :n], there(labels), k_test[:, :n]).prediction
        found = found if there is np.asarray else ctx.to_numpy(found)
        return np.mean((found.reshape(TEST, len(NOISE), D).swapaxes(0, 1) - x[-TEST:]) ** 2, axis=(1, 2))

    rows, below = [], 0
    for most in dict.fromkeys(min(max(counts), m) for m in (152, 654, *COUNTS[14:])):  # they share points
        some, found = [n for n in counts if below < n <= most], []
        for i in range(max(4, min(trials, 400 * trials // most)) if some else 0):
            x, noise = drawn(some[-1], i)
            pair = [ctx.to_numpy(k) if most < 1_000 else k for k in kernels(some[-1], x)]
            found.append([errors(n, *pair, x, noise) for n in some])
        if some:
            rows += zip(np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / len(found) ** 0.5, strict=True)
        below = most
    for place, level in enumerate(NOISE):
        ctx.record(**{f"{level}_noise_error": tuple(row[place] for row in rows[-1])})
        ctx.curve(f"{level}_noise", counts, [mean[place] for mean, _ in rows])
        ctx.curve(f"published_{level}_noise", counts, [ROWS[level][COUNTS.index(n)] for n in counts])

    n, ratios = counts[-1], []  # (b)
    adam = theory.Adam(RATE, small=1e-8 * n / 2)  # theirs, of the mean of squares, which is 2 / n of the loss here
    for i, (x, noise) in enumerate(drawn(n, i) for i in range(nets)):
        start = network.init(ctx.rng(purpose=f"network {width} {i}"), ctx.asarray)
        labels = ctx.asarray(x[:n, 0] + NOISE["low"] ** 0.5 * noise[:, 0])
        trained = theory.descend(ctx.asarray(x[:n]), labels, theory.FirstOutput(network), start, adam, steps=steps,
                                 probe=ctx.asarray(x[n:]))  # fmt: skip
        (k_train, k_test), y = kernels(n, x), double(ctx.to_numpy(labels))
        kernel = ctx.to_numpy(kernel_regression(k_train, y, k_test).prediction)
        ratios.append([np.mean((found - x[n:, 0]) ** 2) for found in (trained.probe, kernel)])
    ctx.record(network_ratio=np.divide(*np.mean(ratios, axis=0)))

    k = ctx.to_numpy(ctx.stage("kernel", lambda x: fc_kernels(x, depth=2).ntk, double(drawn(48, 0)[0][:48])))  # (c)
    y, ratios = np.linalg.eigh(k)[1], []
    for t in theory.max_learning_rate(k) * np.geomspace(0.1, 1e3, 41):
        flow = theory.gradient_flow(k, y, k, [t]).train[0]
        ratios.append(np.sum(y * flow, axis=0) / np.sum(y * kernel_regression(k, y, k, ridge=1 / t).prediction, axis=0))
    ctx.record(least_share=np.min(ratios), most_share=np.max(ratios))
