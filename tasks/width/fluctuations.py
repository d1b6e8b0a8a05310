"""How large are the NTK's fluctuations, and its first movement, when depth and width are comparable?

Hanin & Nica, "Finite Depth and Width Corrections to the Neural Tangent Kernel" (ICLR 2020, arXiv:1909.05989), of ReLU
networks with hidden widths n_i, weights of variance 2 / fan-in (the readout's 1 / fan-in), biases zero but trained,
d layers and b = sum 1 / n_i: up to universal constants, at equal widths E K^2 / (E K)^2 is e^5b (theorem 1), and after
one step of gradient descent on the squared loss at x the mean of K(x, x) has moved by d b e^5b / n_0 times itself per
learning rate, n_0 the inputs (theorem 2; it falls, for the target drops out of the mean).

Exact here, at every width, without biases and with |x|^2 = n_0: E K^2 and E dK (`theory.relu_moments`,
`theory.mean_movement`), derived from the paper's sums over paths. They are judged against random networks: `samples` of
eight lists of widths, drawn exactly in law without weights, and `networks` with their weights, forward, backward and
along the gradient, on the backend. With |x| = 1 both K and its movement over K are divided by n_0: it is no parameter.

Found: E dK is 8 times the sum in the paper's proof, which over d is d b e^5b / 6 for small b and d e^5b / 12 for large
b: the shorter form of theorem 2 is too large by 1 + 2 b, which no constant bounds. And trained biases add (d + 1) / 2
to the mean of K, where theorem 1 has d / 2: the output's own bias adds one and not one half.
"""

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory

LISTS = ((64,), (80,) * 8, (40,) * 8, (20,) * 8, (4, 4), (10,) * 5, (6,) * 4, (3, 5, 4))  # by b
WEIGHED, MOVING = ((64,), (3, 5, 4)), (16, 32)  # with their weights; widths of those whose movement is sampled
WIDE = (64, 128, 256, 512)  # widths of four hidden layers whose variance is compared
BETAS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)  # b of the exact laws, at 64 and 400 hidden layers
LESS = "the theorem's own sum is less by up to 1 + 2 b, not a constant, since 2026-11-29"
HANIN, EXACT = "Hanin & Nica 2020, theorem", "exact, from Hanin & Nica 2020"


def distance(name, about, tolerance=1e-6):
    """A metric in standard errors."""
    return Metric(name, unit="standard errors", tolerance=tolerance, about=f"largest distance of {about}")


def score(name, metric):
    """An exact value that random networks must have within three standard errors."""
    return Claim(name, metric=metric, value=0.0, tolerance=3.0, source=EXACT, verified=True, over="worst")


