"""Maps that change along how many axes positions lie: vectors, sequences, images and volumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    Aggregate,
    Conv,
    Dense,
    DotGeneral,
    Flatten,
    GlobalAvgPool,
    Index,
    Layer,
    LayerNorm,
    Resize,
    finite,
    serial,
)

RNG = np.random.default_rng(0)
IMAGES, SEQUENCES = RNG.standard_normal((3, 4, 5, 2)), RNG.standard_normal((3, 4, 2))
RELU = Activation("relu")
AS_SEQUENCE, AS_IMAGE = (RELU, Conv((3,)), RELU, GlobalAvgPool(), Dense()), (RELU, Conv((3, 1)), RELU, GlobalAvgPool())


@pytest.mark.parametrize(
    ("layer", "x", "behind", "same", "y", "behind_same"),
    [
        (Index(np.s_[:, 1]), IMAGES, AS_SEQUENCE, serial(), IMAGES[:, :, 1], AS_SEQUENCE),
        (Index(np.s_[:, 1]), IMAGES, AS_SEQUENCE, Index(np.s_[:, 1:2]), IMAGES, (*AS_IMAGE, Dense())),
        (DotGeneral(np.ones(1), "w,h->hw"), SEQUENCES, (*AS_IMAGE, Dense()), serial(), SEQUENCES, AS_SEQUENCE),
        (DotGeneral([1.0, 1, 1, 1], "t,->t"), SEQUENCES[:, 0], AS_SEQUENCE, Index(0), SEQUENCES, ()),
    ],
)
def test_architectures_of_one_meaning_have_one_kernel(
    layer: Layer, x: np.ndarray, behind: Any, same: Layer, y: np.ndarray, behind_same: Any
) -> None:
    if not behind_same:
        # A sequence of four equal tokens, as a sequence.
        same, y, behind_same = serial(), np.repeat(x[:, None], 4, axis=1), behind
    before = Dense(1.3, 0.2)
    one, other = (
        architecture_kernels(serial(before, *layers), inputs)
        for layers, inputs in (((layer, *behind), x), ((same, *behind_same), y))
    )
    for actual, expected in zip(one, other, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-7)
        np.testing.assert_allclose(actual[0, 1:], expected[0, 1:], rtol=1e-12)


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ((LayerNorm(axis=(1, 2)), RELU, Aggregate(RNG.standard_normal((4, 4)))), (4, 2)),
        ((Resize((3, 2, 4)),), (2, 3, 2, 3)),
        ((Index(np.s_[0, ..., ::2]), RELU, Resize((5, None), "cubic")), (2, 3, 4, 3)),
        ((DotGeneral(RNG.standard_normal((2, 3)), "gd,dhw->hwg"),), (3, 2, 2, 3)),
    ],
)
def test_networks_of_finite_width_have_the_shapes_of_the_infinite_ones(layers: Any, shape: tuple[int, ...]) -> None:
    network = serial(Dense(), *layers, Dense(), RELU, Flatten(), Dense())
    x = RNG.standard_normal((2, *shape))
    finite_network = finite(network, shape, width=400, outputs=400)
    samples = [finite_network.apply(finite_network.init(np.random.default_rng(k)), x) for k in range(12)]
    nngp = np.array([np.sum(y[0] * y[1]) / 400 for y in samples])
    limit = architecture_kernels(network, x).nngp[0, 1]
    assert abs(nngp.mean() - limit) < 3 * nngp.std(ddof=1) / 12**0.5
