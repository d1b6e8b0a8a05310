"""Kernels of ReLU networks with batch normalisation: functions of a whole batch, not of pairs of inputs."""

from __future__ import annotations

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import all_finite, host
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.inputs import check_vectors, dtype_name
from ntkbench.arrays.settings import standard_settings
from ntkbench.duals.batch_norm import Passed, between_batches, rank, within_batch
from ntkbench.kernels.relu.network import Kernels


@standard_settings
def batch_norm_kernels(x1: Array, x2: Array | None = None, *, depth: int = 1) -> Kernels:
    """NNGP and NTK of f(x) = v relu(BN(W x)), BN normalising each unit over the batch that x is a member of.

    An output depends on all inputs of its batch, so that a row of these matrices cannot be computed by itself, and
    another batch gives other kernels. Scales of weights and biases before a normalisation change nothing. Computed in
    float64 and NumPy, to ten digits, without derivatives.

    Args:
        x1: a batch (B1, d) of vectors of NumPy, torch or JAX, float32 or float64.
        x2: another batch (B2, d) of the same kind, normalised by itself; None: the kernels of x1 with itself.
        depth: how often a dense layer, the normalisation and a ReLU follow each other before the readout.

    Returns:
        Two matrices (B1, B1) or (B1, B2) of the same library and dtype, in the NTK parametrisation.

    Raises:
        ValueError: for shapes, dtypes, values or a depth that make no sense, and for a batch whose differences span
            fewer than three dimensions, as those of three inputs do: the mean of its derivative's square is infinite.
        TypeError: for what is no array.

    References:
        Yang 2020, "Tensor Programs II: Neural Tangent Kernel for Any Architecture", arXiv:2006.14548, appendix on batch
        normalisation.
    """
    if type(depth) is not int or depth < 1:
        raise ValueError(f"depth must be a positive whole number, not {depth!r}")
    first = _batch(x1, "x1")
    if x2 is None:
        own = cross = first @ first.T / first.shape[1]
        kernels = Passed(own, cross)
        for _ in range(depth):
            kernels = _trained(within_batch(*kernels))
    else:
        second = _batch(x2, "x2")
        if dtype_name(x1) != dtype_name(x2) or first.shape[1] != second.shape[1]:
            raise ValueError(
                "x1 and x2 must agree in all but their number: "
                f"{tuple(x1.shape)} {x1.dtype}, {tuple(x2.shape)} {x2.dtype}"
            )
        execution_for(x1, x2)
        own1, own2 = (batch @ batch.T / first.shape[1] for batch in (first, second))
        cross = first @ second.T / first.shape[1]
        kernels = Passed(cross, cross)
        for _ in range(depth):
            kernels = _trained(between_batches(own1, own2, *kernels))
            own1, own2 = (within_batch(own, np.zeros_like(own)).covariance for own in (own1, own2))
    execution = execution_for(x1)
    return Kernels(*(execution.from_numpy(kernel.astype(dtype_name(x1)), x1) for kernel in kernels))


def _trained(passed: Passed) -> Passed:
    """Behind the next dense layer, whose own weights add what it passes on to the tangent kernel."""
    return Passed(passed.covariance, passed.covariance + passed.tangent)


def _batch(x: Array, name: str) -> np.ndarray:
    """The batch in NumPy and float64. Raises ValueError for what is none."""
    check_vectors(x, name)
    if not all_finite(execution_for(x), x):
        raise ValueError(f"{name} has values that are not finite")
    batch: np.ndarray = host(x)
    batch = batch - np.mean(batch, axis=0)
    if rank(batch @ batch.T) < 3:
        raise ValueError(
            f"the differences of {name}, of shape {tuple(x.shape)}, span fewer than three dimensions: "
            "give a batch of four different inputs at least"
        )
    return batch
