"""What changes when the numbers of neurons in the layers of a network are drawn at random?

No published claim was found. Derived from Hanin & Nica, "Finite Depth and Width Corrections to the Neural Tangent
Kernel" (ICLR 2020, arXiv:1909.05989), and exact for ReLU networks without biases whose weights are scaled by the widths
that were drawn: the mean NTK K = K(x, x) at |x|^2 = d is L + 1 for every law of the widths. What fluctuates is decided
by the mean of 1/n, that is by the harmonic mean of the width and not by the arithmetic one: E|h|^4 / (E|h|^2)^2 of the
last features h is the product over layers of 1 + 5 E[1/n], and E K^2 is that of given widths with E[1/n] in the place
of 1/n.

Five laws with harmonic mean 20 (fixed, {15, 30}, 1 + Poisson, geometric, and a Pareto variable of infinite variance,
rounded up), and two more with arithmetic mean 20, uniform on 10, ..., 30 and {5, 35}. Moments are over `samples` draws
that are exact in law and need no weights; for the four laws with a largest width also over `networks` networks with
their weights, forward and backward on the backend. The geometric law is used with one layer only:
in deeper networks widths of 1 and 2 after each other decide its fourth moment, too rare for any sample to show.
"""

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.theory import WidthLaw

MEAN = 20  # the harmonic one, or the arithmetic one of `UNEQUAL`
EQUAL = {"fixed": WidthLaw((MEAN,)), "{15, 30}": WidthLaw((15, 30)), "1 + Poisson": theory.poisson_width(MEAN),
         "Pareto": theory.pareto_width(MEAN), "geometric": theory.geometric_width(MEAN)}  # fmt: skip
UNEQUAL = {"uniform": WidthLaw(tuple(range(10, 31))), "{5, 35}": WidthLaw((5, 35))}
WEIGHED = ("fixed", "{15, 30}", "uniform", "{5, 35}")
EXACT = {"source": "exact, from Hanin & Nica 2020", "verified": True, "over": "worst"}


