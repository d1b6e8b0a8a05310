"""How fast does the NTK of a network approach its limit: at one pair of inputs, over all, and layer by layer?

Arora, Du, Hu, Li, Salakhutdinov & Wang 2019 (arXiv:1904.11955), theorem 3.1: for |x|, |x'| <= 1 the NTK of a ReLU
network with L hidden layers is within (L + 1) epsilon of its limit with high probability once all widths are of the
order L^6 epsilon^-4; the fluctuations are Gaussian to first order, so that epsilon^-2 should do. Xu & Zhu (JMLR 25(94),
2024): uniformly over inputs the share of each layer is within m^-1/6 of its limit. Lee et al. 2019 (arXiv:1902.06720)
plot the Frobenius error as m^-1/2.

Networks of equal widths m on the sphere |x| = 1 in 16 dimensions, without biases; scaled so that the limit has
K(x, x) = L + 1. Exact at every width, and so an oracle of every backend: E K(x, x) = L + 1, E K(x, x)^2 by recursion
(`theory.relu_moments`; for L = 1 the variance is 12 / m), and between two outputs of a network a block of mean zero
and known variance (for L = 1, 2 / m). These are judged at the width 16, over `samples` networks.

The uniform statement has two readings, both judged: how the largest error over all pairs of inputs falls with the
width, and how much it exceeds the median error when 50 inputs become 800.
"""

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.theory import power_law_exponent

DIMENSION, NARROW, MANY, FEW = 16, 16, 800, 50  # MANY and FEW inputs
ARORA, XU, LEE = "Arora et al. 2019, theorem 3.1", "Xu & Zhu 2024, JMLR 25(94)", "Lee et al. 2019, figure 1"
JUDGED = {512: (1, 2, 4), 4096: (1, 2, 3, 4)}  # widths, and hidden layers at each


def claims():
    """The exact ones of every run, and those of each depth at the widths that are judged."""
    exact = {"value": 3.0, "tolerance": 0.0, "side": "at most", "verified": True, "over": "worst"}
    for what, name, source in (
        ("mean", "E K = L + 1", "exact"),
        ("second", "E K^2 by recursion", "exact, from Hanin & Nica 2020"),
        ("block_mean", "two outputs: a block of mean 0", "exact"),
        ("block_second", "two outputs: a block of exact variance", "exact, from Hanin & Nica 2020"),
    ):
        yield Claim(name, metric=f"{what}_score", source=source, **exact)
    for width, depths in JUDGED.items():
        for layers in depths:
            at = {"where": {"layers": layers, "width": width}, "verified": True}
            of = f"{layers} hidden layer{'s' * (layers > 1)}, width {width:,}"
            yield Claim(f"Frobenius error ~ m^-1/2, {of}", metric="frobenius_slope", value=-0.5, tolerance=0.1,
                        source=LEE, **at)  # fmt: skip
            yield Claim(f"largest error over inputs, {of}", metric="largest_slope", value=-0.35, tolerance=0.0,
                        side="at most", source=XU, **at)  # fmt: skip
            yield Claim(f"largest error of each layer <= m^-1/6, {of}", metric="layer_slope", value=-1 / 6,
                        tolerance=0.0, side="at most", source=XU, **at)  # fmt: skip
            yield Claim(f"largest over median error, 800 inputs over 50, {of}", metric="growth", value=1.6,
                        tolerance=0.0, side="at most", source=XU, **at)  # fmt: skip
            yield Claim(f"m ~ epsilon^-2, {of}", metric="epsilon_exponent", value=-2.0, tolerance=0.3, source=ARORA,
                        **at)  # fmt: skip


