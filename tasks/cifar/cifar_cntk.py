"""Regression on images with the exact convolutional NTK.

Arora, Du, Hu, Li, Salakhutdinov & Wang, "On Exact Computation with an Infinitely Wide Neural Net" (NeurIPS 2019),
table 1: kernel regression without ridge on CIFAR-10 with the CNTK of depth 3 to 21, flattened (CNTK-V) or after global
average pooling (CNTK-GAP), on all 50,000 training images and on 2,000 (which, the paper does not say); table 2: the
same on its first two classes (CIFAR-2, 10,000 + 2,000 images). Both were read in the camera-ready text (arXiv v2). Of
table 2 the pooled 71.05 at depth 3, against 94.50 at depth 4, looks like a fault of its own.

Pixels / 255, each channel standardised over the whole training set; labels 0.9 for the class and -0.1 for the others;
K a = y by a direct solve in float64 (LU; for more than 10,000 images Cholesky in panels); the predicted class is the
largest output. Without ridge the regression interpolates: the training residual must vanish, which holds exactly and is
claimed of every run.

Found: with all images, flatten, depth 4 gives 65.47 % (published: 65.52) and depth 3 gives 64.33 % (64.47; the authors'
blog had 64.67 there before the paper). The difference is not rounding: the authors' published code, its arccos in
float32 included, gives these Gram matrices up to 4e-6 off the diagonal and 4e-5 on it, and noise of that size, or a
solve in float32, moves the accuracy with 25,000 images by at most 0.04 points. A ridge would: there 50, as much as the
least eigenvalue of K with all images, adds 0.17 points.
"""

import math

import numpy as np

from ntkbench import Claim, Context, Curve, Metric, Tier, task
from ntkbench.kernels import cntk, cntk_work, relative_error
from ntkbench.solvers import kernel_regression, min_eigenvalue, panel_regression

DEPTHS = (3, 4, 6, 11, 21)
DIRECT = 10_000  # images; for more, copies of the Gram matrix in float64 are too large, and a Cholesky factor is made
HALF = 5_000  # of CIFAR-10's test images
PUBLISHED = {
    ("cifar10", "flatten", 50_000): (64.47, 65.52, 66.03, 65.90, 64.09),
    ("cifar10", "gap", 50_000): (70.47, 75.93, 76.73, 77.43, 77.08),
    ("cifar10", "flatten", 2_000): (40.94, 42.54, 43.43, 43.42, 42.53),
    ("cifar10", "gap", 2_000): (49.71, 51.06, 51.73, 51.92, 52.22),
    ("cifar2", "flatten", 10_000): (92.15, 92.80, 93.10, 93.05, 91.95),
    ("cifar2", "gap", 10_000): (71.05, 94.50, 95.25, 95.40, 95.70),
}


def published_claims():
    """One claim for each cell of tables 1 and 2, and one for the cell that is also tried on half of the test images."""
    for (dataset, pooling, n_train), accuracies in PUBLISHED.items():
        # The whole sets leave nothing to chance: every run must give the figure.
        rule = {"tolerance": 1.5, "repeats": 3} if n_train == 2_000 else {"tolerance": 0.3, "over": "worst"}
        two, n_test = dataset == "cifar2", 2_000 if dataset == "cifar2" else 10_000
        where = {"dataset": dataset, "pooling": pooling, "n_train": n_train, "pool": 1}
        for depth, accuracy in zip(DEPTHS, accuracies, strict=True):
            half = (pooling, n_train, depth) == ("flatten", 2_000, 3)
            for tested in (n_test, HALF) if half else (n_test,):
                named = f"{'CIFAR-2, ' if two else ''}{pooling} depth {depth}, {n_train:,} training images"
                yield Claim(named if tested == n_test else f"{named}, half of the test images",
                            metric="test_accuracy", value=accuracy, source=f"Arora et al. 2019, table {1 + two}",
                            where={**where, "depth": depth, "n_test": tested}, verified=True, **rule)  # fmt: skip


def work(dataset: str, pooling: str, depth: int, n_train: int, n_test: int, pool: int) -> float:
    """Positions (flatten) or pairs of positions (gap) times image pairs times layers."""
    side = {"digits": 8, "cifar10": 32}.get(dataset, 32) // pool
    return (side**2 if pooling == "flatten" else side**4) * (depth - 1) * n_train * (n_train / 2 + n_test)


