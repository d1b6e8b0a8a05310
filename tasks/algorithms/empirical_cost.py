"""What do the three ways to an empirical NTK cost, counted and timed?

Novak, Sohl-Dickstein & Schoenholz, "Fast Finite Width Neural Tangent Kernel" (ICML 2022, arXiv:2206.08720): of networks
with N inputs, O outputs and W units a layer the kernel comes from whole Jacobians contracted over P parameters, from
NTK-vector products, or from structured derivatives, and these differ in the exponents of O and W. All three must agree,
and agree with derivatives by central differences, parameter by parameter.

Counted are the multiply-adds of matrix products and convolutions (`ntkbench.kernels.costs`) of three hidden layers and
1024 inputs, 64 for each of 16 outputs: with fewer, the passes through the network, which grow like W^2, weigh in the
structured way. (XLA's own count, printed in the authors' notebooks, is wrong by their own warning: it misses loops.)

Published times, one run each, in ms, contraction, products, structured: ResNet-18 on 224 x 224 images on a V100, 222,
311.5, 90.4 (8 outputs, 8 inputs) and 453.5, 150.5, 113 (128, 1); a network of 3072-2048-2048-2048-8 on 16 inputs on a
T4, 243, 81.4, 3.46. Other devices have other times; that structured derivatives win there, and by what factor at least,
is claimed. Our ResNet-18 has a mean in the place of the maximum at its start, and leaves its normalisation out, which
has 0.1 % of the parameters and is but a scale where its statistics are fixed.
"""

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, networks, task, theory
from ntkbench.kernels import costs, empirical_ntk

WAYS = ("contraction", "vector_products", "structured")
OUTPUTS, WIDTHS = (8, 16, 32, 64, 128), (256, 512, 1024, 2048)  # at 1024 units, and at 16 outputs
SLOPES = {("outputs", "contraction"): (2, 0.05), ("outputs", "vector_products"): (1, 0.05),
          ("width", "contraction"): (2, 0.05), ("width", "structured"): (1, 0.1)}  # fmt: skip
RELU, W_STD = networks.Activation("relu"), 2**0.5
NOVAK = "Novak et al. 2022, notebooks of neural-tangents"
PUBLISHED = {"contraction": 0.243, "vector_products": 0.0814, "structured": 0.00346}  # s, of the network on a T4


def fcn(inputs, width, outputs):
    """Three hidden layers of `width` units."""
    return networks.finite(networks.fully_connected(4), (inputs,), width=width, outputs=outputs)


def convolution(width, stride=1, window=3):
    """One of `width` channels."""
    return networks.Conv((window, window), (stride, stride), w_std=W_STD, width=width)


def resnet18(inputs, width, outputs):
    """He et al. 2016, table 1, on images of side `inputs`, with `width` channels at first: 64 in the paper."""
    layers = [convolution(width, 2, 7), RELU, networks.AvgPool((3, 3), (2, 2), "same")]
    for stage, stride in ((0, 1), (0, 1), (1, 2), (1, 1), (2, 2), (2, 1), (3, 2), (3, 1)):
        channels = width << stage
        branch = networks.serial(convolution(channels, stride), RELU, convolution(channels))
        shortcut = networks.serial(*([convolution(channels, 2, 1)] if stride == 2 else []))
        layers += [networks.Residual(branch, shortcut), RELU]
    whole = networks.serial(*layers, networks.GlobalAvgPool(), networks.Dense())
    return networks.finite(whole, (inputs, inputs, 3), width=width, outputs=outputs)


NETWORKS = {"fcn": fcn, "resnet18": resnet18}  # of inputs' size, width and outputs. In a copy, add yours


def counts(what, way):
    """Sizes, and multiply-adds at them, of the kernel of 1024 inputs of length 16."""
    if what == "outputs":
        return OUTPUTS, [costs(fcn(16, 1024, outputs), 1024)[way] for outputs in OUTPUTS]
    return WIDTHS, [costs(fcn(16, width, 16), 1024)[way] for width in WIDTHS]


ROWS = [  # sizes, the published ratio of contraction to structured, and the least that is asked for on any device
    ({"network": "resnet18", "inputs": 224, "width": 64, "outputs": 8, "n": 8}, 2.46, 2.0),
    ({"network": "resnet18", "inputs": 224, "width": 64, "outputs": 128, "n": 1}, 4.01, 3.0),
    ({"network": "fcn", "inputs": 3072, "width": 2048, "outputs": 8, "n": 16}, 70.2, 20.0),
]


