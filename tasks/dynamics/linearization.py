"""How far does the training of a network depart from that of its linear model?

Chizat, Oyallon & Bach, "On Lazy Training in Differentiable Programming" (NeurIPS 2019, arXiv:1812.07956), theorem 2.2:
with outputs a f, f zero at the start, and the loss |a f - y|^2 / (2 a^2), up to a fixed time |w - w_0| = O(1 / a),
|w - w_lin| = O(1 / a^2) and |a f - a f_lin| = O(1 / a). Zero at the start is here f - f_0, or the difference of two
equal copies, where all second derivatives of the outputs cancel: their gap is then O(1 / a^2) (derived here).

Lee et al., "Wide Neural Networks of Any Depth Evolve as Linear Models" (NeurIPS 2019, arXiv:1902.06720), theorem 2.1:
sup |f - f_lin|, |w - w_0| / sqrt m and |K - K_0| are O(m^-1/2) in the width m. Their figure 1 has three ReLU layers on
128 images of MNIST (here in `paper`): first and last weights change like m^-1/2, those between like m^-1, kernels
"closer to 1 / m". Else two tanh layers on few images, even or odd, as in (a), (b); trained is f - f_0 here, too.

Suprema are over log-spaced steps and over the training images; in (c) over as many fresh ones, too. A step is half the
largest stable one of the infinitely wide network. Exact: (d) the linear model trained by steps follows the closed form,
(e) the closed form of gradient flow an ODE solver, and (f) the linear model diverges from the rate 2 / lambda_max on,
which is found from its growth at 1.02 times that.
"""

from functools import partial

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task, theory
from ntkbench.datasets import normalised
from ntkbench.kernels import architecture_kernels, empirical_ntk
from ntkbench.networks import Activation, Dense, finite, log_steps, serial, train

CHIZAT, LEE = "Chizat et al. 2019, arXiv:1812.07956, theorem 2.2", "Lee et al. 2019, arXiv:1902.06720"
POWERS = {"f_less_f0": (-1.0, -2.0, -1.0), "antisymmetric": (-1.0, -2.0, -2.0)}
WHAT = {"travel": "|w - w_0|", "weight_gap": "|w - w_lin|", "output_gap": "outputs less the linear model's"}
WIDE = ("output_gap", "kernel", "first", "between", "last")
BEYOND, BELOW = 1.02, 0.98  # (f)
TANH = {"activation": "tanh", "hidden": 2}
NETS = 4  # at each width


def claims():
    """The rules, by what they are about."""
    for label, (start, powers) in zip(("(a)", "(b)"), POWERS.items(), strict=True):
        for what, power in zip(WHAT, powers, strict=True):
            source = "exact (limit)" if (start, what) == ("antisymmetric", "output_gap") else CHIZAT
            yield Claim(f"{label} {start}: {WHAT[what]}", metric=f"{start}_{what}", value=power, tolerance=0.1,
                        source=source, where={"activation": "tanh"}, verified=True, repeats=3)  # fmt: skip
    given = {"source": f"{LEE}, figure 1", "verified": True, "repeats": 3}
    bound = {**given, "source": f"{LEE}, theorem 2.1", "value": -0.5, "tolerance": 0.05, "side": "at most"}
    yield Claim("(c) outputs fall no slower than m^-1/2", metric="width_output_gap", **bound)
    yield Claim("(c) kernel falls no slower than m^-1/2", metric="width_kernel", **bound)
    yield Claim("(c) first weights", metric="width_first", value=-0.5, tolerance=0.1, **given)
    yield Claim("(c) weights between", metric="width_between", value=-1.0, tolerance=0.12, **given)
    yield Claim("(c) last weights", metric="width_last", value=-0.5, tolerance=0.1, **given)
    exact = {"source": "exact", "verified": True, "over": "worst"}
    yield Claim("(d) linear model = closed form", metric="linear_error", value=0.0, tolerance=1e-8, **exact)
    yield Claim("(e) closed form = ODE", metric="flow_error", value=0.0, tolerance=1e-8, **exact)
    yield Claim("(f) largest stable rate", metric="critical_rate", value=1.0, tolerance=0.02, **exact)
    yield Claim("(f) below it the loss falls", metric="loss_below", value=0.0, tolerance=0.0, side="at most", **exact)


