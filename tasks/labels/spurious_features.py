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

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.datasets import sphere
from ntkbench.kernels import first_layer_kernel, random_features_kernel
from ntkbench.networks import hermite_series

MODELS = {  # kernel; the activation, or its derivative, of degree 2 and of 4; what a neuron adds to its order
    "ntk": (first_layer_kernel, (hermite_series(0, 1), hermite_series(0, 3)), 1),
    "rf": (random_features_kernel, (hermite_series(1, 2), hermite_series(1, 4)), 0),
}
SIZES = [  # tier, seeds, alphas; model, d, k, n
    ("smoke", 1, [0.5], {"model": "ntk", "d": 100, "k": 100, "n": 400}),
    ("standard", 1, [0.5], {"model": "rf", "d": 100, "k": 4_000, "n": 400}),
    ("extended", 5, [0.25, 0.5, 0.75], {"model": "ntk", "d": 200, "k": 200, "n": 1_500}),
    ("extended", 5, [0.25, 0.5, 0.75], {"model": "rf", "d": 200, "k": 10_000, "n": 400}),
    ("paper", 5, [0.25, 0.5, 0.75], {"model": "ntk", "d": 1_000, "k": 100, "n": 1_000}),
    ("paper", 5, [0.25, 0.5, 0.75], {"model": "rf", "d": 1_000, "k": 100_000, "n": 1_000}),
]
RULE = "Bombari & Mondelli 2024"
SIGNS = {
    "alpha_gain": "gamma grows with alpha", "degree_gain": "gamma is larger for degree 2 than for 4",
    "excess_decline": "the excess over the limit shrinks with n / d",
    "spurious_decline": "spurious accuracy falls with n", "generalisation_gain": "generalisation rises with n",
}  # fmt: skip


def gammas(model, alpha, ratios):
    """The constants of both degrees at each n / d."""
    _, activations, shift = MODELS[model]
    kernels = [[0.0] * shift + [mu * mu for mu in activation.coefficients] for activation in activations]
    return np.array([[theory.alignment_constant(kernel, alpha, ratio) for ratio in ratios] for kernel in kernels])


def claims():
    """What holds of every run, and what is said of each size."""
    every = {"verified": True, "over": "worst"}
    yield Claim("leave-one-out identity", metric="identity_error", value=0.0, tolerance=1e-8, source="exact", **every)
    yield Claim("Cov(f(z^s), g) is gamma times that of the residual", metric="covariance_deviation", value=3.0,
                tolerance=0.0, source=RULE, side="at most", **every)  # fmt: skip
    for _, seeds, alphas, size in SIZES:
        of, given = f"{size['model'].upper()}, d = {size['d']:,}:", {"verified": True, "repeats": min(seeds, 3)}
        low = {"tolerance": 0.0, "source": RULE, "side": "at least", **given}
        for metric, about in SIGNS.items():
            yield Claim(f"{of} {about}", metric=metric, value=0.0, where=size, **low)
        for alpha in alphas:
            at, here, near = f"alpha {alpha}", {**size, "alpha": alpha}, 0.03 if size["d"] >= 200 else 0.06
            for degree, (value,) in zip((2, 4), gammas(size["model"], alpha, [size["n"] / size["d"]]), strict=True):
                yield Claim(f"{of} gamma, degree {degree}, {at}", metric=f"alignment_{degree}", value=float(value),
                            tolerance=near, source=f"{RULE}, finite n / d", where=here, **given)  # fmt: skip
            if alpha >= 0.5 and size["d"] >= 200:  # with fewer points chance is too near
                yield Claim(f"{of} labels are remembered, {at}", metric="spurious_excess", value=3.0, where=here, **low)


