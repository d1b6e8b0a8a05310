"""Learning curves of kernels and of wide networks against the eigenlearning theory.

Simon, Dickens, Karkada & DeWeese, "The Eigenlearning Framework" (TMLR 2023, arXiv:2110.03922): from the spectrum of the
kernel alone follow test error, training error and learnability of every eigenfunction. As published: the NTK of four
hidden ReLU layers (w_std = sqrt 2, b_std = 0.1, a plain readout) on the circle of 256 points, the hypercube and the
sphere in 8 dimensions, 2 to 139 points (256 exhaust circle and cube), and networks of width 500. Training points are
drawn without replacement; test errors are over all of a finite domain.

On the cube, and with ridge and noise on the sphere, a curve must lie within 10 % or 3 standard errors of the theory, a
learnability within 0.02, from 16 points on. Exact: learnabilities of any orthonormal basis add up to n (ridge: less).

Found: in one dimension the theory itself is off, by how much is known exactly. A Markov kernel, cosh(pi - |t|) of the
angle, predicts from two neighbours alone, which makes its error an integral over the gap between them
(`theory.MarkovCircle`): regression must agree with that within 3 standard errors, and it tends to 8 times the theory's
error and twice its share not learned, for gaps are exponential. So the NTK's curves on the circle miss the theory; on
the sphere the constant's does, by less with each dimension (`error_ratio`: 8 in 2, 1.1 in 8), other levels' do not.
Networks of width 500 err more than their kernel on the same points; that gap falls as the width's inverse.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, finite, serial

HIDDEN = serial(Dense(math.sqrt(2.0), 0.1), Activation("relu"))
ARCHITECTURE = serial(HIDDEN, HIDDEN, HIDDEN, HIDDEN, Dense())
DOMAINS = {"circle": theory.Circle(256), "hypercube": theory.Hypercube(8), "markov": theory.MarkovCircle(1.0),
           **{f"sphere {d}": theory.Sphere(d) for d in (2, 3, 4, 5, 8)}}  # fmt: skip
MODES = {"circle": [0, 2, 5, 10], "hypercube": [0, 1, 3, 8], "sphere 8": [1, 2, 3, 4]}
GRID, JUDGED, LIMIT = (2, 3, 6, 12, 22, 41, 76, 139), 16, 512  # points; judged from; where limits are compared
KERNEL = {"ridge": 0.0, "noise": 0.0, "width": 0, "n_max": 139}
GAPS = "gaps between random points are not what the theory assumes (`theory.MarkovCircle`), since 2026-11-28"
WIDTH = "a network of width 500 errs more than its limit: see the gap's slope in the width, since 2026-11-28"


def claims():
    """The rules for kernels on each domain, for networks, and the exact laws."""
    every, source = {"verified": True, "over": "worst"}, "Simon et al. 2023, arXiv:2110.03922, section 4"
    published, exact = {"value": 0.0, "source": source, **every}, {"source": "exact", **every}
    curve, share = ({"metric": f"{name}_deviation", "tolerance": tolerance, **published}
                    for name, tolerance in (("curve", 1.0), ("learnability", 0.02)))  # fmt: skip
    for domain, mode in [(domain, mode) for domain, modes in MODES.items() for mode in modes]:
        where, known = {"domain": domain, "mode": mode, "width": 0}, GAPS if domain == "circle" else None
        yield Claim(f"test error on the {domain}, level {mode}", where=where, finding=known, **curve)
        yield Claim(f"learnability on the {domain}, {mode}", where=where, finding=known if mode else None, **share)
    for d in (2, 3, 4, 5):  # in 8 dimensions the constant errs about 10 % more than the theory says: neither way
        where = {"domain": f"sphere {d}", "mode": 0, "width": 0}
        yield Claim(f"test error on the sphere {d}, level 0", where=where, finding=GAPS, **curve)
    for n, known in ((22, None), (139, WIDTH)):  # the network's own error grows with the points that it has to fit
        yield Claim(f"test error of networks, {n} points", where={"width": 500, "n_max": n}, finding=known, **curve)
    yield Claim("the networks' gap falls as the width's inverse", metric="gap_slope", value=-1.0, tolerance=0.3,
                where={"width": 500}, source="Dyer & Gur-Ari 2020 (leading order)", verified=True)  # fmt: skip
    for mode in (1, 4):
        law = {"where": {"domain": "markov", "mode": mode}, **exact}
        yield Claim(f"gap integral, {mode}", metric="standard_errors", value=3.0, tolerance=0.0, side="at most", **law)
        yield Claim(f"8 times the error, {mode}", metric="error_ratio", value=8.0, tolerance=0.4, **law)
        yield Claim(f"twice the share missed, {mode}", metric="missed_ratio", value=2.0, tolerance=0.1, **law)
    for ridge in (0.05, 1.0):
        at, where = f"ridge {ridge:g}", {"ridge": ridge}
        yield Claim(f"ratio of errors, {at}", metric="ratio_deviation", tolerance=0.05, where=where, **published)
        yield Claim(f"conservation, {at}", tolerance=0.0, where=where, side="at most", metric="conserved", value=1.0,
                    **exact)  # fmt: skip
    yield Claim("conservation, no ridge", tolerance=1e-8, where={"ridge": 0}, metric="conserved", value=1.0, **exact)


@task(
    title="Eigenlearning curves", version=2, source="Simon et al. 2023, arXiv:2110.03922",
    formulas={
        "kappa and the learnability of eigenfunction i":
            r"n = \sum_i L_i + \frac{\delta}{\kappa}, \qquad L_i = \frac{\lambda_i}{\lambda_i + \kappa}",
        "the test error, with ridge delta and noise sigma":
            r"E = \frac{n}{n - \sum_i L_i^2} \left( \sum_i (1 - L_i)^2 v_i^2 + \sigma^2 \right)",
    },
    metrics=[
        Metric("curve_deviation", unit="1", better="lower", tolerance=0.1, about="from theory, over what is allowed"),
        Metric("learnability_deviation", unit="1", better="lower", tolerance=1e-3, about="its distance from theory"),
        Metric("ratio_deviation", unit="1", better="lower", tolerance=5e-3,
               about="largest relative distance of E_train / E_test from theory; without a ridge the ratio"),
        Metric("standard_errors", unit="1", better="lower", tolerance=0.1, about="largest distance of test error and "
               "learnability from the gap integral, or elsewhere the theory, in standard errors"),
        Metric("error_ratio", unit="1", tolerance=0.01,
               about="test error over the theory's at the most points; the Markov kernel's exact one, at 512"),
        Metric("missed_ratio", unit="1", tolerance=0.01, about="likewise of the share that is not learned"),
        Metric("gap_slope", unit="1", tolerance=0.1, about="exponent of the width in networks' error less the kernel's "
               "on the same points, width / 2 to 4 width; 0 for kernels"),
        Metric("conserved", unit="1", tolerance=1e-4, about="sum of an orthonormal basis' learnabilities, over n"),
    ],
    curves=[Curve(name, x="training points", y="mean squared error", y_unit="1", share=1.0, tolerance=5e-3,
                  theory_of=theory_of)
            for name, theory_of in (("test_error", None), ("predicted_test_error", "test_error"))],
    claims=list(claims()),
    tiers=[
        Tier("smoke", domain="hypercube", mode=[1, 3], **{**KERNEL, "n_max": 76}, trials=30),
        Tier("smoke", domain="markov", mode=1, **{**KERNEL, "n_max": 41}, trials=50),
        *(Tier("standard", domain=domain, mode=modes, **KERNEL, trials=trials)
          for (domain, modes), trials in zip(MODES.items(), (30, 50, 15), strict=True)),
        Tier("standard", domain="markov", mode=[1, 4], **KERNEL, trials=120),
        Tier("standard", domain=[f"sphere {d}" for d in (2, 3, 4, 5, 8)], mode=0, **KERNEL, trials=15),
        Tier("standard", domain="sphere 8", mode=1, ridge=[0.05, 1.0], noise=[0.1, 0.25], width=0, n_max=76, trials=40),
        Tier("extended", domain="hypercube", mode=3, **{**KERNEL, "width": 500, "n_max": 22}, trials=32),
        *(Tier("paper", domain=d, mode=m, **{**KERNEL, "width": [0, 500]}, trials=30) for d, m in MODES.items()),
    ],
    requires=["autodiff"],
    cost=lambda domain, mode, ridge, noise, width, n_max, trials: float(
        n_max * trials * (4_000 * width**2 + n_max**2 + 10_000 * domain.startswith("sphere"))),
)  # fmt: skip
def learning_curves(
    ctx: Context, domain: str, mode: int, ridge: float, noise: float, width: int, n_max: int, trials: int
) -> None:
    """The learning curve of one level on one domain."""
    space, n_grid = DOMAINS[domain], [n for n in GRID if n <= n_max and (n >= JUDGED or not width)]
    markov = isinstance(space, theory.MarkovCircle)
    spectrum = space.spectrum() if markov else space.spectrum(theory.cosine_kernel(ARCHITECTURE))
    kernel = space.kernel if markov else lambda x: architecture_kernels(ARCHITECTURE, x).ntk
    samples = space.samples(n_max, trials, ctx.rng(purpose=f"points {domain} {n_max} {trials}"))
    inputs, targets = [ctx.asarray(s.points) for s in samples], [space.functions(s.points, mode, 8) for s in samples]
    rng = ctx.rng(purpose=f"noise {domain} {n_max} {trials}")
    scatter = [math.sqrt(noise) * rng.standard_normal((*s.train.shape, f.shape[1]))
               for s, f in zip(samples, targets, strict=True)]  # fmt: skip
    # Regression in NumPy: libraries would compile it anew for each number of points.
    grams = [ctx.to_numpy(k) for k in (ctx.stage("kernel", kernel, inputs[0]), *map(kernel, inputs[1:]))]
    found = theory.regression_curve(grams, targets, samples, n_grid, ridge=ridge, noise=scatter)

    def networks(m):
        network, ones = finite(ARCHITECTURE, samples[0].points.shape[1:], width=m), [f[:, :1] for f in targets]
        return theory.network_curve(  # momentum saves nine of the published 0.5's steps in ten
            network, lambda i: network.init(ctx.rng(purpose=f"network {m} {i}"), ctx.asarray), inputs, ones, samples,
            n_grid, steps=150, rate=0.5, momentum=0.9, progress=ctx.progress)  # fmt: skip

    slope, widths = 0.0, [width // 2, width, 2 * width, 4 * width]
    if width:
        at_width = ctx.stage("train", lambda: [networks(m) for m in widths])
        gaps = [abs(np.mean(errors[-1].test - found[-1].test[:, :1])) for errors in at_width]
        slope, found = theory.power_law_exponent(widths, gaps), at_width[1]
    predicted = [theory.eigenlearning(spectrum, n, ridge=ridge, noise=noise) for n in n_grid]
    exact = [space.expected(n, mode) for n in n_grid] if markov else None
    worst = theory.worst_departure(found, predicted, mode, exact=exact, noise=noise, least=JUDGED)
    seen, last = (found[-1].test.mean() + noise, found[-1].learnability.mean()), predicted[-1]
    if markov:
        seen, last = space.expected(LIMIT, mode), theory.eigenlearning(spectrum, LIMIT)
    ctx.record(
        **worst._asdict(), gap_slope=slope, error_ratio=seen[0] / last.test_error[mode],
        missed_ratio=(1 - seen[1]) / (1 - last.learnability[mode]),
        conserved=theory.conserved_share(grams[0], samples[0].train[0, :40], ctx.rng(purpose="basis"), ridge=ridge),
    )  # fmt: skip
    ctx.curve("test_error", n_grid, [e.test.mean() + noise for e in found])
    ctx.curve("predicted_test_error", n_grid, [p.test_error[mode] for p in predicted])
