"""Kernels that turn towards the labels while a network trains; for the two-layer linear network, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.kernels.empirical.ntk import empirical_ntk
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters
from ntkbench.theory.lazy.departures import training_path

Floats = npt.NDArray[np.float64]


def linear_network_kernel(x: Floats, target: Floats) -> Floats:
    """The last NTK of v . W x that learned x . b from a start near zero: |b| (x . z + (x . u) (z . u)), u = b / |b|.

    Args:
        x: Inputs, (n, d).
        target: b, (d,), not zero.

    Returns:
        The Gram matrix, (n, n). Weights are those of the standard parametrisation.

    References:
        Derived here: W = u' v, |v|^2 = |b|, as both layers stay balanced (Arora, Cohen & Hazan 2018, theorem 1).
    """
    length = float(np.linalg.norm(target))
    along = x @ target / length
    kernel: Floats = length * (x @ x.T + np.outer(along, along))
    return kernel


def kernel_cosine(one: Floats, other: Floats) -> float:
    """The cosine between two matrices, <A, B> / (|A| |B|) in the Frobenius product.

    Args:
        one: A matrix that is not zero.
        other: One of the same shape.

    Returns:
        The cosine.

    References:
        Cristianini et al. 2001, On kernel-target alignment.
    """
    return float(np.sum(one * other) / (np.linalg.norm(one) * np.linalg.norm(other)))


def centred_alignment(k: Floats, y: Floats) -> float:
    """The cosine between H K H and H y y' H, with H the projection that takes off means.

    Args:
        k: A Gram matrix, (n, n).
        y: Labels, (n,), not all equal.

    Returns:
        The centred alignment of the kernel with the labels, from 0 to 1.

    References:
        Cortes, Mohri & Rostamizadeh 2012, Algorithms for learning kernels based on centered alignment, definition 2.
    """
    off = y - y.mean()
    centred = k - k.mean(axis=0) - k.mean(axis=1)[:, None] + k.mean()
    return kernel_cosine(centred, np.outer(off, off))


class SilentAlignment(NamedTuple):
    """When the kernel of a network has turned, and when it has learned."""

    error: float  # |K - K_end| / |K_end| of the last kernel from the expected one
    turned: int  # the first recorded step at which the kernel's cosine to the expected one is above 0.99
    learned: int  # the first one at which the loss is below half of that of outputs zero


def silent_alignment(
    network: Finite, start: Parameters, x: Array, y: Array, expected: Floats, *, moments: Sequence[int], rate: float
) -> SilentAlignment:
    """Train a network on (1/2) |f - y|^2 and see its kernel turn to an expected one before the loss falls.

    Args:
        network: A network with one output.
        start: Its parameters at the start, of JAX or torch.
        x: Inputs, (n, ...), of the library and dtype of the parameters.
        y: Labels, (n,).
        expected: The kernel that it is to end with, (n, n).
        moments: The numbers of steps after which is looked, ascending from 1 or more.
        rate: The learning rate.

    Returns:
        The error in the end, and both steps; the last moment where something never comes.

    Raises:
        ValueError: The training diverges, or as `train` raises it.

    References:
        Atanasov, Bordelon & Pehlevan 2021 (arXiv:2111.00034), silent alignment.
    """
    labels = host(y)
    turned = learned = moments[-1]
    path = training_path(network, start, x, y, moments=moments, rate=rate, probe=x)
    for moment, (params, outputs) in zip(moments, path, strict=True):
        k = host(empirical_ntk(network, params, x, trace=True))
        if kernel_cosine(k, expected) > 0.99:
            turned = min(turned, moment)
        if np.sum((outputs - labels) ** 2) < 0.5 * np.sum(labels**2):
            learned = min(learned, moment)
    return SilentAlignment(float(np.linalg.norm(k - expected) / np.linalg.norm(expected)), turned, learned)
