"""How a wide network fits true labels and random ones, step by step, against its kernel.

Arora, Du, Hu, Li & Wang, "Fine-Grained Analysis of Optimization and Generalization for Overparameterized Two-Layer
Neural Networks" (ICML 2019), theorem 4.1: gradient descent on the first layer of a wide two-layer ReLU network leaves
|y - u(t)|^2 = sum_i (1 - eta l_i)^2t (v_i'y)^2, to within a small share of |y|^2, with l_i, v_i of the kernel H.
True labels lie along the large l_i, so random ones take longer; a wide network fits them all the same, and learns
nothing from them (Zhang et al., "Understanding deep learning requires rethinking generalization", ICLR 2017).

Images of classes 0 and 1 (n_train and n_test count those of all classes), on a sphere; the readout is random signs, as
in the paper, and the outputs at the start are taken off, where the paper makes them small. Full-batch steps at
1 / l_max on 64 images. What "wide" means depends on n: on 256 images of MNIST with random labels a network of width
4096 is 5 % off, though its kernel at the start would keep it within 1 %, since so many weights cross the kink.
"""

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.datasets import normalised
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, finite, log_steps, serial, to_backend, train
from ntkbench.theory import gradient_descent, max_learning_rate, noisy_labels

NETWORK = serial(Dense(), Activation("relu"), Dense(trained=False))
TRAINED, TESTED = 64, 128  # images
LEARNT = 0.1  # of the first loss: labels count as learnt there
LABELS = ("true", "random")
ARORA = "Arora et al. 2019 (ICML)"
EVERY = {"verified": True, "repeats": 3, "over": "worst", "where": {"width": 4096}}


def vectors(x, labels, n):
    """The first n images (H, W, C) of classes 0 and 1 as float64 vectors, and their labels -1 and +1."""
    return x[labels < 2][:n].reshape(-1, x[0].size).astype(np.float64), 2.0 * labels[labels < 2][:n] - 1.0


def in_span(x):
    """Vectors (n, d) in coordinates of their span, brought to norm sqrt(dimension).

    A network with Gaussian weights sees their angles alone, and gradients stay in the span: nothing changes but what a
    step costs.
    """
    return normalised(x @ np.linalg.qr(x.T)[0])


def curves_of(kernel, targets, rate, steps):
    """|y - u(t)|^2 / |y|^2 at the steps, as (i) has it."""
    return 2.0 * gradient_descent(kernel, targets, kernel, steps, rate=rate).loss / targets.shape[0]


def steps_to(level, moments, loss):
    """The first recorded step at which the loss is below a level; the last one where it never is."""
    return next((step for step, value in zip(moments, loss, strict=True) if value < level), moments[-1])


@task(
    title="Training on true and random labels",
    source="Arora et al. 2019, arXiv:1901.08584, theorem 4.1; Zhang et al. 2017, arXiv:1611.03530",
    formulas={
        "what is left after t steps": r"|y - u(t)|^2 = \sum_i (1 - \eta \lambda_i)^{2t} (v_i^\top y)^2",
    },
    requires=["autodiff"],
    metrics=[
        Metric("curve_error", unit="1", better="lower", tolerance=2e-3,
               about="largest |loss - theorem's|, over the first loss"),
        Metric("slowdown", unit="1", tolerance=0.5,
               about="steps to a tenth of the first loss: random over true labels"),
        Metric("random_fit", unit="%", better="higher", tolerance=0.0,
               about="random training labels fitted in the end"),
        Metric("random_accuracy", unit="%", tolerance=1.1,
               about="test accuracy in the end, after one random labelling"),
        Metric("true_accuracy", unit="%", better="higher", tolerance=1.1,
               about="test accuracy in the end, after true labels"),
    ],
    curves=[
        Curve(f"{who}loss_{which}", x="step", y="|y - u|^2 / |y|^2", share=1.0, tolerance=2e-3,
              theory_of=f"loss_{which}" if who else None)
        for who in ("", "predicted_") for which in LABELS
    ],
    claims=[
        Claim("loss curve of a wide network", metric="curve_error", value=0.0, tolerance=0.05,
              source=f"{ARORA}, theorem 4.1", **EVERY),
        Claim("random labels take longer", metric="slowdown", value=1.0, tolerance=0.0, source=f"{ARORA}, section 4",
              side="at least", **EVERY),
        Claim("fits random labels", metric="random_fit", value=100.0, tolerance=0.0,
              source="Zhang et al. 2017, abstract", **EVERY),
    ],
    tiers=[
        Tier("smoke", dataset="digits", n_train=1_000, n_test=500, width=256, steps=20),
        Tier("standard", seeds=3, dataset="mnist", n_train=1_000, n_test=1_000, width=4096, steps=160),
        Tier("extended", seeds=3, dataset=["mnist", "cifar10"], n_train=1_000, n_test=1_000, width=4096, steps=200),
        Tier("paper", seeds=5, dataset=["mnist", "cifar10"], n_train=1_000, n_test=1_000, width=[1024, 4096, 16_384],
             steps=1_000),
    ],
)  # fmt: skip
def random_label_training(ctx: Context, dataset: str, n_train: int, n_test: int, width: int, steps: int) -> None:
    """One network on the same images twice: with true labels and with random ones."""
    data = ctx.dataset(dataset, n_train=n_train, n_test=n_test)
    x_train, y = vectors(ctx.to_numpy(data.x_train), data.labels_train, TRAINED)
    x_test, y_test = vectors(ctx.to_numpy(data.x_test), data.labels_test, TESTED)
    x, n = in_span(np.concatenate([x_train, x_test])), len(y)
    rng = ctx.rng(purpose=f"network {dataset} {n_train} {width}")
    targets = dict(zip(LABELS, noisy_labels(y, [0.0, 1.0], rng)[:, :, 0], strict=True))

    kernel = ctx.stage("kernel", lambda a: architecture_kernels(NETWORK, a).ntk, ctx.backend.asarray(x[:n], "float64"))
    rate, moments = max_learning_rate(kernel) / 2, log_steps(steps, 30)
    network = finite(NETWORK, x.shape[1:], width=width)
    hidden, readout = network.init(rng)
    params = to_backend((hidden, {"weight": np.sign(readout["weight"])}), ctx.backend, ctx.precision)
    inputs = ctx.asarray(x)
    start = ctx.to_numpy(network.apply(params, inputs))[:, 0].astype(np.float64)

    def fit(labels):
        return train(network, params, inputs[:n], ctx.asarray(labels + start[:n]), steps=steps, rate=rate,
                     probe=inputs, record=moments)  # fmt: skip

    loss, theory, correct = {}, {}, {}
    for which, labels in targets.items():
        training = ctx.stage(f"train_{which}", fit, labels)
        loss[which] = 2.0 * training.loss / n
        theory[which] = ctx.to_numpy(curves_of(kernel, ctx.backend.asarray(labels, "float64"), rate, moments))
        expected = np.concatenate([labels, y_test])
        correct[which] = np.sign(training.outputs[-1] - start) == expected
        ctx.curve(f"loss_{which}", moments, loss[which])
        ctx.curve(f"predicted_loss_{which}", moments, theory[which])
    ctx.record(
        curve_error=max(np.max(np.abs(loss[which] - theory[which])) for which in LABELS),
        slowdown=steps_to(LEARNT, moments, loss["random"]) / steps_to(LEARNT, moments, loss["true"]),
        random_fit=100 * np.mean(correct["random"][:n]),
        random_accuracy=100 * np.mean(correct["random"][n:]),
        true_accuracy=100 * np.mean(correct["true"][n:]),
    )
