"""True against random labels: what a kernel memorises, how labels' complexity tells, and what undoes it.

Zhang, Bengio, Hardt, Recht & Vinyals, "Understanding deep learning requires rethinking generalization" (ICLR 2017): a
learner that generalises from true labels fits random ones as well. Arora, Du, Hu, Li & Wang, "Fine-Grained Analysis of
Optimization and Generalization for Overparameterized Two-Layer Neural Networks" (ICML 2019): with H the kernel of the
first layer of a wide ReLU network, the test loss is at most sqrt(2 y'H^-1 y / n), up to lower orders, and this bound
tells true labels from random ones. (`random_label_training` trains such networks.)

Classes 0 and 1 are the labels -1 and +1, images lie on a sphere; n_train and n_test count those of all classes. Coin
flips replace a share of the labels, and E[y'H^-1 y] is known exactly. Interpolation memorises all labels that are wrong
now; against that stand a ridge, chosen by leave-one-out from noisy labels alone, and a flow stopped at 1 / ridge.
Random labels teach nothing on average; but errors after one labelling come together, so its accuracy strays further
from 50 % than independent errors would: those leave 3 standard errors in 0.3 % of all cases (`random_astray`).
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.datasets import normalised
from ntkbench.kernels import architecture_kernels, train_test
from ntkbench.networks import Activation, Dense, serial
from ntkbench.solvers import kernel_regression
from ntkbench.theory import label_complexity, mitigate, noisy_labels

NETWORK = serial(Dense(), Activation("relu"), Dense(trained=False))
LEVELS = np.linspace(0.0, 1.0, 11)  # of label noise
DRAWS = 100  # labellings at each of them
RIDGES = (0.0, *np.geomspace(1e-2, 1e3, 16))
SHARES = {"accuracy": ("higher", "clean test labels predicted"), "memorised": ("lower", "spurious labels fitted")}
ARORA, FIGURE = "Arora et al. 2019 (ICML)", "Arora et al. 2019 (ICML), figure 2"
LARGE = {"backends": ["jax", "torch"], "seeds": 3, "dataset": ["mnist", "cifar10"]}
EVERY = {"verified": True, "over": "worst"}  # statements about every run


def of_one_dataset(dataset, ratio, n_test):
    """Claims about one data set, with the number of test images of the two classes."""
    given = {"where": {"dataset": dataset, "n_test": 10_000}, "repeats": 3, **EVERY}
    yield Claim(f"{dataset}: random over true bound", metric="bound_ratio", value=ratio, tolerance=0.0, source=FIGURE,
                side="at least", **given)  # fmt: skip
    yield Claim(f"{dataset}: random labels teach nothing", metric="random_accuracy", value=50.0,
                tolerance=150 / math.sqrt(n_test), source="Zhang et al. 2017; 3 binomial standard errors",
                **given)  # fmt: skip


def vectors(x, labels):
    """Images (n, H, W, C) of classes 0 and 1 as float64 vectors of norm sqrt(d), and their labels -1 and +1."""
    rows = x[labels < 2].reshape(-1, x[0].size).astype(np.float64)
    return normalised(rows), 2.0 * labels[labels < 2] - 1.0


@task(
    title="True against random labels",
    source="Arora et al. 2019, arXiv:1901.08584; Zhang et al. 2017, arXiv:1611.03530",
    formulas={
        "the bound on the test loss": r"\sqrt{\frac{2\, y^\top H^{-1} y}{n}}",
        "a share p of labels flipped by coins": (
            r"\mathbb{E}\left[ y^\top H^{-1} y \right] = (1 - p)^2\, y_0^\top H^{-1} y_0 + \left( 1 - (1 - p)^2 "
            r"\right) \operatorname{tr} H^{-1}"
        ),
    },
    metrics=[
        Metric("bound_true", unit="1", tolerance=1e-4, about="sqrt(2 y'H^-1 y / n) of the true labels"),
        Metric("bound_ratio", unit="1", tolerance=1e-4, about="that of random labels (root mean square) over it"),
        Metric("bound_slack", unit="1", tolerance=1e-4,
               about="bound_true less the mean of min(|f(x) - y|, 1) in the test"),
        Metric("monotony", unit="1", tolerance=0.0,
               about="share of steps to more noise that raise the bound; all: rho = 1"),
        Metric("identity_error", unit="1", tolerance=1e-3, about="largest |mean y'H^-1 y - exact|, in standard errors"),
        Metric("random_residual", unit="1", better="lower", about="largest residual on true and random labels"),
        Metric("random_accuracy", unit="%", tolerance=0.01,
               about="test accuracy after random labels: mean over labellings"),
        Metric("random_astray", unit="%", tolerance=1.0, about="labellings beyond 3 binomial standard errors of 50 %"),
        *(Metric(f"{what}_{how}", unit="%", better=better, tolerance=1.0, about=about)
          for what, (better, about) in SHARES.items() for how in ("interpolation", "ridge", "stopping")),
    ],
    curves=[
        *(Curve(name, x="label noise", y="sqrt(2 mean y'H^-1 y / n)", share=1.0, tolerance=1e-4, theory_of=theory_of)
          for name, theory_of in (("bound", None), ("predicted_bound", "bound"))),
        *(Curve(f"{what}_{how}", x=x, y=y, y_unit="%", share=0.9, tolerance=1.0)
          for how, x in (("ridge", "ridge"), ("stopping", "time")) for what, (_, y) in SHARES.items()),
        Curve("leave_one_out", x="ridge", y="mean squared residual", share=1.0, tolerance=1e-4),
    ],
    claims=[
        Claim("test loss within the bound", metric="bound_slack", value=0.0, tolerance=0.0, source=f"{ARORA}, thm 5.1",
              side="at least", **EVERY),
        Claim("bound grows with label noise", metric="monotony", value=1.0, tolerance=0.0, source=FIGURE, **EVERY),
        Claim("mean complexity of noisy labels", metric="identity_error", value=0.0, tolerance=3.0, source="exact",
              **EVERY),
        Claim("interpolates random labels", metric="random_residual", value=0.0, tolerance=1e-8,
              source="exact (no ridge)", **EVERY),
        Claim("interpolation memorises all", metric="memorised_interpolation", value=100.0, tolerance=0.0,
              source="exact (no ridge)", **EVERY),
        *of_one_dataset("mnist", ratio=5.0, n_test=2115),
        *of_one_dataset("cifar10", ratio=1.3, n_test=2000),
    ],
    tiers=[
        Tier("smoke", dataset="digits", n_train=500, n_test=500, noise=0.4),
        Tier("standard", **{**LARGE, "dataset": "mnist"}, n_train=3_000, n_test=10_000, noise=0.4),
        Tier("extended", **LARGE, n_train=3_000, n_test=10_000, noise=0.4),
        Tier("paper", **LARGE, n_train=50_000, n_test=10_000, noise=[0.2, 0.4, 0.8]),
    ],
)  # fmt: skip
def spurious_labels(ctx: Context, dataset: str, n_train: int, n_test: int, noise: float) -> None:
    """Two classes of one data set, with true labels, with noisy ones and with random ones."""
    data = ctx.dataset(dataset, n_train=n_train, n_test=n_test)
    x, y = vectors(ctx.to_numpy(data.x_train), data.labels_train)
    x_test, y_test = vectors(ctx.to_numpy(data.x_test), data.labels_test)
    # In float64: what is small in H is large in its inverse.
    inputs = [ctx.backend.asarray(a, "float64") for a in (x, x_test)]
    h, h_test = ctx.stage("kernel", train_test, lambda *a: architecture_kernels(NETWORK, *a).ntk, *inputs)

    labels = noisy_labels(y, LEVELS, ctx.rng(purpose=f"labels {dataset} {n_train}"), DRAWS)  # (levels, n, draws)
    columns = ctx.backend.asarray(np.concatenate(labels, axis=1), "float64")
    complexity = ctx.stage("complexity", label_complexity, h, columns)
    values = complexity.value.reshape(len(LEVELS), DRAWS)
    mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / math.sqrt(DRAWS)
    exact = np.array([complexity.expected(level)[0] for level in LEVELS])  # the first column: the true labels
    bound = np.sqrt(2.0 * mean / len(y))

    columns = ctx.backend.asarray(np.column_stack([y, labels[-1]]), "float64")
    interpolation = ctx.stage("interpolate", kernel_regression, h, columns, h_test)
    prediction = ctx.to_numpy(interpolation.prediction)
    loss = np.mean(np.minimum(np.abs(prediction[:, 0] - y_test), 1.0))
    random = 100 * np.mean(np.sign(prediction[:, 1:]) == y_test[:, None], axis=0)

    noisy = noisy_labels(y, [noise], ctx.rng(purpose=f"spurious {dataset} {n_train}"))[0, :, 0]
    found = ctx.stage("mitigate", mitigate, h, noisy, y, h_test, y_test, RIDGES)
    shown = {"interpolation": (found.ridge, 0), "ridge": (found.ridge, found.chosen),
             "stopping": (found.stopping, found.chosen)}  # fmt: skip
    ctx.record(
        bound_true=bound[0],
        bound_ratio=bound[-1] / bound[0],
        bound_slack=bound[0] - loss,
        monotony=np.mean(np.diff(bound) > 0),
        identity_error=np.max(np.abs(mean - exact)[1:] / error[1:]),
        random_residual=interpolation.residual,
        random_accuracy=(random.mean(), random.std(ddof=1) / math.sqrt(DRAWS)),
        random_astray=100 * np.mean(np.abs(random - 50) > 150 / math.sqrt(len(y_test))),
        **{f"{what}_{how}": 100 * getattr(outcome, what)[i]
           for how, (outcome, i) in shown.items() for what in SHARES},
    )  # fmt: skip
    ctx.curve("bound", LEVELS, bound)
    ctx.curve("predicted_bound", LEVELS, np.sqrt(2.0 * exact / len(y)))
    ridges = np.array(RIDGES[1:])
    ctx.curve("leave_one_out", ridges, found.leave_one_out[1:])
    for what in SHARES:
        ctx.curve(f"{what}_ridge", ridges, 100 * getattr(found.ridge, what)[1:])
        ctx.curve(f"{what}_stopping", 1 / ridges, 100 * getattr(found.stopping, what)[1:])