@task(
    title="Linear models of networks",
    source=f"{CHIZAT}; {LEE}, theorem 2.1 and figure 1",
    requires=["autodiff"],
    formulas={"departures at scale a": r"\|w - w_0\| = O(a^{-1}), \quad \|w - w_{lin}\| = O(a^{-2}), \quad "
              r"\|a f - a f_{lin}\| = O(a^{-1})"},
    metrics=[
        *(Metric(f"{start}_{what}", unit="1", tolerance=1e-3, about=f"exponent of the scale in {text}")
          for start in POWERS for what, text in WHAT.items()),
        Metric("width_output_gap", unit="1", tolerance=5e-3, about="(c) exponent of the width in the outputs' gap"),
        Metric("width_kernel", unit="1", tolerance=5e-3, about="(c) exponent of the width in the NTK's change"),
        Metric("width_first", unit="1", tolerance=2e-3, about="(c) the same of the first weights"),
        Metric("width_between", unit="1", tolerance=2e-3, about="(c) the same of the second weights"),
        Metric("width_last", unit="1", tolerance=2e-3, about="(c) the same of the last weights"),
        Metric("linear_error", unit="1", better="lower", about="(d) largest difference over the largest output"),
        Metric("flow_error", unit="1", better="lower", about="(e) largest difference over the largest output"),
        Metric("critical_rate", unit="1", tolerance=1e-4, about="(f) over 2 / lambda_max"),
        Metric("loss_below", unit="1", tolerance=1e-3, about="(f) log10 of last over first loss at 0.98 of the limit"),
    ],
    curves=[
        *(Curve(f"{start}_{what}_by_scale", x="scale", y=text, share=1.0, tolerance=1e-5, exponent=f"{start}_{what}")
          for start in POWERS for what, text in WHAT.items()),
        *(Curve(f"{name}_by_width", x="width", y=name.replace("_", " "), share=1.0, tolerance=1e-3,
                exponent=f"width_{name}") for name in WIDE),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", dataset="digits", n=8, **TANH, width=128, scale=32.0, steps=20),
        Tier("standard", seeds=3, dataset="mnist", n=20, **TANH, width=1024, scale=128.0, steps=40),
        Tier("extended", seeds=5, dataset="mnist", n=20, **TANH, width=4096, scale=512.0, steps=600),
        Tier("paper", seeds=5, dataset="mnist", n=128, activation="relu", hidden=3, width=16_384, scale=512.0,
             steps=131_072),
    ],
    cost=lambda n, width, hidden, steps, **others: float(n * steps * hidden * width**2),
)  # fmt: skip
def linearization(ctx: Context, dataset: str, n: int, activation: str, hidden: int, width: int, scale: float,
                  steps: int) -> None:  # fmt: skip
    """Scales of the outputs at the smallest width, then widths at scale one; labels are even or odd."""
    data = ctx.dataset(dataset, n_train=n, n_test=n)
    images = np.concatenate([ctx.to_numpy(x).reshape(n, -1) for x in (data.x_train, data.x_test)]).astype(np.float64)
    points = normalised(images @ np.linalg.qr(images.T)[0])  # in their own span, of entries of order one
    double = partial(ctx.backend.asarray, dtype="float64")
    labels = np.where(data.labels_train % 2, 1.0, -1.0)
    layers = serial(*(Dense(2**0.5), Activation(activation)) * hidden, Dense())
    widths = [width // 16, width // 4, width]
    networks = [finite(layers, points.shape[1:], width=m) for m in widths]
    ntk = ctx.to_numpy(architecture_kernels(layers, double(points[:n])).ntk)
    way = {"moments": log_steps(steps, 4)[1:], "rate": theory.max_learning_rate(ntk) / 2}

    network, scales = networks[1], scale / 2.0 ** np.arange(4)[::-1]  # (a), (b)
    start, copies = network.init(ctx.rng(purpose=f"scales {dataset} {width}"), double), theory.Difference(network)
    x, y = double(points[:n]), double(labels)
    departures = partial(theory.scale_departures, x=x, y=y, scales=scales, **way)
    by_scale = {"f_less_f0": departures(network, start), "antisymmetric": departures(copies, copies.doubled(start))}
    for name, found in by_scale.items():
        for what, values in found._asdict().items():
            ctx.curve(f"{name}_{what}_by_scale", scales, values)
            ctx.record(**{f"{name}_{what}": theory.power_law_exponent(scales, values)})

    starts = [[net.init(ctx.rng(purpose=f"{dataset} {net.width} {i}"), ctx.asarray) for i in range(NETS)]
              for net in networks]  # fmt: skip
    arrays = (ctx.asarray(points[:n]), ctx.asarray(labels))  # (c)
    gap, layered, kernel = theory.width_departures(networks, starts, *arrays, probe=ctx.asarray(points[n:]), **way)
    for name, values in zip(WIDE, (gap, kernel, layered[0], layered[1], layered[-1]), strict=True):
        ctx.curve(f"{name}_by_width", widths, values)
        ctx.record(**{f"width_{name}": theory.power_law_exponent(widths, values)})

    k = ctx.to_numpy(ctx.stage("kernel", empirical_ntk, network, start, x, trace=True))  # (d), (e), (f)
    model, limit, times = theory.Linearised(network), theory.max_learning_rate(k), [1.0, 10.0, 100.0]
    descend = partial(train, model, model.around(start), x, y, steps=100, probe=x, record=(0, 80, 100))
    below, beyond = descend(rate=BELOW * limit), descend(rate=BEYOND * limit)
    f0 = {"f0_train": below.outputs[0], "f0_test": below.outputs[0]}
    closed = theory.gradient_descent(k, labels, k, below.steps, rate=BELOW * limit, **f0).train
    flow = theory.gradient_flow(k, labels, k, times, rate=limit).train
    ode = theory.loss_flow(k, labels, k, times, rate=limit, loss="squared").train
    growth = (beyond.loss[-1] / beyond.loss[-2]) ** (0.5 / 20)
    ctx.record(
        linear_error=np.abs(below.outputs - closed).max() / np.abs(closed).max(),
        flow_error=np.abs(flow - ode).max() / np.abs(ode).max(),
        critical_rate=2 * BEYOND / (1 + growth),
        loss_below=np.log10(below.loss[-1] / below.loss[0]),
    )
