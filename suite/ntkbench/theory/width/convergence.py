"""How far the NTKs of networks are from their limit: in the mean, over all pairs of inputs, and layer by layer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench.kernels.general.recursion import architecture_kernels
from ntkbench.networks.layers import Activation, Dense, serial

Floats = npt.NDArray[np.float64]


class KernelErrors(NamedTuple):
    """Distances of the kernels of many networks from their limit K."""

    frobenius: float  # mean over networks of |K_m - K| / |K|, in the Frobenius norm
    largest: float  # mean over networks of the largest |K_m - K| over all pairs
    median: float  # mean over networks of the median |K_m - K|
    quantile: float  # the 0.9 quantile of |K_m - K| over networks and pairs
    layers: Floats  # (L + 1,): mean over networks of the largest distance of each layer's share


def limit_layer_kernels(x: np.ndarray, layers: int) -> Floats:
    """What the weights of each layer add to the NTK of an infinitely wide ReLU network.

    Args:
        x: Inputs over the root of d, (n, d), in NumPy.
        layers: The number of hidden layers, L.

    Returns:
        (L + 1, n, n), float64. On inputs of norm one the diagonals are one.

    References:
        Arora et al. 2019 (arXiv:1904.11955), equations 7 to 9.
    """
    scaled = x.astype(np.float64) * x.shape[1] ** 0.5
    shares = []
    for trained in range(layers + 1):
        hidden: list[Any] = []
        for layer in range(layers):
            hidden += [Dense(2.0**0.5, trained=layer == trained), Activation("relu")]
        shares.append(architecture_kernels(serial(*hidden, Dense(trained=trained == layers)), scaled).ntk)
    return np.stack(shares)


def kernel_errors(kernels: np.ndarray, limit: np.ndarray) -> KernelErrors:
    """How far the layers' kernels of many networks are from those of the infinitely wide one.

    Args:
        kernels: (networks, L + 1, n, n), as `layer_kernels` gives them, in NumPy.
        limit: (L + 1, n, n), as `limit_layer_kernels` gives it.

    Returns:
        The distances. Each pair of inputs counts once.

    References:
        Arora et al. 2019 (arXiv:1904.11955), theorem 3.1; Xu & Zhu 2024 (JMLR 25), for each layer.
    """
    wanted = limit.sum(axis=0)
    away = kernels.sum(axis=1) - wanted
    pairs = np.abs(away[:, *np.triu_indices(len(wanted))])
    return KernelErrors(
        frobenius=float(np.mean(np.sqrt((away**2).sum(axis=(1, 2))))) / float(np.sqrt((wanted**2).sum())),
        largest=float(np.mean(pairs.max(axis=1))),
        median=float(np.mean(np.median(pairs, axis=1))),
        quantile=float(np.quantile(pairs, 0.9)),
        layers=np.mean(np.abs(kernels - limit).max(axis=(2, 3)), axis=0),
    )
