"""How much does regression remember of a label through a part of the input that has nothing to do with it?

Bombari & Mondelli, "How spurious features are memorized" (ICML 2024): an input z = [x, y] has a core x, which decides
the label, and a spurious part y, a share alpha of the d coordinates. After min-norm interpolation the query [x~, y],
with a fresh core, should tell nothing of the label; the share of a point's leave-one-out error that it gives away, the
feature alignment, tends to a constant gamma that depends on alpha and on the Hermite coefficients of the activation.
For the NTK and d << n << d^2, gamma = alpha sum_l mu'_l^2 alpha^l / sum_l mu'_l^2 over l >= 1: alpha^2 and alpha^4 for
phi' = h_0 + h_1 and h_0 + h_3. At finite n / d it is larger (`alignment_constant`), and is judged as such.

Protocol: |z| = sqrt(d), labels sign(u . x), random features phi(V z) with phi = h_1 + h_2 (degree 2) and h_1 + h_4, or
the NTK of k neurons with phi' as above (degree 2 and 4): figure 3 in the authors' code, there with d = 1000. Both
degrees, alpha halved, and the first n / 8 and n / 3 points see the same inputs and weights. Generalisation is
measured by leaving one out.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.datasets import sphere
from ntkbench.kernels import first_layer_kernel, random_features_kernel
from ntkbench.networks import hermite_series
from ntkbench.theory import alignment_constant, identity_error, memorisation

MODELS = {  # kernel; the activation, or its derivative, of degree 2 and of 4; what a neuron adds to its order
    "ntk": (first_layer_kernel, (hermite_series(0, 1), hermite_series(0, 3)), 1),
    "rf": (random_features_kernel, (hermite_series(1, 2), hermite_series(1, 4)), 0),
}
SIZES = [  # tier, seeds, alphas; model, d, k, n
    ("smoke", 1, [0.5], {"model": "ntk", "d": 100, "k": 100, "n": 400}),
    ("smoke", 1, [0.5], {"model": "rf", "d": 100, "k": 4_000, "n": 400}),
    ("standard", 5, [0.25, 0.5, 0.75], {"model": "ntk", "d": 200, "k": 200, "n": 1_500}),
    ("standard", 5, [0.25, 0.5, 0.75], {"model": "rf", "d": 200, "k": 10_000, "n": 400}),
    ("paper", 5, [0.25, 0.5, 0.75], {"model": "ntk", "d": 1_000, "k": 100, "n": 1_000}),
    ("paper", 5, [0.25, 0.5, 0.75], {"model": "rf", "d": 1_000, "k": 100_000, "n": 1_000}),
]
RULE = "Bombari & Mondelli 2024"
SIGNS = {
    "alpha_gain": "gamma grows with alpha",
    "degree_gain": "gamma is larger for degree 2 than for 4",
    "excess_decline": "the excess over the limit shrinks with n / d",
    "spurious_decline": "spurious accuracy falls with n",
    "generalisation_gain": "generalisation rises with n",
}


def gammas(model, alpha, ratios):
    """The constants of both degrees at each n / d."""
    _, activations, shift = MODELS[model]
    kernels = [[0.0] * shift + [mu * mu for mu in activation.coefficients] for activation in activations]
    return np.array([[alignment_constant(kernel, alpha, ratio) for ratio in ratios] for kernel in kernels])


def claims():
    """What holds of every run, and what is said of each size."""
    yield Claim("leave-one-out identity", "identity_error", 0.0, 1e-8, "exact", verified=True, over="worst")
    yield Claim("Cov(f(z^s), g) is gamma times that of the residual", "covariance_deviation", 3.0, 0.0, RULE,
                verified=True, over="worst", side="at most")  # fmt: skip
    for _, seeds, alphas, size in SIZES:
        options = {"verified": True, "repeats": min(seeds, 3)}
        name = f"{size['model'].upper()}, d = {size['d']:,}"
        for metric, about in SIGNS.items():
            yield Claim(f"{name}: {about}", metric, 0.0, 0.0, RULE, size, side="at least", **options)
        for alpha in alphas:
            where = {**size, "alpha": alpha}
            for degree, (value,) in zip((2, 4), gammas(size["model"], alpha, [size["n"] / size["d"]]), strict=True):
                yield Claim(f"{name}: gamma, degree {degree}, alpha {alpha}", f"alignment_{degree}", float(value),
                            0.03 if size["d"] >= 200 else 0.06, f"{RULE}, finite n / d", where, **options)  # fmt: skip
            if alpha >= 0.5 and size["d"] >= 200:  # with fewer points chance is too near
                yield Claim(f"{name}: labels are remembered, alpha {alpha}", "spurious_excess", 3.0, 0.0, RULE, where,
                            side="at least", **options)  # fmt: skip


def query(z, fresh, alpha):
    """z with a fresh core of the same norm, its last share alpha kept."""
    core = round((1 - alpha) * z.shape[1])
    scale = np.linalg.norm(z[:, :core], axis=1) / np.linalg.norm(fresh[:, :core], axis=1)
    return np.concatenate([fresh[:, :core] * scale[:, None], z[:, core:]], axis=1)


def grams(model, z, queries, weights):
    """For both degrees the Gram matrix (n, n), and the kernels of two sets of queries with all points (2, n, n)."""
    kernel, activations, _ = MODELS[model]
    n = z.shape[0]
    return [(kernel(z, z, weights, phi), kernel(queries, z, weights, phi).reshape(2, n, n)) for phi in activations]


def regress(matrices, labels, sizes):
    """The terms of the leave-one-out identity for both degrees and the first n points, for each n."""
    return [[memorisation(k[:n, :n], labels[:n], k_query[:, :n, :n]) for n in sizes] for k, k_query in matrices]


@task(
    title="Spurious features",
    source="Bombari & Mondelli 2024, arXiv:2305.12100, section 5 and figure 3",
    formulas={
        "feature alignment": r"F_i = \left[ k(Z^s, Z)\, k(Z, Z)^{-1} \right]_{ii}",
        "its limit for the NTK": r"\gamma = \alpha \, \frac{\sum_{l \ge 1} \mu_l'^2 \alpha^l}{\sum_{l \ge 1} \mu_l'^2}",
    },
    metrics=[
        Metric("alignment_2", "1", tolerance=1e-3, about="mean feature alignment, degree 2"),
        Metric("alignment_4", "1", tolerance=1e-3, about="mean feature alignment, degree 4"),
        Metric("degree_gain", "1", tolerance=2e-3, about="alignment_2 - alignment_4"),
        Metric("alpha_gain", "1", tolerance=2e-3, about="alignment less that at alpha / 2; the lesser of both degrees"),
        Metric("excess_decline", "1", tolerance=2e-3,
               about="how much farther the alignment is above its limit at n / 8; the lesser of both degrees"),
        Metric("spurious_covariance", "1", "lower", tolerance=2e-3, about="Cov(f(z^s), g), degree 2"),
        Metric("covariance_deviation", "1", tolerance=0.1,
               about="from gamma Cov(left-out residual, g) to Cov(f(z^s), g) in units of n^-1/2; the worse degree"),
        Metric("spurious_accuracy", "%", "lower", tolerance=0.5, about="labels told from spurious queries, degree 2"),
        Metric("spurious_excess", "1", tolerance=0.4, about="standard errors by which that exceeds one half"),
        Metric("spurious_decline", "%", tolerance=2.0, about="spurious accuracy at n / 8 less that at n"),
        Metric("generalisation", "%", "higher", tolerance=0.5, about="labels told when left out, degree 2"),
        Metric("generalisation_gain", "%", tolerance=2.0, about="generalisation at n less that at n / 8"),
        Metric("identity_error", "1", "lower", about="largest error of the identity, points left out one by one"),
    ],
    curves=[
        Curve("alignment_2", x="n / d", y="feature alignment", share=1.0, tolerance=2e-3),
        Curve("alignment_4", x="n / d", y="feature alignment", share=1.0, tolerance=2e-3),
        Curve("predicted_alignment_2", x="n / d", y="predicted alignment", share=1.0, tolerance=1e-9,
              theory_of="alignment_2"),
        Curve("predicted_alignment_4", x="n / d", y="predicted alignment", share=1.0, tolerance=1e-9,
              theory_of="alignment_4"),
        Curve("spurious_accuracy", x="n / d", y="spurious accuracy", y_unit="%", share=1.0, tolerance=2.0),
        Curve("generalisation", x="n / d", y="leave-one-out accuracy", y_unit="%", share=1.0, tolerance=2.0),
    ],
    claims=list(claims()),
    tiers=[Tier(tier, seeds=seeds, alpha=alphas, **size) for tier, seeds, alphas, size in SIZES],
    cost=lambda model, alpha, d, k, n: float(n * n * (k + 3 * n)),
    requires=["autodiff"],
)  # fmt: skip
def spurious_features(ctx: Context, model: str, alpha: float, d: int, k: int, n: int) -> None:
    """Regression on n points whose labels depend on the first d (1 - alpha) coordinates."""
    rng = ctx.rng(purpose=f"{model} alpha={alpha} d={d} k={k} n={n}")
    z, fresh, weights = sphere(rng, n, d), rng.standard_normal((n, d)), rng.standard_normal((k, d))
    g = np.sign(z[:, : round((1 - alpha) * d)] @ rng.standard_normal(round((1 - alpha) * d)))
    queries = np.concatenate([query(z, fresh, alpha), query(z, fresh, alpha / 2)])
    sizes = [n // 8, n // 3, n]
    labels = ctx.backend.asarray(g, "float64")
    matrices = ctx.stage("kernels", grams, model, *(ctx.asarray(x) for x in (z, queries, weights)))
    terms = ctx.stage("regression", regress, matrices, labels, sizes)
    terms = [[tuple(ctx.to_numpy(part) for part in at_n) for at_n in of_degree] for of_degree in terms]

    ratios = np.array(sizes) / d
    predicted, limit = gammas(model, alpha, ratios), gammas(model, alpha, [math.inf])
    means = np.array([[alignment.mean(axis=1) for alignment, _, _ in of_degree] for of_degree in terms])
    aligned, halved = means[:, :, 0], means[:, :, 1]
    told, left_out = (
        [100 * float(np.mean(values * g[:m] > 0)) for m, values in zip(sizes, outputs, strict=True)]
        for outputs in ([f[0] for _, f, _ in terms[0]], [g[: len(r)] - r for _, _, r in terms[0]])
    )
    gaps = [float(np.mean((of_degree[-1][1][0] - constant * of_degree[-1][2]) * (g - g.mean())))
            for of_degree, constant in zip(terms, predicted[:, -1], strict=True)]  # fmt: skip
    share, few, (k, k_query) = told[-1] / 100, sizes[1], matrices[0]
    ctx.record(
        alignment_2=aligned[0, -1],
        alignment_4=aligned[1, -1],
        degree_gain=aligned[0, -1] - aligned[1, -1],
        alpha_gain=float(np.min(aligned[:, -1] - halved[:, -1])),
        excess_decline=float(np.min((aligned - limit)[:, 0] - (aligned - limit)[:, -1])),
        spurious_covariance=float(np.mean(terms[0][-1][1][0] * (g - g.mean()))),
        covariance_deviation=max(abs(gap) for gap in gaps) * math.sqrt(n),
        spurious_accuracy=100 * share,
        spurious_excess=(share - 0.5) * 2 * math.sqrt(n),
        spurious_decline=told[0] - told[-1],
        generalisation=left_out[-1],
        generalisation_gain=left_out[-1] - left_out[0],
        identity_error=identity_error(k[:few, :few], labels[:few], k_query[0, :few, :few], points=(0, few // 2)),
    )
    for degree, points, constants in zip((2, 4), aligned, predicted, strict=True):
        ctx.curve(f"alignment_{degree}", ratios, points)
        ctx.curve(f"predicted_alignment_{degree}", ratios, constants)
    ctx.curve("spurious_accuracy", ratios, told)
    ctx.curve("generalisation", ratios, left_out)
