"""Which of all functions that fit the labels does training end at?

In a wide network many parameters fit the labels; where training ends is decided by how it moves. Exact, for kernel
regression from one start: gradient descent, heavy ball, Nesterov, SGD and line search never leave the span of the
features of the training points, and end at the interpolant of least norm, whatever path they take (Gunasekar et al.
2018, arXiv:1802.08246). Adam divides coordinates by different numbers, leaves the span, and ends elsewhere. With the
logistic loss parameters grow for ever, and their direction tends to that of the hard-margin support vector machine,
like 1 / log t (Soudry et al. 2018, arXiv:1710.10345); with steps that are divided by the loss, here the exponential
one, much faster (Nacson et al. 2019, arXiv:1803.01905).

a) kernel: features are the derivatives of a network of width 64 at its start. Distance at test points from the
   interpolant of least norm, the largest over the interpolant's largest value, and Adam's beside, with test errors
   (mean squares, labels being signs);
b) direction: cosines in the kernel's space with the support vector machine, by steps;
c) networks: those of two layers, ReLU, antisymmetric at the start, trained by each rule, against the interpolant of
   their own empirical NTK, and with the logistic loss against as many steps with that kernel: root mean squares at test
   points. Lee et al. 2019 (arXiv:1902.06720), theorem 2.1, has this gap fall as width^-1/2 or faster.

Inputs are on the sphere in 16 dimensions, labels the signs of x_1 + x_2 x_3. SGD takes eight
points a step, at three quarters of the rate at which it becomes unstable.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.datasets import sphere
from ntkbench.kernels import empirical_ntk
from ntkbench.networks import Activation, Dense, finite, log_steps, serial, to_backend
from ntkbench.solvers import kernel_regression

NETWORK = serial(Dense(math.sqrt(2.0)), Activation("relu"), Dense())
DIMENSION, FEATURES, BATCH = 16, 64, 8
TUNED = ("gradient", "heavy_ball", "nesterov", "exact")
EQUAL, WIDE = (*TUNED, "sgd"), (*TUNED[:3], "sgd", "logistic")
WIDTHS = (64, 256, 1024, 4096, 16_384)  # those up to the largest


def claims():
    """One interpolant for all rules but Adam; one direction; the law of the width."""
    every = {"verified": True, "over": "worst"}
    for method in EQUAL:
        yield Claim(f"(a) {method} ends at the interpolant of least norm", metric=f"{method}_distance", value=0.0,
                    tolerance=1e-8, source="exact (Gunasekar et al. 2018)", **every)  # fmt: skip
    yield Claim("(a) Adam fits, too", metric="adam_residual", value=0.0, tolerance=1e-3, source="exact", **every)
    yield Claim("(a) and ends elsewhere", metric="adam_distance", value=0.01, tolerance=0.0, side="at least",
                source="exact (it leaves the span)", **every)  # fmt: skip
    yield Claim("(b) logistic loss turns to the support vector machine", metric="logistic_rise", value=0.0,
                tolerance=0.0, side="at least", source="Soudry et al. 2018, theorem 3", **every)  # fmt: skip
    yield Claim("(b) and reaches it with steps over the loss", metric="margin_cosine", value=0.99, tolerance=0.0,
                side="at least", source="Nacson et al. 2019 (limit)", where={"n": 24}, **every)  # fmt: skip
    for method in WIDE:
        yield Claim(f"(c) networks, {method}", metric=f"network_{method}_slope", value=-0.5, tolerance=0.1,
                    side="at most", source="Lee et al. 2019, theorem 2.1", where={"n": 24}, **every)  # fmt: skip


@task(
    title="Where training ends", source="Gunasekar et al. 2018, arXiv:1802.08246; Soudry et al. 2018, arXiv:1710.10345",
    requires=["autodiff"],
    formulas={
        "the interpolant of least norm": r"f(x) = K(x, X) K(X, X)^{-1} y",
        "the support vector machine": r"\min |f|_K^2 \quad \text{with} \quad y_i f(x_i) \ge 1",
    },
    metrics=[
        *(Metric(f"{m}_distance", unit="1", better="lower", tolerance=1e-8, about="(a) from the interpolant")
          for m in EQUAL),
        Metric("adam_distance", unit="1", tolerance=1e-3, about="(a) from the interpolant"),
        Metric("adam_residual", unit="1", better="lower", tolerance=1e-3, about="(a) largest |f - y| in training"),
        Metric("adam_error", unit="1", better="lower", tolerance=1e-3, about="(a) mean square at test points"),
        Metric("interpolant_error", unit="1", better="lower", tolerance=1e-6, about="(a) that of the interpolant"),
        Metric("logistic_cosine", unit="1", better="higher", tolerance=1e-6, about="(b) with the machine in the end"),
        Metric("logistic_rise", unit="1", tolerance=1e-6, about="(b) what of it came in the last nine tenths of steps"),
        Metric("margin_cosine", unit="1", better="higher", tolerance=1e-6, about="(b) with steps over the loss"),
        *(Metric(f"network_{m}_slope", unit="1", tolerance=0.01, about="(c) exponent of the width in the gap")
          for m in WIDE),
    ],
    curves=[
        Curve("cosine_logistic", x="step", y="cosine", share=1.0, tolerance=1e-6),
        Curve("cosine_margin", x="step", y="cosine", share=1.0, tolerance=1e-6),
        *(Curve(f"gap_{m}", x="width", y="gap", share=1.0, tolerance=1e-4, exponent=f"network_{m}_slope")
          for m in WIDE),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", n=8, n_test=20, width=256, steps=240),
        Tier("standard", n=24, n_test=100, width=1024, steps=900),
        Tier("extended", seeds=2, n=[24, 64], n_test=100, width=4096, steps=6_000),
        Tier("paper", seeds=3, n=200, n_test=1_000, width=16_384, steps=20_000),
    ],
)  # fmt: skip
def implicit_bias(ctx: Context, n: int, n_test: int, width: int, steps: int) -> None:
    """All rules on one draw of points."""
    rng = ctx.rng(purpose=f"points {n} {n_test}")
    x = sphere(rng, n + n_test, DIMENSION)
    y = np.sign(x[:, 0] + x[:, 1] * x[:, 2])
    picks = rng.integers(n, size=(steps, BATCH))
    inputs, labels = (ctx.backend.asarray(a, "float64") for a in (x, y[:n]))

    def apart(a):  # training and test rows
        return tuple(ctx.backend.asarray(part, "float64") for part in (a[:n], a[n:]))

    def rules(k):
        values = np.linalg.eigvalsh(k[:n, :n])
        tuned = {m: theory.tuned_rule(m, values[-1], values[0]) for m in TUNED}
        largest = k.diagonal().max()
        sgd = theory.Rule(1.5 / (largest + (BATCH - 1) * values[-1] / n))
        return {**tuned, "sgd": sgd, "logistic": theory.Rule(4 / values[-1]), "margin": theory.Rule(1 / largest)}

    def end(function, start, points, rule, method, steps):
        loss = method if method in ("logistic", "margin") else "squared"
        return theory.descend(points[0], labels, function, start, rule, steps=steps, loss=loss, probe=points[1],
                              picks=picks[:steps] if method == "sgd" else None)  # fmt: skip

    def begin(m):
        network = finite(NETWORK, (DIMENSION,), width=m)
        start = theory.antisymmetric(network.init(ctx.rng(purpose=f"network {m}")))
        return theory.FirstOutput(network), to_backend(start, ctx.backend)

    phi = ctx.to_numpy(ctx.stage("features", theory.gradient_features, *begin(FEATURES), inputs))
    k, zeros = phi @ phi.T, ctx.backend.asarray(np.zeros(phi.shape[1]), "float64")
    best = kernel_regression(k[:n, :n], y[:n], k[n:, :n]).prediction
    own = {**rules(k), "adam": theory.Adam(0.003)}
    runs = {m: end(theory.linear, zeros, apart(phi), rule, m, steps) for m, rule in own.items()}
    distances = {m: np.abs(run.probe - best).max() / np.abs(best).max() for m, run in runs.items()}
    machine, moments = theory.hard_margin(k[:n, :n], y[:n]), log_steps(steps, 40)[1:]
    cosines = {m: theory.function_cosines(k[:n, :n], runs[m].outputs[list(moments)], machine.outputs)
               for m in ("logistic", "margin")}  # fmt: skip
    adam, gaps, widths = runs["adam"], {m: [] for m in WIDE}, [m for m in WIDTHS if m <= width]
    for m in widths:
        function, start = begin(m)
        k = ctx.to_numpy(empirical_ntk(function.network, start, inputs, trace=True))
        lifted = apart(np.linalg.cholesky(k))
        still = ctx.backend.asarray(np.zeros(len(k)), "float64")
        wanted, own = dict.fromkeys(WIDE, kernel_regression(k[:n, :n], y[:n], k[n:, :n]).prediction), rules(k)
        wanted["logistic"] = end(theory.linear, still, lifted, own["logistic"], "logistic", steps // 6).probe
        for method in WIDE:
            found = end(function, start, apart(x), own[method], method, steps // 6).probe
            gaps[method].append(float(np.sqrt(np.mean((found - wanted[method]) ** 2))))
    ctx.record(
        **{f"{m}_distance": distances[m] for m in (*EQUAL, "adam")},
        adam_residual=np.abs(adam.outputs[-1] - y[:n]).max(), adam_error=np.mean((adam.probe - y[n:]) ** 2),
        interpolant_error=np.mean((best - y[n:]) ** 2), **{f"{m}_cosine": cosines[m][-1] for m in cosines},
        logistic_rise=cosines["logistic"][-1] - np.interp(steps / 10, moments, cosines["logistic"]),
        **{f"network_{m}_slope": theory.power_law_exponent(widths, gaps[m]) for m in WIDE},
    )  # fmt: skip
    for m in cosines:
        ctx.curve(f"cosine_{m}", moments, cosines[m])
    for m in gaps:
        ctx.curve(f"gap_{m}", widths, gaps[m])