@task(
    title="What empirical NTKs cost",
    source="Novak et al. 2022, arXiv:2206.08720",
    requires=["autodiff"],
    formulas={"contraction": r"N\,O\,F + N^2 O^2 P", "NTK-vector products": r"N^2 O\,F",
              "structured derivatives of layers of widths n": r"N\,O\,F + N^2 O^2 \sum_l n_l"},
    metrics=[
        Metric("method_gap", unit="1", better="lower",
               about="largest difference of two ways in float64, over the largest entry"),
        Metric("difference_gap", unit="1", better="lower",
               about="that of derivatives by central differences from the structured way"),
        *(Metric(f"{what}_{way}", unit="1", tolerance=1e-9, about=f"exponent of {what} in counted multiply-adds")
          for what, way in SLOPES),
        *(Metric(f"{way}_operations", unit="op", role="operations", stage=way,
                 about="multiplications and additions, counted") for way in WAYS),
        *(Metric(f"{way}_ratio", unit="1", about="its fastest call over that of the structured way")
          for way in WAYS[:2]),
    ],
    curves=[
        *(Curve(f"{way}_by_{what}", x=what, y="multiply-adds", share=1.0, exponent=f"{what}_{way}")
          for what, way in SLOPES),
        Curve("seconds", x="multiply-adds", y="fastest call of each way", y_unit="s"),
        Curve("published_seconds", x="multiply-adds", y="fastest call of each way", y_unit="s", theory_of="seconds"),
    ],
    claims=[
        Claim("all ways agree", metric="method_gap", value=0.0, tolerance=1e-10, source="exact", verified=True,
              over="worst"),
        Claim("central differences agree", metric="difference_gap", value=0.0, tolerance=1e-6, source="exact",
              verified=True, over="worst"),
        *(Claim(f"{way}: exponent of {what}", metric=f"{what}_{way}", value=value, tolerance=off, over="worst",
                source="Novak et al. 2022, section 3; counted", verified=True)
          for (what, way), (value, off) in SLOPES.items()),
        *(Claim(f"structured is faster, {size['network']}, {size['outputs']} outputs", metric="contraction_ratio",
                value=published, tolerance=published - least, side="at least", source=NOVAK, verified=True,
                over="worst", where=size) for size, published, least in ROWS),
    ],
    tiers=[
        Tier("smoke", network="fcn", inputs=32, width=64, outputs=4, n=4),
        Tier("standard", network="fcn", inputs=784, width=1024, outputs=[2, 8], n=4),
        Tier("extended", network="fcn", inputs=784, width=1024, outputs=[2, 8, 32], n=4),
        Tier("extended", network="resnet18", inputs=32, width=64, outputs=10, n=4),
        *(Tier("paper", **size) for size, *_ in ROWS),
    ],
    cost=lambda network, n, **size: 1e9 + costs(NETWORKS[network](**size), n)["contraction"],
)  # fmt: skip
def empirical_cost(ctx: Context, network: str, inputs: int, width: int, outputs: int, n: int) -> None:
    """One network."""
    build, rng = NETWORKS[network], ctx.rng(purpose=f"parameters and inputs {network} {inputs} {width} {outputs} {n}")

    def drawn(net, number):
        return net.init(rng), rng.standard_normal((number, *net.input_shape))

    def given(params, x, dtype):
        return networks.to_backend(params, ctx.backend, dtype), ctx.backend.asarray(x, dtype)

    def ways(net, *start):
        return [ctx.to_numpy(empirical_ntk(net, *given(*start, "float64"), method=way)) for way in WAYS]

    tiny, small, net = fcn(6, 16, 3), build(32, 2, 3), build(inputs, width, outputs)
    start = drawn(tiny, 4)
    moved, kernels = theory.difference_ntk(tiny, *start), ways(tiny, *start)
    compared = kernels if network == "fcn" else ways(small, *drawn(small, 2))
    arrays = given(*drawn(net, n), ctx.precision)
    for way in WAYS:
        ctx.to_numpy(empirical_ntk(net, *arrays, method=way))  # compiled: a stage that takes long is called once alone
        ctx.stage(way, empirical_ntk, net, *arrays, method=way)
    seconds, counted = {way: min(t.seconds for t in ctx.timings if t.stage == way) for way in WAYS}, costs(net, n)
    ctx.record(
        method_gap=max(np.abs(k - compared[0]).max() for k in compared) / np.abs(compared[0]).max(),
        difference_gap=np.abs(kernels[-1] - moved).max() / np.abs(moved).max(),
        **{f"{way}_operations": 2 * counted[way] for way in WAYS},
        **{f"{way}_ratio": seconds[way] / seconds["structured"] for way in WAYS[:2]},
    )
    for what, way in SLOPES:
        sizes, multiply_adds = counts(what, way)
        ctx.curve(f"{way}_by_{what}", sizes, multiply_adds)
        ctx.record(**{f"{what}_{way}": theory.power_law_exponent(sizes, multiply_adds)})
    ctx.curve("seconds", [counted[way] for way in WAYS], [seconds[way] for way in WAYS])
    ctx.curve("published_seconds", list(costs(fcn(3072, 2048, 8), 16).values()), list(PUBLISHED.values()))
