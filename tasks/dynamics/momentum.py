"""How much faster does momentum learn, and what do line searches gain?

With a kernel of condition kappa (largest over least eigenvalue) the tuned rules multiply the error in the long run by
(kappa - 1) / (kappa + 1) a step (gradient descent), (sqrt kappa - 1) / (sqrt kappa + 1) (heavy ball), 1 - 1 / sqrt
kappa (Nesterov, rate 1 / l_1) and 1 - 2 / sqrt(3 kappa + 1) (Nesterov, tuned). Wide ReLU networks keep these orders:
heavy ball 1 - Theta(1 / sqrt kappa) (Wang, Lin & Abernethy, ICML 2021), Nesterov likewise (Liu, Pan & Tao 2021; Liao &
Kyrillidis 2024), gradient descent 1 - Theta(1 / kappa). Bu, Xu & Chen (AISTATS 2021) find Nesterov sublinear, for their
damping vanishes as 3 / t: then mode l follows 2 J_1(w t) / (w t) exp(-w^2 t / 2), w^2 = eta l, whose envelope is t^-3/2
while w^2 t is small.

a) kernel: the NTK of n points on the sphere in 8 dimensions, with ridges that make kappa 10, 50 and 250, and random
   labels. Log-rates between errors of 1e-6 and 1e-12 of the first, over the closed forms, the mean over the kappa (at
   n = 60; of 200 eigenvalues some are so near the least that gradient descent is up to 5 % ahead of its limit even
   then); and exponents of kappa in the steps to 1e-6;
b) line searches: exact ones (worst case that of gradient descent, Kantorovich) and halving from 4 / l_1 until the loss
   falls by half of what the slope promises (Armijo), in steps to 1e-6, over gradient descent's;
c) vanishing damping on single modes, eta l = 1e-3 and 1e-4, over 4,000 steps;
d) networks of two layers, ReLU, antisymmetric at the start, rules tuned on their empirical NTK: mean log-rates until
   the error is 1e-5 of the first, over the kernel's. Labels are -1/4 and 1/4: at -1 and 1 a network of width 4096 moves
   its kernel by several percent, and rules that are tuned to the old one take up to 40 % longer.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.datasets import sphere
from ntkbench.kernels import architecture_kernels, empirical_ntk
from ntkbench.networks import Activation, Dense, finite, serial, to_backend

NETWORK = serial(Dense(math.sqrt(2.0)), Activation("relu"), Dense())
SHARES, DIMENSION = (25, 5, 1), 8  # of the largest kappa, the smaller ones
CLOSED = {"gradient": 0.05, "heavy_ball": 0.1, "nesterov": 0.05, "nesterov_tuned": 0.05}  # tolerances of the rates
EXPONENT = {m: 0.5 if "heavy" in m or "nesterov" in m else 1.0 for m in theory.METHODS}
TOLERANCE = {m: None if m == "armijo" else 0.01 for m in theory.METHODS}  # halving makes rounding grow
STEEPNESS, LONG = (1e-3, 1e-4), 4_000
DEEP, LABEL = (1e-6, 1e-12), 0.25
AKAIKE = "how slow it is hangs on the start (Akaike 1959): one in three takes 14 % fewer steps, since 2026-11-29"
WIDE = {"gradient": "Liao & Kyrillidis 2024", "heavy_ball": "Wang, Lin & Abernethy 2021, arXiv:2010.01618",
        "nesterov": "Liu, Pan & Tao 2021, arXiv:2107.01832"}  # fmt: skip


def claims():
    """The rules of each part."""
    every = {"verified": True, "over": "worst"}
    exact = {"source": "exact (linear algebra)", "repeats": 3, "where": {"kappa": 250}, **every}
    for method, tolerance in CLOSED.items():
        yield Claim(f"(a) rate, {method}", metric=f"{method}_rate", value=1.0, tolerance=tolerance,
                    **{**exact, "where": {"n": 60}})  # fmt: skip
    for method, exponent in EXPONENT.items():
        yield Claim(f"(a) kappa exponent, {method}", metric=f"{method}_slope", value=exponent, tolerance=0.1, **exact)
    yield Claim("(b) exact search, most", metric="exact_most", value=1.0, tolerance=0.1, side="at most", **exact)
    yield Claim("(b) exact search, least", metric="exact_least", value=1.0, tolerance=0.1, side="at least",
                finding=AKAIKE, **exact)  # fmt: skip
    yield Claim("(b) halving is faster", metric="armijo_steps", value=0.75, tolerance=0.0, side="at most", **exact)
    bessel = {"source": "exact (limit of small rates): Su, Boyd & Candes 2016", **every}
    yield Claim("(c) Bessel law", metric="bessel_deviation", value=0.0, tolerance=0.02, side="at most", **bessel)
    yield Claim("(c) envelope t^-3/2", metric="bessel_exponent", value=-1.5, tolerance=0.1, **bessel)
    for method, source in WIDE.items():
        yield Claim(f"(d) networks, {method}", metric=f"network_{method}", value=1.0, tolerance=0.1, source=source,
                    where={"width": 4096}, repeats=3, **every)  # fmt: skip


@task(
    title="Momentum and line searches", requires=["autodiff"],
    source="Wang, Lin & Abernethy 2021, arXiv:2010.01618; Liu, Pan & Tao 2021, arXiv:2107.01832",
    formulas={
        "a step; Nesterov: e' where momentum leads": r"e_{t+1} = e_t + \beta (e_t - e_{t-1}) - \eta K e'",
        "vanishing damping, omega^2 = eta lambda": r"\frac{2 J_1(\omega t)}{\omega t} e^{-\omega^2 t / 2}",
    },
    metrics=[
        *(Metric(f"{m}_rate", unit="1", tolerance=1e-3, about="(a) log-rate over the closed form's") for m in CLOSED),
        *(Metric(f"{m}_slope", unit="1", tolerance=TOLERANCE[m], about="(a) exponent of kappa in steps to 1e-6")
          for m in theory.METHODS),
        Metric("exact_least", unit="1", tolerance=0.02, about="(b) least of steps over gradient descent's"),
        Metric("exact_most", unit="1", tolerance=0.02, about="(b) largest of them"),
        Metric("armijo_steps", unit="1", about="(b) largest of steps over gradient descent's"),
        Metric("bessel_deviation", unit="1", better="lower", tolerance=1e-9, about="(c) largest distance from the law"),
        Metric("bessel_exponent", unit="1", tolerance=1e-6, about="(c) of t in the envelope, farthest from -3/2"),
        *(Metric(f"network_{m}", unit="1", tolerance=0.05, about="(d) log-rate over the kernel's") for m in WIDE),
        Metric("network_condition", unit="1", tolerance=0.01, about="(d) kappa of the empirical NTK"),
    ],
    curves=[
        *(Curve(f"{m}_steps_to", x="kappa", y="steps to 1e-6", share=TOLERANCE[m] and 1.0, tolerance=2.0,
                exponent=f"{m}_slope") for m in theory.METHODS),
        Curve("mode", x="step", y="size of the error", share=1.0, tolerance=1e-9),
        Curve("bessel_mode", x="step", y="size of the error", theory_of="mode"),
        Curve("network_error", x="step", y="|f - y|, Nesterov", share=1.0, tolerance=1e-3),
        Curve("kernel_error", x="step", y="|f - y|, Nesterov", theory_of="network_error"),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", n=20, kappa=50, width=256, points=6, steps=720),
        Tier("standard", seeds=3, n=60, kappa=250, width=4096, points=16, steps=3_600),
        Tier("extended", seeds=5, n=200, kappa=250, width=4096, points=[16, 24], steps=7_200),
        Tier("paper", seeds=5, n=1_000, kappa=250, width=[4096, 65_536], points=24, steps=7_200),
    ],
)  # fmt: skip
def momentum(ctx: Context, n: int, kappa: int, width: int, points: int, steps: int) -> None:
    """All parts, on one draw of points and labels."""
    rng = ctx.rng(purpose=f"points {n}")
    x, y = sphere(rng, n, DIMENSION), rng.standard_normal(n)
    k = ctx.stage("kernel", lambda a: architecture_kernels(NETWORK, a).ntk, ctx.backend.asarray(x, "float64"))
    values, conditions = np.linalg.eigvalsh(ctx.to_numpy(k)), [kappa / share for share in SHARES]
    cases = [(method, theory.ridge_for(values, c)) for method in theory.METHODS for c in conditions]
    extremes = [(m, values[-1] + ridge, values[0] + ridge) for m, ridge in cases]
    rules = [theory.tuned_rule(*extreme) for extreme in extremes]
    errors = theory.kernel_descents(k, [r for _, r in cases], np.tile(-y, (len(rules), 1)), rules, steps=steps)
    shape = (len(theory.METHODS), len(conditions))
    needed = np.reshape([theory.steps_until(e, 1e-6) for e in errors.T], shape)
    at_rate = np.reshape([math.log(theory.decay_factor(e, DEEP)) / math.log(theory.tuned_factor(*extreme))
                          for e, extreme in zip(errors.T, extremes, strict=True)], shape).mean(axis=1)  # fmt: skip
    methods = {m: i for i, m in enumerate(theory.METHODS)}
    for method, i in methods.items():
        ctx.record(**{f"{method}_slope": theory.power_law_exponent(conditions, needed[i])})
        ctx.curve(f"{method}_steps_to", conditions, needed[i])
    ctx.record(**{f"{method}_rate": at_rate[methods[method]] for method in CLOSED})
    free = theory.Rule(1.0, None, nesterov=True)
    modes = theory.kernel_descents(ctx.backend.asarray(np.zeros((1, 1)), "float64"), STEEPNESS, np.ones((2, 1)),
                                   [free, free], steps=LONG).T  # fmt: skip
    laws = [np.abs(theory.bessel_law(steepness, np.arange(LONG + 1))) for steepness in STEEPNESS]
    exponents = [theory.envelope_exponent(m, steepness) for m, steepness in zip(modes, STEEPNESS, strict=True)]

    rng = ctx.rng(purpose=f"network {width} {points}")
    network = finite(NETWORK, (DIMENSION,), width=width)
    start = to_backend(theory.antisymmetric(network.init(rng)), ctx.backend)
    inputs, signs = ctx.backend.asarray(sphere(rng, points, DIMENSION), "float64"), rng.choice([-LABEL, LABEL], points)
    ntk = empirical_ntk(network, start, inputs, trace=True)
    own = np.linalg.eigvalsh(ctx.to_numpy(ntk))
    tuned = [theory.tuned_rule(method, own[-1], own[0]) for method in WIDE]
    wanted = theory.kernel_descents(ntk, np.zeros(3), np.tile(-signs, (3, 1)), tuned, steps=steps // 16).T

    def fit(rule):
        return theory.descend(inputs, ctx.backend.asarray(signs, "float64"), theory.FirstOutput(network), start, rule,
                              steps=steps // 16).outputs  # fmt: skip

    found = [np.linalg.norm(fit(rule) - signs, axis=1) for rule in tuned]
    took, takes = (np.array([theory.steps_until(e, 1e-5) for e in both]) for both in (found, wanted))
    exact, armijo = (needed[methods[m]] / needed[0] for m in ("exact", "armijo"))
    ctx.record(
        exact_least=exact.min(), exact_most=exact.max(), armijo_steps=armijo.max(),
        bessel_exponent=max(exponents, key=lambda e: abs(e + 1.5)),
        bessel_deviation=max(np.abs(mode - law).max() for mode, law in zip(modes, laws, strict=True)),
        network_condition=own[-1] / own[0], **{f"network_{m}": r for m, r in zip(WIDE, takes / took, strict=True)},
    )  # fmt: skip
    shown, sampled = np.arange(1 + takes[2]), np.arange(0, LONG + 1, 10)
    for name, t, y in (("mode", sampled, modes[0]), ("bessel_mode", sampled, laws[0]),
                       ("network_error", shown, found[2]), ("kernel_error", shown, wanted[2])):  # fmt: skip
        ctx.curve(name, t, y[t])
