"""Wide networks: their empirical kernel is the infinite-width kernel in the mean, and comes closer as width^(-1/2)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import conv_kernels, fc_kernels
from ntkbench.kernels.empirical.ntk import empirical_ntk
from ntkbench.kernels.general.recursion import architecture_kernels
from ntkbench.networks import (
    Activation,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Residual,
    finite,
    serial,
    to_backend,
)

S2 = math.sqrt(2.0)
RELU, DENSE = Activation("relu"), Dense(S2, 0.1)
LAYERS = {
    "dense": (DENSE, RELU, DENSE, RELU, DENSE),
    "residual": (DENSE, Residual(serial(RELU, DENSE)), RELU, DENSE),
    "layer norm": (DENSE, LayerNorm(), RELU, DENSE, LayerNorm(), RELU, DENSE),
    "flatten": (Conv(w_std=S2, b_std=0.1), RELU, Flatten(), DENSE),
    "gap": (Conv(w_std=S2, b_std=0.1), RELU, GlobalAvgPool(), DENSE),
}


@pytest.fixture(scope="module", params=["jax", "torch"])
def differentiating(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def samples(backend: Backend, name: str, width: int, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernels of networks with one seed each, and the limit."""
    shape = (3, 3, 2) if name in ("flatten", "gap") else (6,)
    inputs = np.random.default_rng(9).standard_normal((3, *shape))
    x, same = backend.asarray(inputs, "float64"), open_backend("torch").asarray(inputs, "float64")
    network = finite(serial(*LAYERS[name]), shape, width=width)

    def kernel(seed: int) -> Any:
        params = to_backend(network.init(np.random.default_rng(seed)), backend)
        return backend.to_numpy(empirical_ntk(network, params, x, trace=True, method="structured"))

    options: dict[str, Any] = {"w_std": S2, "b_std": 0.1}
    if name == "dense":
        limit = fc_kernels(same, depth=3, **options).ntk
    elif name in ("residual", "layer norm"):
        limit = architecture_kernels(serial(*LAYERS[name]), same).ntk
    else:
        limit = conv_kernels(same, depth=2, pooling=name, **options).ntk  # type: ignore[arg-type]
    return np.stack([kernel(seed) for seed in range(seeds)]), limit.numpy()


@pytest.mark.parametrize("name", LAYERS)
def test_the_mean_over_seeds_is_the_limit(differentiating: Backend, name: str) -> None:
    kernels, limit = samples(differentiating, name, width=256, seeds=24)
    upper = np.triu_indices(3)
    error = kernels.std(axis=0, ddof=1) / math.sqrt(len(kernels))
    assert (np.abs(kernels.mean(axis=0) - limit)[upper] < 3 * error[upper]).all()
    # The errors are small enough for the mean to say something.
    assert (error < 0.05 * np.abs(limit).max()).all()


@pytest.mark.parametrize("name", ["dense", "gap"])
def test_the_distance_falls_as_one_over_the_root_of_the_width(name: str) -> None:
    distances = []
    for width in (32, 512):
        kernels, limit = samples(open_backend("torch"), name, width, seeds=24)
        distances.append(np.sqrt(np.mean((kernels - limit) ** 2)))
    assert 2.8 < distances[0] / distances[1] < 5.7
