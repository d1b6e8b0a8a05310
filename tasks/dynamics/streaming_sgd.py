"""Does one-pass SGD drive the error to its floor at the rates of the kernel's eigenvalues?

Xu & Zhu, "Overparametrized multi-layer neural networks: uniform concentration of NTK and convergence of stochastic
gradient descent" (JMLR 25(94), 2024): the prediction error of wide networks under SGD on a stream, each point seen
once, converges in expectation, at rates that are those of the kernel's integral operator. With a kernel the expectation
is known exactly, here also with momentum: each step is V <- beta V - eta k(., x)(f(x) - y), f <- f + V.

a) kernel: mean errors of many runs follow the recursion of second moments, and each eigenfunction its eigenvalue's
   power, within 3 standard errors at 8 times; they end at the floor; without noise no step makes the error larger;
b) stability: second moments grow from eta K(x, x) = 2 on, with momentum from the rate where
   `theory.noise_gain` is 1;
c) networks: f - f_0 of wide networks on the same streams errs as the recursion says, and comes nearer with the width.

On the cube, whose points come again, and on the sphere, where all are new. The target is the sum of eigenfunctions of
levels 1 and 2, of mean square 1 each; labels have noise of variance 0.1; the rate is half of (1 - beta) / K(x, x). A
network's expected error is the recursion's and the mean of what it errs more than the kernel on the same stream, which
leaves out the scatter that both share.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, finite, serial, to_backend

HIDDEN = serial(Dense(math.sqrt(2.0)), Activation("relu"))
DOMAINS = {"hypercube 4": theory.Hypercube(4), "hypercube 6": theory.Hypercube(6), "sphere 4": theory.Sphere(4)}
RATE, NOISE, LEVELS, LATE = 0.5, 0.1, [1, 2], 17  # late times, over which the floor is a mean
STEPS, NETWORKS, SHARES = 100, 16, (64, 8, 1)  # of the networks: steps, runs, and parts of the largest width
LONG = {"domain": "hypercube 6", "steps": 4_000}


def claims():
    """The exact statements for kernels, and those of the theorem for networks."""
    every = {"verified": True, "over": "worst"}
    exact = {"source": "exact (recursion of second moments)", **every}
    for domain in ("hypercube 6", "sphere 4"):
        for momentum in (0.0, 0.9):
            at, where = f"{domain}, momentum {momentum:g}", {"domain": domain, "momentum": momentum}
            near = {"value": 3.0, "tolerance": 0.0, "side": "at most", "where": where, **exact}
            yield Claim(f"(a) errors, {at}", metric="standard_errors", **near)
            yield Claim(f"(a) eigenfunctions, {at}", metric="level_errors", **near)
            yield Claim(f"(a) no step up without noise, {at}", metric="largest_rise", where=where, value=0.0,
                        tolerance=1e-12, side="at most", **exact)  # fmt: skip
    for momentum in (0.0, 0.9):
        yield Claim(f"(a) floor, momentum {momentum:g}", metric="floor_ratio", value=1.0, tolerance=0.03,
                    where={**LONG, "momentum": momentum}, **exact)  # fmt: skip
    yield Claim("(b) eta K(x, x) = 2", metric="threshold", value=2.0, tolerance=0.04, where={"momentum": 0}, **exact)
    yield Claim("(b) closed form of the stable range", metric="threshold_ratio", value=1.0, tolerance=1e-6, **exact)
    for width in (1024, 4096):
        wide = {"source": "Xu & Zhu 2024, JMLR 25(94)", "where": {"width": width}, **every}
        yield Claim(f"(c) error of networks of width {width}", metric="network_ratio", value=1.0, tolerance=0.1, **wide)
        yield Claim(f"(c) gap to the kernel, up to width {width}", metric="gap_slope", value=-0.4, tolerance=0.0,
                    side="at most", **wide)  # fmt: skip


@task(
    title="One-pass SGD", source="Xu & Zhu 2024, JMLR 25(94)", requires=["autodiff"],
    formulas={
        "second moments M of f - f*, beta = 0":
            r"M \leftarrow M - \frac{\eta}{N} (K M + M K) + \frac{\eta^2}{N} K \operatorname{diag}(M_{ii} + s^2) K",
        "the floor, with beta the momentum": r"\mathbb{E} |D|^2 \to s^2 \frac{F}{1 - F}, \qquad F = \sum_i \frac{\eta "
            r"\lambda_i}{2 (1 - \beta)} \Big/ \Big( 1 + \frac{\eta \beta \lambda_i}{1 - \beta^2} \Big)",
    },
    metrics=[
        Metric("standard_errors", unit="1", better="lower", tolerance=1e-3, about="(a) largest, of the runs' error"),
        Metric("level_errors", unit="1", better="lower", tolerance=1e-3, about="(a) of the target's two components"),
        Metric("floor_ratio", unit="1", tolerance=1e-4, about="(a) mean error in the second half, over the floor"),
        Metric("largest_rise", unit="1", tolerance=1e-9, about="(a) of the expected error in a step, without noise"),
        Metric("threshold", unit="1", tolerance=1e-6, about="(b) eta K(x, x) / (1 - beta) where moments start to grow"),
        Metric("threshold_ratio", unit="1", tolerance=1e-9, about="(b) the same over its closed form"),
        Metric("network_ratio", unit="1", tolerance=0.01, about="(c) expected error, widest networks over recursion"),
        Metric("gap_slope", unit="1", tolerance=0.01, about="(c) exponent of the width in the networks' gap"),
    ],
    curves=[
        Curve("error", x="step", y="mean square error", share=1.0, tolerance=1e-5),
        Curve("expected_error", x="step", y="mean square error", theory_of="error"),
        Curve("network_gap", x="width", y="distance from kernel", share=1.0, tolerance=5e-3, exponent="gap_slope"),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", domain="hypercube 4", momentum=0.0, hidden=1, width=256, steps=200, runs=100),
        Tier("standard", **{**LONG, "momentum": [0.0, 0.9]}, hidden=1, width=4096, runs=400),
        Tier("standard", domain="sphere 4", momentum=0.0, hidden=1, width=1024, steps=300, runs=40),
        Tier("extended", **{**LONG, "momentum": [0.0, 0.9]}, hidden=2, width=1024, runs=1_000),
        Tier("extended", domain="sphere 4", momentum=[0.0, 0.9], hidden=[1, 2], width=1024, steps=600, runs=200),
        Tier("paper", **{**LONG, "momentum": [0.0, 0.9]}, hidden=[1, 2], width=[1024, 4096], runs=4_000),
    ],
    cost=lambda domain, momentum, hidden, width, steps, runs: float(
        100 * width**hidden + steps * runs * (1 if domain.startswith("hypercube") else 50)),
)  # fmt: skip
def streaming_sgd(ctx: Context, domain: str, momentum: float, hidden: int, width: int, steps: int, runs: int) -> None:
    """Runs with a kernel on one domain, and networks on the first of their streams."""
    space, architecture = DOMAINS[domain], serial(*[HIDDEN] * hidden, Dense())
    spectrum = space.spectrum(theory.cosine_kernel(architecture))
    stream = theory.Stream(RATE * (1 - momentum) / spectrum.trace, momentum, NOISE)
    groups = theory.draw_streams(space, steps, runs, ctx.rng(purpose=f"streams {domain} {steps} {runs}"))
    noise = math.sqrt(NOISE) * ctx.rng(purpose=f"noise {steps} {runs}").standard_normal((steps, runs))
    judged, late = np.geomspace(2, steps, 8).astype(int), np.linspace(steps // 2, steps, LATE).astype(int)
    times = sorted({*judged.tolist(), *late.tolist(), STEPS})
    at = np.isin(times, judged)

    def parts(points):  # the target's two components
        return np.hstack([space.functions(points, level, 1) for level in LEVELS])

    def target(points):
        return parts(points.reshape(-1, points.shape[-1])).sum(axis=1).reshape(points.shape[:-1])

    def gram(points):
        return architecture_kernels(architecture, points).ntk

    def run(group, noise, moments):
        k, seen = gram(ctx.backend.asarray(group.points, "float64")), parts(group.points[group.test])
        return theory.kernel_runs(k, -target(group.points), seen, group, noise, stream, moments)

    columns = np.split(noise, len(groups), axis=1)
    ctx.stage("kernel", gram, ctx.backend.asarray(groups[0].points, "float64"))
    errors, shares, _ = theory.KernelRuns.joined([run(*pair, times) for pair in zip(groups, columns, strict=True)])
    energies = 1.0 * np.isin(np.arange(len(spectrum.eigenvalues)), LEVELS)
    expected = theory.level_errors(spectrum, energies, stream, times)
    square, means = expected.square.sum(axis=1), -expected.mean[:, LEVELS]
    quiet = theory.level_errors(spectrum, energies, theory.Stream(stream.rate, momentum), range(steps))
    threshold = theory.growth_threshold(spectrum, momentum)
    short = theory.shortened_streams(groups, STEPS, NETWORKS)
    x, probe = theory.stream_inputs(short)
    labels, wanted = target(x) + noise[:STEPS, :NETWORKS], target(probe)
    kernel = [run(g, c[:STEPS, :NETWORKS], [STEPS]).last[:, g.test].T for g, c in zip(short, columns, strict=False)]

    def trained(m):
        network, rng = finite(architecture, x.shape[2:], width=m), ctx.rng(purpose=f"networks {hidden} {m}")
        starts = [to_backend(network.init(rng), ctx.backend, ctx.precision) for _ in range(x.shape[1])]
        return theory.network_runs(ctx.asarray(x), labels, network, starts, ctx.asarray(probe), stream) - wanted

    widths = [width // share for share in SHARES]
    network = [ctx.stage("train", trained, widths[0]), *map(trained, widths[1:])]
    gaps = [float(np.sqrt(np.mean((error - np.hstack(kernel)) ** 2))) for error in network]
    more = np.mean(network[-1] ** 2) - np.mean(np.hstack(kernel) ** 2)
    ctx.record(
        standard_errors=theory.most_standard_errors(errors[at], square[at]),
        level_errors=theory.most_standard_errors(shares[at], means[at]),
        floor_ratio=errors[-LATE:].mean() / theory.stream_floor(spectrum, stream),
        largest_rise=np.diff(quiet.square.sum(axis=1)).max(), threshold=threshold * spectrum.trace / (1 - momentum),
        threshold_ratio=threshold / theory.stable_rate(spectrum, momentum),
        network_ratio=1 + more / square[times.index(STEPS)], gap_slope=theory.power_law_exponent(widths, gaps),
    )  # fmt: skip
    ctx.curve("error", times, errors.mean(axis=1))
    ctx.curve("expected_error", times, square)
    ctx.curve("network_gap", widths, gaps)