@task(
    title="Spurious features", version=2,
    source="Bombari & Mondelli 2024, arXiv:2305.12100, section 5 and figure 3",
    formulas={
        "feature alignment": r"F_i = \left[ k(Z^s, Z)\, k(Z, Z)^{-1} \right]_{ii}",
        "its limit for the NTK": r"\gamma = \alpha \, \frac{\sum_{l \ge 1} \mu_l'^2 \alpha^l}{\sum_{l \ge 1} \mu_l'^2}",
    },
    metrics=[
        Metric("alignment_2", unit="1", tolerance=1e-3, about="mean feature alignment, degree 2"),
        Metric("alignment_4", unit="1", tolerance=1e-3, about="mean feature alignment, degree 4"),
        Metric("degree_gain", unit="1", tolerance=2e-3, about="alignment_2 - alignment_4"),
        Metric("alpha_gain", unit="1", tolerance=2e-3, about="alignment less that at alpha / 2, the lesser of both"),
        Metric("excess_decline", unit="1", tolerance=2e-3,
               about="how much farther the alignment is above its limit at n / 8; the lesser of both degrees"),
        Metric("spurious_covariance", unit="1", better="lower", tolerance=2e-3, about="Cov(f(z^s), g), degree 2"),
        Metric("covariance_deviation", unit="1", tolerance=0.1,
               about="from gamma Cov(left-out residual, g) to Cov(f(z^s), g) in standard errors; the worse degree"),
        Metric("spurious_accuracy", unit="%", better="lower", tolerance=0.5,
               about="labels told from spurious queries, degree 2"),
        Metric("spurious_excess", unit="1", tolerance=0.4, about="standard errors by which that exceeds one half"),
        Metric("spurious_decline", unit="%", tolerance=2.0, about="spurious accuracy at n / 8 less that at n"),
        Metric("generalisation", unit="%", better="higher", tolerance=0.5, about="labels told when left out, degree 2"),
        Metric("generalisation_gain", unit="%", tolerance=2.0, about="generalisation at n less that at n / 8"),
        Metric("identity_error", unit="1", better="lower", about="largest error of the identity, leaving points out"),
    ],
    curves=[
        *(Curve(f"alignment_{degree}", x="n / d", y="feature alignment", share=1.0, tolerance=2e-3)
          for degree in (2, 4)),
        *(Curve(f"predicted_alignment_{degree}", x="n / d", y="predicted alignment", share=1.0, tolerance=1e-9,
                theory_of=f"alignment_{degree}") for degree in (2, 4)),
        Curve("spurious_accuracy", x="n / d", y="spurious accuracy", y_unit="%", share=1.0, tolerance=2.0),
        Curve("generalisation", x="n / d", y="leave-one-out accuracy", y_unit="%", share=1.0, tolerance=2.0),
    ],
    claims=list(claims()),
    tiers=[Tier("standard", seeds=3, alpha=0.5, model="ntk", d=200, k=200, n=1_500),  # a part of "extended"
           *(Tier(tier, seeds=seeds, alpha=alphas, **size) for tier, seeds, alphas, size in SIZES)],
    requires=["autodiff"], cost=lambda model, alpha, d, k, n: float(n * n * (k + 3 * n)),
)  # fmt: skip
def spurious_features(ctx: Context, model: str, alpha: float, d: int, k: int, n: int) -> None:
    """Regression on n points whose labels depend on the first d (1 - alpha) coordinates."""
    rng = ctx.rng(purpose=f"{model} alpha={alpha} d={d} k={k} n={n}")
    z, fresh, weights = sphere(rng, n, d), rng.standard_normal((n, d)), rng.standard_normal((k, d))
    g = np.sign(z[:, : round((1 - alpha) * d)] @ rng.standard_normal(round((1 - alpha) * d)))
    queries = np.concatenate([theory.with_fresh_core(z, fresh, share) for share in (alpha, alpha / 2)])
    sizes, labels = [n // 8, n // 3, n], ctx.backend.asarray(g, "float64")
    kernel, activations, _ = MODELS[model]

    def grams(z, queries, weights):  # for both degrees: of the points, and of both sets of queries with the points
        return [(kernel(z, z, weights, phi), kernel(queries, z, weights, phi).reshape(2, n, n)) for phi in activations]

    matrices = ctx.stage("kernels", grams, *(ctx.asarray(x) for x in (z, queries, weights)))
    found = ctx.stage("regression", lambda: [theory.recall_by_size(k, labels, q, sizes) for k, q in matrices])
    ratios = np.array(sizes) / d
    predicted, limit = gammas(model, alpha, ratios), gammas(model, alpha, [math.inf])
    aligned, halved = np.moveaxis(np.array([[r.mean_alignment for r in of_degree] for of_degree in found]), 2, 0)
    excess, (first, _, last) = aligned - limit, found[0]
    gaps = [abs(r[-1].covariance(c)) / r[-1].covariance_error(c) for r, c in zip(found, predicted[:, -1], strict=True)]
    share, few, (k, k_query) = last.spurious_accuracy / 100, sizes[1], matrices[0]
    ctx.record(
        alignment_2=aligned[0, -1],
        alignment_4=aligned[1, -1],
        degree_gain=aligned[0, -1] - aligned[1, -1],
        alpha_gain=float(np.min(aligned[:, -1] - halved[:, -1])),
        excess_decline=float(np.min(excess[:, 0] - excess[:, -1])),
        spurious_covariance=last.covariance(),
        covariance_deviation=max(gaps),
        spurious_accuracy=100 * share,
        spurious_excess=(share - 0.5) * 2 * math.sqrt(n),
        spurious_decline=first.spurious_accuracy - last.spurious_accuracy,
        generalisation=last.generalisation,
        generalisation_gain=last.generalisation - first.generalisation,
        identity_error=theory.identity_error(k[:few, :few], labels[:few], k_query[0, :few, :few], (0, few // 2)),
    )
    for degree, points, constants in zip((2, 4), aligned, predicted, strict=True):
        ctx.curve(f"alignment_{degree}", ratios, points)
        ctx.curve(f"predicted_alignment_{degree}", ratios, constants)
    ctx.curve("spurious_accuracy", ratios, [recall.spurious_accuracy for recall in found[0]])
    ctx.curve("generalisation", ratios, [recall.generalisation for recall in found[0]])