@task(
    title="Fluctuations of the NTK in depth and width", source="Hanin & Nica 2020, arXiv:1909.05989",
    formulas={
        "depth and width grow together, b = L / n": r"\frac{\mathbb{E} K^2}{(\mathbb{E} K)^2} \to R(b) = e^{5b} \left("
            r" \frac{1}{3} + \frac{2}{9b} - \frac{1 - e^{-6b}}{27 b^2} \right)",
        "the first movement": r"\mathbb{E}\, \Delta K = -8 \lambda \sum_{i < j} \sum_{l = i}^{j - 1}"
            r" \prod_{k < i} \left(1 + \frac{5}{n_k}\right) \prod_{k = i}^{l - 1} \left(1 - \frac{1}{n_k}\right)"
            r" \frac{1}{n_l} \prod_{k > l} \left(1 + \frac{5}{n_k}\right)",
    },
    metrics=[
        distance("second_score", "E K^2 from the exact one over lists of widths"),
        distance("norm_score", "E|h|^4 from the product of 1 + 5/n over lists"),
        distance("network_score", "E K^2 of networks with their weights from the exact one", tolerance=0.01),
        distance("movement_score", "E dK from the exact one over depths and widths", tolerance=0.01),
        distance("bias_score", "what trained biases add to E K from (d + 1) / 2 over lists"),
        Metric("bias_share", unit="1", tolerance=1e-6, about="what trained biases add to E K at d = 2, over d / 2"),
        Metric("variance_slope", unit="1", tolerance=1e-6, about="exponent of the width in Var K, four hidden layers"),
        Metric("limit_gap", unit="1", better="lower", tolerance=1e-9,
               about="largest |E K^2 / (E K)^2 / R(b) - 1| at 400 hidden layers, b up to 0.3"),
        *(Metric(f"{which}est", unit="1", tolerance=1e-9, about=f"{which}est E K^2 / (E K)^2 over e^5b, b to 1")
          for which in ("low", "high")),
        Metric("sum_slope", unit="1", tolerance=1e-9, about="exponent of the paper's sum in E dK, b from 0.05 to 1"),
        Metric("depth_slope", unit="1", tolerance=1e-9, about="exponent of d b e^5b in E dK / E K over d, at b = 0.1"),
        Metric("width_slope", unit="1", tolerance=1e-9, about="the same over n, at 64 hidden layers, b up to 1"),
    ],
    curves=[
        Curve("ratio", x="b", y="E K^2 / (E K)^2", share=1.0, tolerance=1e-6),
        Curve("exact_ratio", x="b", y="E K^2 / (E K)^2", share=1.0, tolerance=1e-9, theory_of="ratio"),
        Curve("ratio_with_biases", x="b", y="E K^2 / (E K)^2 over e^5b, biases trained", share=1.0, tolerance=1e-6),
        Curve("movement", x="d b e^5b", y="-E dK / E K per learning rate", share=1.0, tolerance=1e-2),
        Curve("exact_movement", x="d b e^5b", y="-E dK / E K per learning rate", share=1.0, tolerance=1e-9,
              theory_of="movement"),
    ],
    claims=[
        score("E K^2 by recursion, eight lists of widths", "second_score"),
        score("the norm's fourth moment, eight lists", "norm_score"),
        score("E K^2 of networks with their weights", "network_score"),
        score("the first movement, six depths and widths", "movement_score"),
        score("trained biases add (d + 1) / 2", "bias_score"),
        Claim("trained biases add d / 2", metric="bias_share", value=1.0, tolerance=0.1, source=f"{HANIN} 1",
              verified=True, finding="the output's own bias adds 1 to the mean and not 1/2, since 2026-11-29"),
        Claim("Var K ~ 1/n at fixed depth", metric="variance_slope", value=-1.0, tolerance=0.05, source=EXACT,
              verified=True),
        Claim("R(b) at 400 hidden layers", metric="limit_gap", value=0.0, tolerance=0.01, source=EXACT, verified=True),
        Claim("E K^2 / (E K)^2 >= e^5b / 3", metric="lowest", value=1 / 3, tolerance=0.0, side="at least",
              source=f"{HANIN} 1; the constant is exact", verified=True),
        Claim("E K^2 / (E K)^2 <= e^5b", metric="highest", value=1.0, tolerance=0.0, side="at most",
              source=f"{HANIN} 1; the constant is exact", verified=True),
        *(Claim(f"the first movement ~ {what}", metric=f"{name}_slope", value=1.0, tolerance=0.1, source=f"{HANIN} 2",
                verified=True, finding=known)
          for what, name, known in (("the paper's sum", "sum", None), ("d b e^5b over the depth", "depth", None),
                                    ("d b e^5b over the width", "width", LESS))),
    ],
    tiers=[
        Tier("smoke", samples=20_000, networks=1_000, deepest=4),
        Tier("standard", samples=200_000, networks=10_000, deepest=8),
        Tier("extended", samples=2_000_000, networks=100_000, deepest=8),
        Tier("paper", samples=10_000_000, networks=2_000_000, deepest=8),
    ],
    cost=lambda samples, networks, deepest: float(40 * samples + 4_000 * deepest * networks),
)  # fmt: skip
def fluctuations(ctx: Context, samples: int, networks: int, deepest: int) -> None:
    """All statements at once."""

    def draws(widths):
        rng = ctx.rng(purpose=f"draws {widths} {samples}")
        return theory.draw_relu(theory.draw_widths(widths, rng, samples), rng)

    def of_networks(quantities, shapes):
        """Of as many networks of each shape, all of one depth, which are brought to one size."""
        rng = ctx.rng(purpose=f"networks {shapes} {networks}")
        found = theory.sampled(quantities, np.repeat(shapes, networks, axis=0), rng, ctx.asarray, progress=ctx.progress)
        return [np.split(values, len(shapes)) for values in found]

    exact, second, norms, added, biased = [theory.relu_moments(widths) for widths in LISTS], [], [], [], []
    for widths, moments in zip(LISTS, exact, strict=True):
        found = draws(widths)
        second.append(theory.estimate(found.ntk**2))
        norms.append(theory.estimate(found.norms**2).score(moments.norm_ratio))
        of_biases = found.biases / 2 + 1  # in the paper's scale, and the output's
        added.append(theory.estimate(of_biases))
        biased.append(np.mean((found.ntk + of_biases) ** 2) / np.mean(found.ntk + of_biases) ** 2)
    depths = (deepest // 4, deepest // 2, deepest)
    stack = theory.draw_stack(np.full((500, depths[0]), 32), ctx.rng(purpose="timed"), asarray=ctx.asarray)
    ctx.stage("movement", theory.first_movement, *stack)
    weighed = [theory.estimate(of_networks(theory.point_kernels, [widths])[1][0] ** 2) for widths in WEIGHED]
    points, scores = [], []
    for layers in depths:
        shapes = [[n] * layers for n in MOVING]
        for widths, values in zip(shapes, of_networks(theory.first_movement, shapes)[1], strict=True):
            found, wanted = theory.estimate(values), theory.mean_movement(widths)
            scores.append(found.score(wanted))
            points.append((theory.movement_scale(widths), found.mean / (layers + 1), wanted / (layers + 1)))
    variances = [np.mean((draws((n,) * 4).ntk - 5) ** 2) for n in WIDE]
    ctx.record(
        second_score=max(e.score(m.ntk_second) for e, m in zip(second, exact, strict=True)), norm_score=max(norms),
        network_score=max(e.score(theory.relu_moments(w).ntk_second) for e, w in zip(weighed, WEIGHED, strict=True)),
        movement_score=max(scores), variance_slope=theory.power_law_exponent(WIDE, variances),
        bias_share=added[0].mean, bias_score=max(e.score(len(w) / 2 + 1) for e, w in zip(added, LISTS, strict=True)),
        **theory.scaling_laws(64, 400, BETAS)._asdict(),
    )  # fmt: skip
    b = [sum(1 / n for n in widths) for widths in LISTS]
    ctx.curve("ratio", b, [e.mean / m.ntk_mean**2 for e, m in zip(second, exact, strict=True)])
    ctx.curve("exact_ratio", b, [m.ntk_ratio for m in exact])
    ctx.curve("ratio_with_biases", b, np.array(biased) / np.exp(5 * np.array(b)))
    at, moved, wanted = zip(*sorted(points), strict=True)
    ctx.curve("movement", at, moved)
    ctx.curve("exact_movement", at, wanted)
