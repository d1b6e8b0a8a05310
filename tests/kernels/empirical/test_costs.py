"""Counted multiply-adds: by hand, by the exponents of Novak et al. 2022, and as the choice between methods."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.execution import implementations
from ntkbench.backends import open_backend
from ntkbench.kernels.empirical.costs import costs, layers_of, room, side, unknown_costs
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.ntk import empirical_ntk
from ntkbench.kernels.empirical.structured import orders
from ntkbench.networks import Activation, Conv, Dense, Finite, Flatten, LocalConv, finite, serial, to_backend

RELU = Activation("relu")


def dense(width: int, outputs: int = 1) -> Finite:
    return finite(serial(Dense(), RELU, Dense(), RELU, Dense()), (16,), width=width, outputs=outputs)


def slope(count: Any, sizes: list[int]) -> float:
    return float(np.polyfit(np.log(sizes), [math.log(count(size)) for size in sizes], 1)[0])


def test_a_dense_network_is_counted_by_hand() -> None:
    # Layers 16-8, 8-8, 8-2: forward 128 + 64 + 16, back through the last two 80, weights as forward.
    counted = costs(dense(8, 2), 3, 5)
    assert counted["contraction"] == 8 * (208 + 2 * (80 + 208)) + 15 * 4 * 208
    assert counted["vector_products"] == 8 * 208 + 5 * 2 * (80 + 208) + 15 * 2 * (80 + 208)
    pair = (16 + 4 * 8) + (8 + 4 * 8) + (8 + 4 * 2)
    assert counted["structured"] == 8 * (208 + 2 * 80) + 15 * pair


def test_a_symmetric_kernel_has_one_triangle_of_pairs() -> None:
    assert costs(dense(8), 4)["contraction"] == 4 * (200 + 72 + 200) + 10 * 200


def test_untrained_layers_cost_no_derivatives() -> None:
    network = finite(serial(Dense(trained=False), RELU, Dense(), RELU, Dense(trained=False)), (16,), width=8)
    # Forward 200, back through the last layer alone, weights of the middle one alone.
    assert costs(network, 3, 5)["contraction"] == 8 * (200 + 8 + 64) + 15 * 64


def test_a_convolution_takes_the_cheaper_of_positions_and_weights() -> None:
    for width, order in ((64, "slopes"), (2, "weights")):
        network = finite(serial(Conv((2, 2), padding="circular"), RELU, Flatten(), Dense()), (2, 2, 3), width=width)
        assert orders(network, 10, 10, Form()) == (order, "slopes")
        fan_in, weights = 12, 12 * width
        convolution = min(100 * 16 * (fan_in + width), 20 * 4 * weights + 100 * weights)
        readout = 100 * (4 * width + 1)
        forward = 4 * weights + 4 * width
        assert costs(network, 10, 10)["structured"] == 20 * (forward + 4 * width) + convolution + readout


def test_a_convolution_without_shared_weights_pairs_each_position_with_itself() -> None:
    network = finite(serial(LocalConv((2, 2), padding="circular"), RELU, Flatten(), Dense()), (2, 2, 3), width=2)
    assert orders(network, 10, 10, Form()) == ("slopes", "slopes")
    weights = 4 * 12 * 2
    assert [linear.parameters for linear in network.linear_layers] == [weights, 8]
    forward, pair = weights + 8, 4 * (12 + 2) + (8 + 1)
    assert costs(network, 10, 10)["structured"] == 20 * (forward + 8) + 100 * pair
    assert costs(network, 10, 10)["contraction"] == 20 * (forward + 8 + forward) + 100 * forward


def test_costs_grow_with_outputs_as_published() -> None:
    outputs = [2, 4, 8, 16]
    for method, expected in {"contraction": 2.0, "vector_products": 1.0}.items():
        assert slope(lambda o, m=method: costs(dense(1024, o), 1000, 1000)[m], outputs) == pytest.approx(
            expected, abs=0.05
        )


def test_costs_grow_with_width_as_published() -> None:
    widths = [256, 512, 1024, 2048]
    for method, expected, tolerance in (("contraction", 2.0, 0.05), ("structured", 1.0, 0.1)):
        grown = slope(lambda w, m=method: costs(dense(w, 8), 100_000, 100_000)[m], widths)
        assert grown == pytest.approx(expected, abs=tolerance)


def test_the_trace_saves_the_blocks_beside_the_diagonal() -> None:
    full, trace = (costs(dense(64, 10), 1000, 1000, trace=t) for t in (False, True))
    assert trace["structured"] < full["structured"] / 5
    assert trace["contraction"] < full["contraction"] / 5
    assert trace["vector_products"] == full["vector_products"]


def test_an_unknown_function_is_counted_as_a_dense_network_of_as_many_parameters() -> None:
    network = dense(2048, 4)
    parameters = sum(linear.parameters for linear in network.linear_layers)
    known, unknown = costs(network, 100, 100), unknown_costs(parameters, 100, 100, 4, Form())
    for method, count in unknown.items():
        assert count == pytest.approx(known[method], rel=0.05)


def test_tiles_are_as_large_as_the_budget_allows() -> None:
    for each, pair, budget in ((10, 4, 100_000), (5000, 1, 100_000)):
        t = side(each, pair, budget)
        assert 2 * t * each + t * t * pair <= budget < 2 * (t + 1) * each + (t + 1) ** 2 * pair
    assert side(10, 10, 1) == 1


def test_a_jacobian_takes_more_room_than_structured_derivatives() -> None:
    network = dense(512)
    contraction, structured = (
        room(layers_of(network), 1, way, 9, 9, Form())[0]
        for way in ("contraction", "structured")  # type: ignore[arg-type]
    )
    assert contraction > 50 * structured


@pytest.mark.parametrize(("width", "n"), [(1, 2), (40, 2)])
def test_the_cheapest_method_is_taken(width: int, n: int) -> None:
    backend = open_backend("torch")
    network = finite(serial(Conv((1, 1), trained=False), RELU, Flatten(), Dense()), (2, 2, 1), width=width, outputs=3)
    counted = costs(network, n, n)
    cheapest = min(counted, key=lambda method: counted[method])
    params = to_backend(network.init(np.random.default_rng(0)), backend)
    x = backend.asarray(np.random.default_rng(1).standard_normal((n, 2, 2, 1)), "float64")
    with implementations() as used:
        empirical_ntk(network, params, x, x)
    assert used == {f"{cheapest.replace('_', ' ')}, aten"}
