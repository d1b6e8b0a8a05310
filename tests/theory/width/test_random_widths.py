"""Laws of the width, and draws of ReLU networks without their weights: exact moments, and networks with weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk
from ntkbench.networks import to_backend
from ntkbench.theory import WidthLaw, draw_relu, draw_widths, relu_moments, relu_network

TWO = WidthLaw((2, 7))
SKEWED = WidthLaw((1, 3, 12), (0.25, 0.5, 0.25))


def within(samples: np.ndarray, expected: float) -> bool:
    return abs(samples.mean() - expected) < 3 * samples.std(ddof=1) / math.sqrt(len(samples))


@pytest.mark.parametrize("layers", [(64,), (3, 5, 4), (WidthLaw((20, 80)),) * 3, (SKEWED, TWO)], ids=str)
def test_draws_have_the_exact_moments(layers: tuple[Any, ...]) -> None:
    rng = np.random.default_rng(0)
    draws, moments = draw_relu(draw_widths(layers, rng, 100_000), rng), relu_moments(layers)
    assert within(draws.norms, 1.0)
    assert within(draws.norms**2, moments.norm_ratio)
    assert within(draws.ntk, moments.ntk_mean)
    assert within(draws.ntk**2, moments.ntk_second)
    # The square of the derivative by what goes into a layer has mean one.
    assert within(draws.biases, len(layers))


def test_networks_of_these_widths_have_the_law_of_the_draws() -> None:
    torch, widths, count = open_backend("torch"), (3, 6, 2), 500
    network = relu_network(widths, 4)
    assert [linear.weight_shape for linear in network.linear_layers] == [(4, 3), (3, 6), (6, 2), (2, 1)]
    x = np.random.default_rng(1).standard_normal((1, 4))
    own = torch.asarray(2.0 * x / np.linalg.norm(x), "float64")
    starts = [to_backend(network.init(np.random.default_rng(seed)), torch) for seed in range(count)]
    ntk = np.asarray([float(empirical_ntk(network, start, own, trace=True)[0, 0]) for start in starts])
    drawn = draw_relu(np.tile(widths, (100_000, 1)), np.random.default_rng(2)).ntk
    # Of two samples of one law, one in a thousand is further apart than this.
    assert ks_2samp(ntk, drawn).statistic < 1.95 / math.sqrt(count)
    assert within(ntk, 4.0)


def test_widths_are_drawn_by_their_law_layer_by_layer() -> None:
    widths = draw_widths((SKEWED, 9), np.random.default_rng(0), 40_000)
    assert widths.shape == (40_000, 2)
    assert (widths[:, 1] == 9).all()
    shares = [float(np.mean(widths[:, 0] == n)) for n in SKEWED.widths]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.01)
    assert set(np.unique(widths[:, 0])) == set(SKEWED.widths)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (((),), r"widths must be positive whole numbers, not \(\)"),
        (((0, 3),), r"widths must be positive whole numbers, not \(0, 3\)"),
        (((2.0,),), r"widths must be positive whole numbers, not \(2\.0,\)"),
        (((2, 3), (0.5,)), r"probabilities must be one for each width, and of sum one, not \(0\.5,\)"),
        (((2, 3), (0.5, 0.6)), r"probabilities must be one for each width, and of sum one, not \(0\.5, 0\.6\)"),
        (((2, 3), (1.5, -0.5)), r"probabilities must be one for each width, and of sum one, not \(1\.5, -0\.5\)"),
    ],
)
def test_laws_that_are_none_are_refused(fields: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        WidthLaw(*fields)


def test_networks_without_hidden_units_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^a network needs at least one hidden layer$"):
        relu_moments([])
    with pytest.raises(ValueError, match=r"^widths must be \(networks, layers\) of positive whole numbers, not of"):
        draw_relu(np.ones(3, dtype=np.int64), np.random.default_rng(0))