@task(
    title="Random numbers of neurons",
    source="exact, from Hanin & Nica 2020, arXiv:1909.05989",
    formulas={
        "the features' norm": r"\frac{\mathbb{E} |h_L|^4}{(\mathbb{E} |h_L|^2)^2}"
                              r" = \prod_{l=1}^{L} \left( 1 + 5\, \mathbb{E}\, \frac{1}{n_l} \right)",
    },
    metrics=[
        Metric("mean_score", unit="standard errors", better="lower", tolerance=1e-6,
               about="largest distance of E K from L + 1 over laws"),
        Metric("norm_score", unit="standard errors", better="lower", tolerance=1e-6,
               about="largest distance of E|h|^4 from the product over laws"),
        Metric("variance_score", unit="standard errors", better="lower", tolerance=1e-6,
               about="largest distance of the variance of K from the exact one over laws"),
        Metric("network_score", unit="standard errors", better="lower", tolerance=0.01,
               about="largest of the same three distances of networks with weights"),
        Metric("harmonic_score", unit="standard errors", better="lower", tolerance=1e-6,
               about="largest distance of E|h|^4 between a law with harmonic mean 20 and the width 20"),
        Metric("arithmetic_score", unit="standard errors", tolerance=1e-6,
               about="distance of E|h|^4 at {5, 35} from that at the width 20, the arithmetic mean"),
        Metric("rejected", unit="standard errors", tolerance=1e-6,
               about="distance of E|h|^4 at {5, 35} from the product with the arithmetic mean"),
        Metric("variance_ratio", unit="1", tolerance=1e-6,
               about="largest over least variance of K of laws with harmonic mean 20"),
    ],
    curves=[
        Curve("norm_ratio", x="E[1/n]", y="E|h|^4 / (E|h|^2)^2", share=1.0, tolerance=1e-6),
        Curve("predicted_norm_ratio", x="E[1/n]", y="E|h|^4 / (E|h|^2)^2", share=1.0, tolerance=1e-9,
              theory_of="norm_ratio"),
    ],
    claims=[
        Claim("E K = L + 1 for every law", metric="mean_score", value=3.0, tolerance=0.0, side="at most", **EXACT),
        Claim("the norm has the product of 1 + 5 E[1/n]", metric="norm_score", value=3.0, tolerance=0.0,
              side="at most", **EXACT),
        Claim("the NTK has the exact variance", metric="variance_score", value=3.0, tolerance=0.0, side="at most",
              **EXACT),
        Claim("so it is of networks with their weights", metric="network_score", value=3.0, tolerance=0.0,
              side="at most", **EXACT),
        Claim("equal harmonic means, equal norms", metric="harmonic_score", value=3.0, tolerance=0.0, side="at most",
              **EXACT),
        Claim("equal arithmetic means, other norms", metric="arithmetic_score", value=5.0, tolerance=0.0,
              side="at least", **EXACT),
        Claim("the arithmetic mean is no prediction", metric="rejected", value=5.0, tolerance=0.0, side="at least",
              **EXACT),
        Claim("equal harmonic means, equal variances", metric="variance_ratio", value=1.0, tolerance=0.25,
              **EXACT),
    ],
    tiers=[
        Tier("smoke", layers=1, samples=20_000, networks=2_000),
        Tier("standard", layers=[1, 3], samples=200_000, networks=10_000),
        Tier("extended", layers=[1, 2, 3, 4, 6], samples=2_000_000, networks=50_000),
        Tier("paper", layers=[1, 2, 3, 4, 6], samples=10_000_000, networks=500_000),
    ],
    cost=lambda layers, samples, networks: float(layers * (samples + 200 * networks)),
)  # fmt: skip
def random_widths(ctx: Context, layers: int, samples: int, networks: int) -> None:
    """All laws at one depth."""
    laws = {name: law for name, law in {**EQUAL, **UNEQUAL}.items() if name != "geometric" or layers == 1}
    exact = {name: theory.relu_moments([law] * layers) for name, law in laws.items()}

    def estimates(norms, ntk):
        """E|h|^4, E K and the variance of K, the mean of which is known."""
        return [theory.estimate(values) for values in (norms**2, ntk, (ntk - layers - 1) ** 2)]

    def scores(name, found):
        """Their distances from the exact values, in standard errors."""
        wanted = exact[name]
        values = (wanted.norm_ratio, wanted.ntk_mean, wanted.ntk_second - wanted.ntk_mean**2)
        return [one.score(value) for one, value in zip(found, values, strict=True)]

    drawn, weighed = {}, []
    for name, law in laws.items():
        rng = ctx.rng(purpose=f"draws {name} {layers} {samples}")
        draws = theory.draw_relu(theory.draw_widths([law] * layers, rng, samples), rng)
        drawn[name] = estimates(draws.norms, draws.ntk)
    rng = ctx.rng(purpose=f"networks {layers}")
    widths = np.concatenate([theory.draw_widths([laws[name]] * layers, rng, networks) for name in WEIGHED])
    stack = theory.draw_stack(widths[::50], rng, most=[int(widths.max())] * layers, asarray=ctx.asarray)
    ctx.stage("networks", theory.point_kernels, *stack)
    found = theory.sampled(theory.point_kernels, widths, rng, ctx.asarray, progress=ctx.progress)
    for name, norm, ntk in zip(WEIGHED, *(np.split(values, len(WEIGHED)) for values in found[:2]), strict=True):
        weighed += scores(name, estimates(norm, ntk))
    norms, means, variances = zip(*(scores(name, found) for name, found in drawn.items()), strict=True)
    ratio = {name: found[0] for name, found in drawn.items()}
    spread = [drawn[name][2].mean for name in EQUAL if name in laws]
    arithmetic = theory.relu_moments([MEAN] * layers).norm_ratio
    ctx.record(
        norm_score=max(norms), mean_score=max(means), variance_score=max(variances), network_score=max(weighed),
        harmonic_score=max(ratio[name].apart(ratio["fixed"]) for name in EQUAL if name in laws and name != "fixed"),
        arithmetic_score=ratio["{5, 35}"].apart(ratio["fixed"]), rejected=ratio["{5, 35}"].score(arithmetic),
        variance_ratio=max(spread) / min(spread),
    )  # fmt: skip
    inverses = [law.inverse_mean for law in laws.values()]
    ctx.curve("norm_ratio", inverses, [found.mean for found in ratio.values()])
    ctx.curve("predicted_norm_ratio", inverses, [exact[name].norm_ratio for name in laws])
