"""Does a frame of noise around an image tell a regression the image's label?

Bombari & Mondelli, "How spurious features are memorized" (ICML 2024), figure 3: images of two classes (MNIST 1 and 7 in
a frame of 10 pixels, CIFAR-10 cats and ships in one of 8) are set in frames of uniform noise, drawn anew for each one.
After min-norm interpolation with random features, or with the NTK of k neurons, the query is a training image's frame
around nothing. It holds no information on the class, and yet the output's sign is the training label more often than
not, the less so the better the model generalises. `spurious_features` tests the theory behind it.

Protocol: phi = h_1 + h_2, phi' = h_0 + h_1. Pixels are standardised and each input is brought to the norm sqrt(d), as
the theory has it (the authors' code takes raw pixels); an image of nothing is zero then.
"""

import itertools
import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.datasets import normalised
from ntkbench.kernels import first_layer_kernel, random_features_kernel
from ntkbench.networks import hermite_series
from ntkbench.solvers import cholesky_regression
from ntkbench.theory import identity_error, memorisation

PAIRS = {"digits": (1, 7), "mnist": (1, 7), "cifar10": (3, 8)}  # classes
FRAMES = {"digits": 2, "mnist": 10, "cifar10": 8}  # pixels
PAPER = {"n": 1000, "n_test": 2000}


def claims():
    """The identity of every run; that labels are remembered, at the published sizes."""
    yield Claim("leave-one-out identity", metric="identity_error", value=0.0, tolerance=1e-8, source="exact",
                verified=True, over="worst")  # fmt: skip
    for dataset, model in itertools.product(("mnist", "cifar10"), ("ntk", "rf")):
        rule = {"tolerance": 0.0, "side": "at least", "source": "Bombari & Mondelli 2024", "verified": True,
                "repeats": 3, "where": {"dataset": dataset, "model": model, **PAPER}}  # fmt: skip
        of = f"{dataset}, {model.upper()}:"
        yield Claim(f"{of} labels are remembered", metric="spurious_excess", value=3.0, **rule)
        yield Claim(f"{of} less so with more images", metric="spurious_decline", value=0.0, **rule)


def framed(images, classes, labels, frame: int, rng):
    """Images (n, H, W, C) of two classes as vectors [pixels, frame] of norm sqrt(d), signs for labels, and H W C."""
    chosen = np.isin(labels, classes)
    images, labels = images[chosen], labels[chosen]
    n, height, width, channels = images.shape
    core = height * width * channels
    noise = rng.integers(0, 256, (n, (height + 2 * frame) * (width + 2 * frame) * channels - core))
    # Standardised, as the pixels are.
    return normalised(np.hstack([images.reshape(n, core), (noise - 127.5) / 73.9])), np.where(
        labels == classes[0], 1.0, -1.0), core  # fmt: skip


def grams(model: str, z, others, weights):
    """The Gram matrix of the training inputs, and the kernels of other sets of inputs with them."""
    if model == "rf":
        return [random_features_kernel(x, z, weights, hermite_series(1, 2)) for x in (z, *others)]
    return [first_layer_kernel(x, z, weights, hermite_series(0, 1)) for x in (z, *others)]


def regress(k, k_query, k_test, labels, sizes):
    """What is remembered and what is predicted after training on the first n inputs, for each n."""
    return [(memorisation(k[:n, :n], labels[:n], k_query[:n, :n]),
             cholesky_regression(k[:n, :n], labels[:n], k_test[:, :n]).prediction) for n in sizes]  # fmt: skip


@task(
    title="Spurious frames",
    source="Bombari & Mondelli 2024, arXiv:2305.12100, figure 3",
    formulas={
        "what the frame tells": r"f(z_i^s) = f_{-i}(z_i^s) + F_i \left( g_i - f_{-i}(z_i) \right)",
    },
    metrics=[
        Metric("alignment", unit="1", tolerance=2e-3, about="mean feature alignment"),
        Metric("spurious_accuracy", unit="%", better="lower", tolerance=0.5,
               about="training labels told from the frame alone"),
        Metric("spurious_excess", unit="1", tolerance=0.4, about="standard errors by which that exceeds one half"),
        Metric("spurious_decline", unit="%", tolerance=2.0, about="spurious accuracy at n / 4 less that at n"),
        Metric("test_accuracy", unit="%", better="higher", tolerance=0.5,
               about="test images, framed, in the right class"),
        Metric("identity_error", unit="1", better="lower",
               about="largest error of the identity, points left out one by one"),
    ],
    curves=[
        Curve("spurious_accuracy", x="n", y="spurious accuracy", y_unit="%", share=1.0, tolerance=2.0),
        Curve("test_accuracy", x="n", y="test accuracy", y_unit="%", share=1.0, tolerance=2.0),
    ],
    claims=list(claims()),
    tiers=[
        Tier("smoke", dataset="digits", model="ntk", k=100, n=200, n_test=100),
        Tier("standard", seeds=3, dataset="digits", model=["ntk", "rf"], k=2000, n=200, n_test=100),
        Tier("paper", seeds=5, dataset=["mnist", "cifar10"], model="ntk", k=100, **PAPER),
        Tier("paper", seeds=5, dataset=["mnist", "cifar10"], model="rf", k=20_000, **PAPER),
    ],
    cost=lambda dataset, model, k, n, n_test: float(n * (n + n_test) * (k + 1000)),
    requires=["autodiff"],
)  # fmt: skip
def spurious_frames(ctx: Context, dataset: str, model: str, k: int, n: int, n_test: int) -> None:
    """Regression on n images, out of as many of each class of the data set as make n of the two."""
    data = ctx.dataset(dataset, n_train=5 * n, n_test=5 * n_test)
    rng = ctx.rng(purpose=f"frames {dataset} {n} {n_test}")
    options = {"classes": PAIRS[dataset], "frame": FRAMES[dataset], "rng": rng}
    z, g, core = framed(ctx.to_numpy(data.x_train), labels=data.labels_train, **options)
    z_test, g_test, _ = framed(ctx.to_numpy(data.x_test), labels=data.labels_test, **options)
    query = np.hstack([np.zeros((len(z), core)), z[:, core:]])
    weights = ctx.rng(purpose=f"weights {k} {z.shape[1]}").standard_normal((k, z.shape[1]), dtype=np.float32)
    sizes = [n // 4, n // 2, n]

    z, query, z_test, weights = (ctx.asarray(x) for x in (z, query, z_test, weights))
    # Regression in NumPy: libraries would compile it anew for each number of images.
    kernels = [ctx.to_numpy(k) for k in ctx.stage("kernels", grams, model, z, [query, z_test], weights)]
    terms = ctx.stage("regression", regress, *kernels, g, sizes)
    told = [100 * float(np.mean(seen.prediction * g[:m] > 0)) for m, (seen, _) in zip(sizes, terms, strict=True)]
    right = [100 * float(np.mean(prediction * g_test > 0)) for _, prediction in terms]
    share, few, (gram, k_query, _) = told[-1] / 100, sizes[0], kernels
    ctx.record(
        alignment=float(np.mean(terms[-1][0].alignment)),
        spurious_accuracy=100 * share,
        spurious_excess=(share - 0.5) * 2 * math.sqrt(n),
        spurious_decline=told[0] - told[-1],
        test_accuracy=right[-1],
        identity_error=identity_error(gram[:few, :few], g[:few], k_query[:few, :few], points=(0, few // 2)),
    )
    ctx.curve("spurious_accuracy", sizes, told)
    ctx.curve("test_accuracy", sizes, right)