@task(
    title="CIFAR-10 CNTK regression",
    checkpoints=True,
    source="Arora et al. 2019, arXiv:1904.11955, tables 1 and 2",
    formulas={
        "a layer of the NTK, summed over the 3 x 3 patch around the pixels p and p'": (
            r"\Theta^{(h)}_{p,p'} = \sum_{s} \left[ \dot K^{(h)} \odot \Theta^{(h-1)} + K^{(h)} "
            r"\right]_{p+s,\,p'+s}"
        ),
        "the prediction": r"f(x) = \Theta(x, X)\, \Theta(X, X)^{-1} y",
    },
    metrics=[
        Metric("test_accuracy", unit="%", better="higher", tolerance=0.2,
               about="share of test images in the right class"),
        Metric("train_residual", unit="1", better="lower", about="largest |K a - y| over training outputs"),
        Metric("min_eigenvalue", unit="1", about="least eigenvalue of the training Gram matrix"),
        Metric("gram_error", unit="1", better="lower", role="gram error",
               about="largest relative error of Gram entries against float64 NumPy"),
        Metric("kernel_operations", unit="op", role="operations", stage="kernel",
               about="operations that the Gram matrices take, by the formulas"),
        Metric("kernel_bytes", unit="B", role="bytes", stage="kernel",
               about="bytes that they have to read and write at least"),
    ],
    curves=[Curve("test_prediction", x="test image", y="predicted class", share=0.999, drawn=False)],
    claims=[
        *published_claims(),
        Claim("interpolates the training labels", metric="train_residual", value=0.0, tolerance=1e-6,
              source="exact (no ridge)", verified=True, over="worst"),
    ],
    tiers=[
        Tier("smoke", dataset="digits", pooling="flatten", depth=3, n_train=100, n_test=100, pool=1),
        Tier("smoke", dataset="digits", pooling="gap", depth=3, n_train=20, n_test=20, pool=2),
        Tier("standard", backends=["numba"], seeds=3, dataset="cifar10", pooling="flatten", depth=3, n_train=2_000,
             n_test=HALF, pool=1),
        Tier("standard", dataset="cifar10", pooling="flatten", depth=[3, 11], n_train=100, n_test=50, pool=1),
        Tier("standard", dataset="cifar10", pooling="gap", depth=3, n_train=100, n_test=50, pool=4),
        Tier("extended", backends=["numba"], seeds=3, dataset="cifar10", pooling="flatten",
             depth=[6, 11], n_train=2_000, n_test=10_000, pool=1),
        Tier("extended", dataset="cifar10", pooling="flatten", depth=[3, 6, 11], n_train=200, n_test=200, pool=1),
        Tier("extended", dataset="cifar10", pooling="gap", depth=3, n_train=200, n_test=300, pool=4),
        Tier("paper", seeds=5, dataset="cifar10", pooling=["flatten", "gap"], depth=list(DEPTHS), n_train=2_000,
             n_test=10_000, pool=1),
        Tier("extended", backends=["numba"], dataset="cifar2", pooling="flatten", depth=3, n_train=10_000, n_test=2_000,
             pool=1),
        Tier("paper", dataset="cifar10", pooling="flatten", depth=list(DEPTHS), n_train=50_000, n_test=10_000, pool=1),
        Tier("paper", dataset="cifar2", pooling=["flatten", "gap"], depth=list(DEPTHS), n_train=10_000, n_test=2_000,
             pool=1),
        # Hours (depth 3) to a day (depth 21) of one GPU at best: in blocks that runs share by NTKBENCH_BLOCKS.
        Tier("full", dataset="cifar10", pooling="gap", depth=list(DEPTHS), n_train=50_000, n_test=10_000, pool=1),
    ],
    cost=work,
)  # fmt: skip
def cifar_cntk(ctx: Context, dataset: str, pooling: str, depth: int, n_train: int, n_test: int, pool: int) -> None:
    """Kernel regression with the CNTK on one training subset."""
    data = ctx.dataset(dataset, n_train=n_train, n_test=n_test, pool=pool)
    options = {"depth": depth, "pooling": pooling}
    side = 2_048 if pooling == "flatten" else 512  # seconds of work a block on the machines that such sizes are for
    k_train, k_test = ctx.gram("kernel", cntk, data.x_train, data.x_test, side=side, **options)
    y_train = ctx.backend.asarray(np.eye(data.n_classes)[data.labels_train] - 0.1, "float64")
    if n_train <= DIRECT:
        prediction, residual = ctx.stage("solve", kernel_regression, k_train, y_train, k_test)
        least = min_eigenvalue(k_train)
    else:
        prediction, residual, factor = ctx.stage("solve", panel_regression, k_train, y_train, k_test)
        least = factor.min_eigenvalue()
    classes = ctx.to_numpy(prediction).argmax(axis=1)
    accuracy = float(np.mean(classes == data.labels_test))
    shape = {"image": tuple(data.x_train.shape[1:]), "precision": ctx.precision, **options}
    work = cntk_work(n_train, **shape) + cntk_work(n_test, n_train, **shape)
    few = slice(0, 8 if pooling == "flatten" else 3)
    ctx.record(
        test_accuracy=(100 * accuracy, 100 * math.sqrt(accuracy * (1 - accuracy) / n_test)),
        train_residual=residual,
        min_eigenvalue=least,
        kernel_operations=work.operations,
        kernel_bytes=work.bytes,
        gram_error=relative_error(ctx.to_numpy(k_test[few, few]), data.x_test[few], data.x_train[few], ctx.to_numpy,
                                  **options),
    )  # fmt: skip
    ctx.curve("test_prediction", np.arange(n_test), classes)