@task(
    title="Convergence of the NTK with the width",
    source=f"{ARORA}, arXiv:1904.11955; {XU}",
    formulas={
        "the variance of one hidden layer": r"\operatorname{Var} K(x, x) = \frac{12}{m}, \qquad"
                                            r" \operatorname{Var} K_{12}(x, x) = \frac{2}{m}",
    },
    metrics=[
        Metric("mean_score", unit="standard errors", better="lower", tolerance=0.01, about="E K from L + 1"),
        Metric("second_score", unit="standard errors", better="lower", tolerance=0.01, about="E K^2 from the exact"),
        Metric("block_mean_score", unit="standard errors", better="lower", tolerance=0.01,
               about="mean of the block between two outputs, from 0"),
        Metric("block_second_score", unit="standard errors", better="lower", tolerance=0.01,
               about="mean square of the block between two outputs, from the exact"),
        Metric("frobenius_slope", unit="1", tolerance=1e-3, about="exponent of the width in |K_m - K| / |K|"),
        Metric("largest_slope", unit="1", tolerance=1e-3, about="exponent in the largest |K_m - K| over inputs"),
        Metric("layer_slope", unit="1", tolerance=1e-3, about="largest such exponent of a single layer's share"),
        Metric("growth", unit="1", tolerance=1e-2, about="largest over median error: 800 inputs over 50"),
        Metric("epsilon_exponent", unit="1", tolerance=0.02,
               about="exponent of epsilon in the width at which nine in ten |K_m - K| are within (L + 1) epsilon"),
    ],
    curves=[
        Curve("frobenius_error", x="width", y="relative error", share=1.0, tolerance=1e-4,
              exponent="frobenius_slope"),
        Curve("largest_error", x="width", y="largest |K_m - K|", share=1.0, tolerance=1e-3, exponent="largest_slope"),
        Curve("quantile_error", x="width", y="0.9 quantile of |K_m - K| / (L + 1)", share=1.0, tolerance=1e-4),
        Curve("gaussian_quantile", x="width", y="0.9 quantile of |K_m - K| / (L + 1)", share=1.0, tolerance=1e-9,
              theory_of="quantile_error"),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", layers=1, width=64, networks=8, points=32, samples=20_000),
        Tier("standard", layers=[1, 2, 4], width=512, networks=48, points=64, samples=20_000),
        Tier("extended", layers=[1, 2, 3, 4], width=4096, networks=16, points=200, samples=200_000),
        Tier("paper", layers=[1, 2, 3, 4], width=16_384, networks=16, points=200, samples=1_000_000),
    ],
    cost=lambda layers, width, networks, points, samples: float(
        layers * (networks * width**2 * (1 + points / 100) + 300 * samples)),
)  # fmt: skip
def width_convergence(ctx: Context, layers: int, width: int, networks: int, points: int, samples: int) -> None:
    """One depth."""
    rng, exact = ctx.rng(purpose=f"inputs {layers}"), theory.relu_moments([NARROW] * layers)
    x = rng.standard_normal((MANY, DIMENSION))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    limit = theory.limit_layer_kernels(x, layers)

    def errors(m, count, inputs):
        rng = ctx.rng(purpose=f"networks {layers} {m} {count} {inputs}")
        of = np.full((count, layers), m)
        found = theory.sampled_layers(of, ctx.asarray(x[:inputs]), rng, ctx.asarray)
        return found, theory.kernel_errors(found, limit[:, :inputs, :inputs])

    widths = [width // 8, width // 4, width // 2, width]
    stack = theory.draw_stack(np.full((1, layers), width), rng, inputs=DIMENSION, asarray=ctx.asarray)
    ctx.stage("kernels", theory.layer_kernels, *stack, ctx.asarray(x[:points]))
    by_width = [errors(m, networks, points)[1] for m in widths]
    kernels, many = errors(width // 4, 4, MANY)
    few = theory.kernel_errors(kernels[:, :, :FEW, :FEW], limit[:, :FEW, :FEW])
    rng = ctx.rng(purpose=f"moments {layers}")
    at = theory.sampled(theory.point_kernels, np.full((samples, layers), NARROW), rng, ctx.asarray, outputs=2)
    quantiles = [e.quantile / (layers + 1) for e in by_width]
    ctx.record(
        mean_score=theory.estimate(at.ntk).score(exact.ntk_mean),
        second_score=theory.estimate(at.ntk**2).score(exact.ntk_second),
        block_mean_score=theory.estimate(at.block).score(0.0),
        block_second_score=theory.estimate(at.block**2).score(exact.block_second),
        frobenius_slope=power_law_exponent(widths, [e.frobenius for e in by_width]),
        largest_slope=power_law_exponent(widths, [e.largest for e in by_width]),
        layer_slope=max(
            power_law_exponent(widths, values) for values in zip(*(e.layers for e in by_width), strict=True)
        ),
        growth=many.largest / many.median / (few.largest / few.median),
        epsilon_exponent=1 / power_law_exponent(widths, quantiles),
    )
    ctx.curve("frobenius_error", widths, [e.frobenius for e in by_width])
    ctx.curve("largest_error", widths, [e.largest for e in by_width])
    ctx.curve("quantile_error", widths, quantiles)
    deviations = [(theory.relu_moments([m] * layers).ntk_second / (layers + 1) ** 2 - 1) ** 0.5 for m in widths]
    ctx.curve("gaussian_quantile", widths, [1.6449 * deviation for deviation in deviations])
