"""Does regression with the NTK of a fully connected network tell handwritten digits apart?

Jacot, Gabriel & Hongler, "Neural Tangent Kernel: Convergence and Generalization in Neural Networks" (NeurIPS 2018): a
network of infinite width, trained to the end, predicts what regression with its NTK and without ridge predicts. Such a
regression interpolates its training labels, which holds exactly and is claimed of every run.
"""

import numpy as np

from ntkbench import Claim, Context, Metric, Tier, task
from ntkbench.kernels import fc_kernels, train_test
from ntkbench.solvers import kernel_regression


def ntk(*inputs, depth):
    """The Gram matrix of the inputs, or between two sets of them."""
    return fc_kernels(*inputs, depth=depth).ntk


@task(
    title="Digits with the fully connected NTK",
    source="Jacot et al. 2018, arXiv:1806.07572",
    metrics=[
        Metric("test_accuracy", unit="%", better="higher", tolerance=1.1, about="test images in the right class"),
        Metric("train_residual", unit="1", better="lower", about="largest |K a - y| over training outputs"),
    ],
    claims=[
        Claim(
            "interpolates",
            metric="train_residual",
            value=0.0,
            tolerance=1e-6,
            source="exact",
            verified=True,
            over="worst",
        ),
    ],
    tiers=[
        Tier("smoke", dataset="digits", depth=[2, 4], n_train=200, n_test=100),
        Tier("standard", seeds=3, dataset="mnist", depth=[2, 4, 8], n_train=1_000, n_test=1_000),
        Tier("paper", seeds=3, dataset="mnist", depth=[2, 4, 8], n_train=10_000, n_test=10_000),
    ],
)
def digits_regression(ctx: Context, dataset: str, depth: int, n_train: int, n_test: int) -> None:
    """One network on one training subset."""
    data = ctx.dataset(dataset, n_train=n_train, n_test=n_test)
    x_train, x_test = data.x_train.reshape(n_train, -1), data.x_test.reshape(n_test, -1)
    y_train = ctx.backend.asarray(np.eye(data.n_classes)[data.labels_train], "float64")
    k_train, k_test = ctx.stage("kernel", train_test, ntk, x_train, x_test, depth=depth)
    prediction, residual = ctx.stage("solve", kernel_regression, k_train, y_train, k_test)
    right = ctx.to_numpy(prediction).argmax(axis=1) == data.labels_test
    ctx.record(test_accuracy=100 * np.mean(right), train_residual=residual)
