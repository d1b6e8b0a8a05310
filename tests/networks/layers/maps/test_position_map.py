"""Every linear map of positions: its kernels are those of its matrix on both sides, by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    Aggregate,
    Dense,
    DotGeneral,
    Flatten,
    GlobalAvgPool,
    Index,
    Layer,
    Resize,
    Serial,
    serial,
)
from ntkbench.networks.layers.layer import Units
from ntkbench.networks.layers.linear import Linear

RNG = np.random.default_rng(3)
LAYERS = [
    Aggregate(RNG.standard_normal((3, 4, 3, 4))),
    Aggregate(RNG.standard_normal((4, 4)), axis=2),
    Aggregate(RNG.standard_normal((4, 3, 4, 3)), axis=(2, 1)),
    DotGeneral(RNG.standard_normal((5, 3)), "gh,hw->wg"),
    DotGeneral(RNG.standard_normal((3, 4)), "hw,hw->hw"),
    DotGeneral(RNG.standard_normal((3, 4)), "hw,hw->"),
    DotGeneral(RNG.standard_normal((4, 3, 2)), "whg,hw->gw"),
    DotGeneral(-1.5, ",hw->wh"),
    Index(np.s_[::-1, 1:]),
    Index((2, -1)),
    Resize((5, 3)),
    Resize((2, 7), "cubic"),
    Resize((None, 2), "lanczos5", antialias=False),
    Resize((4, 3), "nearest"),
]
X = RNG.standard_normal((4, 3, 4, 5))


def matrix(layer: Layer) -> np.ndarray:
    """What comes out of each position alone: (positions after, 12)."""
    ones = np.eye(12).reshape(12, 3, 4, 1)
    return layer.forward(ones, lambda h: h).reshape(12, -1).T


def dense(nngp: np.ndarray, ntk: np.ndarray, w_std: float, b_std: float) -> tuple[np.ndarray, np.ndarray]:
    nngp = w_std**2 * nngp + b_std**2
    return nngp, nngp + w_std**2 * ntk


def relu(nngp: np.ndarray, ntk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = np.sqrt(np.outer(np.diag(nngp), np.diag(nngp)))
    correlation = np.clip(nngp / scale, -1, 1)
    np.fill_diagonal(correlation, 1)
    angle = np.arccos(correlation)
    product = scale * (np.sqrt(1 - correlation**2) + (math.pi - angle) * correlation) / (2 * math.pi)
    return product, ntk * (math.pi - angle) / (2 * math.pi)


def by_brute_force(layer: Layer, mean: bool) -> tuple[np.ndarray, np.ndarray]:
    """All positions of all inputs in one matrix."""
    n, points = len(X), X.reshape(-1, X.shape[-1])
    nngp = points @ points.T / points.shape[1]
    kernels = relu(*dense(nngp, np.zeros_like(nngp), 1.3, 0.2))
    every = np.kron(np.eye(n), matrix(layer))
    nngp, ntk = (every @ kernel @ every.T for kernel in kernels)
    kernels = relu(*dense(nngp, ntk, 1.1, 0.3))
    positions = len(every) // n
    shares = np.full((positions, positions), positions**-2.0) if mean else np.eye(positions) / positions
    nngp, ntk = (np.einsum("ipjq,pq->ij", kernel.reshape(n, positions, n, positions), shares) for kernel in kernels)
    return dense(nngp, ntk, 1.0, 0.0)


@pytest.mark.parametrize("end", [Flatten(), GlobalAvgPool()])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_kernels_are_those_of_the_matrix_on_both_sides(layer: Layer, end: Layer) -> None:
    ends = (end,) if len(layer.output_shape((3, 4, 1), Units(1, 1))) == 3 else ()
    network = serial(Dense(1.3, 0.2), Activation("relu"), layer, Dense(1.1, 0.3), Activation("relu"), *ends, Dense())
    whole, block = architecture_kernels(network, X), architecture_kernels(network, X[:2], X[2:])
    for actual, part, expected in zip(whole, block, by_brute_force(layer, isinstance(end, GlobalAvgPool)), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-7)
        apart = ~np.eye(len(X), dtype=bool)
        np.testing.assert_allclose(actual[apart], expected[apart], rtol=1e-12)
        np.testing.assert_allclose(part, expected[:2, 2:], rtol=1e-12)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_pairs_of_positions_are_made_only_for_sums(layer: Layer) -> None:
    several = (np.count_nonzero(matrix(layer), axis=1) > 1).any()
    assert serial(layer, Flatten()).all_pairs_before(False) == several


def test_images_of_more_positions_than_the_inputs_have_go_in_smaller_tiles() -> None:
    x = np.random.default_rng(0).standard_normal((3, 2, 2, 1))
    large = serial(Resize((10**4, 10**4)), Flatten(), Dense())
    with pytest.raises(MemoryError, match="of working memory, and"):
        architecture_kernels(large, x)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Resize((2,)),), r"layer 1 \(Resize\): size is for 1 axes of positions, and there are 2"),
        ((Flatten(), Resize((2, 2))), r"layer 2 \(Resize\): size is for 2 axes of positions, and there are 0"),
        ((Index((0, 0, 0)),), r"layer 1 \(Index\): the index is for 3 axes of positions, and there are 2"),
        ((Index(3),), r"layer 1 \(Index\): position 3 does not exist along an axis of 3"),
        ((Index(np.s_[:, 4:]),), r"layer 1 \(Index\): the slice 4:: of 4 positions is empty"),
        ((DotGeneral(1.0, ",h->h"),), r"layer 1 \(DotGeneral\): ',h->h' is for 1 axes of positions, and there are 2"),
        ((DotGeneral([1.0, 2.0], "h,hw->w"),), r"\(DotGeneral\): 'h' is 2 in the constant, and 3 before the layer"),
        (
            (Aggregate(np.eye(3)),),
            r"\(Aggregate\): the pattern is for nodes \(3,\) along axis \(1,\), and the positions",
        ),
        ((Aggregate(np.eye(3), axis=2),), r"the pattern is for nodes \(3,\) along axis \(2,\), and the positions are"),
        ((Aggregate(np.eye(3), axis=3),), r"the pattern is for nodes \(3,\) along axis \(3,\), and the positions are"),
    ],
)
def test_maps_that_do_not_fit_are_refused_by_name(layers: tuple[Layer, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        architecture_kernels(Serial((*layers, Flatten(), Dense())), X)


def test_networks_of_finite_width_refuse_them_too() -> None:
    with pytest.raises(ValueError, match="Resize: size is for 1 axes of positions, and there are 2"):
        Resize((2,)).output_shape((3, 4, 5), Units(1, 1))


def test_maps_have_no_weights() -> None:
    linear: tuple[Linear, ...] = Resize((2, 2)).linear_layers((3, 4, 5), Units(1, 1))
    assert linear == ()
