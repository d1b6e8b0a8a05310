"""Stacks of ReLU networks against the empirical NTK, its differences, and exact moments."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk
from ntkbench.networks import Activation, Dense, finite, serial
from ntkbench.theory import (
    draw_stack,
    draw_widths,
    estimate,
    first_movement,
    layer_kernels,
    point_kernels,
    relu_moments,
    sampled,
    sampled_layers,
)

X = np.random.default_rng(0).standard_normal((5, 3))
WIDTHS = (4, 6)


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Any:
    return open_backend(request.param)


def network(*, trained: int | None = None, outputs: int = 1, inputs: int = 3) -> Any:
    """Of hidden layers of `WIDTHS`; `trained`: the one layer that is."""
    layers = []
    for place, n in enumerate(WIDTHS):
        layers += [Dense(2**0.5, width=n, trained=trained in (None, place)), Activation("relu")]
    return finite(serial(*layers, Dense(trained=trained in (None, len(WIDTHS)))), (inputs,), width=1, outputs=outputs)


def double(library: Any) -> Any:
    return lambda a: library.asarray(a, "float64")


def stack_of(count: int, asarray: Any = None, **sizes: int) -> Any:
    return draw_stack(np.tile(WIDTHS, (count, 1)), np.random.default_rng(1), asarray=asarray, **sizes)


def as_parameters(stack: Any, which: int, asarray: Any) -> Any:
    """One network's weights, (fan-in, units) as layers have them."""
    return tuple({"weight": asarray(np.asarray(w)[which].T)} for w in stack.weights)


def test_layers_add_what_the_empirical_ntk_says(library: Any) -> None:
    asarray = double(library)
    weights, scales = stack_of(2, asarray, inputs=3)
    found = library.to_numpy(layer_kernels(weights, scales, asarray(X / 3**0.5)))
    assert found.shape == (2, 3, 5, 5)
    params = as_parameters(stack_of(2, inputs=3), 1, asarray)
    for layer in range(3):
        expected = empirical_ntk(network(trained=layer), params, asarray(X), trace=True)
        np.testing.assert_allclose(found[1, layer], library.to_numpy(expected), rtol=1e-12, atol=1e-12)


def test_the_block_is_that_between_two_outputs(library: Any) -> None:
    asarray = double(library)
    found = point_kernels(*stack_of(3, asarray, outputs=2))
    for which in range(3):
        params = as_parameters(stack_of(3, outputs=2), which, asarray)
        ntk = library.to_numpy(empirical_ntk(network(outputs=2, inputs=1), params, asarray(np.ones((1, 1)))))[0, 0]
        assert library.to_numpy(found.ntk)[which] == pytest.approx(ntk[0, 0], rel=1e-12)
        assert library.to_numpy(found.block)[which] == pytest.approx(ntk[0, 1], rel=1e-12, abs=1e-14)


def test_the_first_movement_is_that_of_a_small_step(library: Any) -> None:
    asarray, rate = double(library), 1e-6
    stack = stack_of(4)
    found = first_movement(*stack_of(4, asarray))
    outputs, movements = (library.to_numpy(values) for values in found)

    def ntk_and_slope(weights: list[np.ndarray]) -> tuple[float, float, list[np.ndarray]]:
        h, features, slopes = np.ones(1), [np.ones(1)], []
        for g, n in zip(weights[:-1], WIDTHS, strict=True):
            z = g @ h
            slopes.append((2 / n) ** 0.5 * (z > 0))
            h = slopes[-1] * z
            features.append(h)
        back, by_layer = weights[-1][0], []
        for g, slope in zip(reversed(weights[:-1]), reversed(slopes), strict=True):
            by_layer.append(slope * back)
            back = by_layer[-1] @ g
        slope_of = [np.outer(b, f) for b, f in zip(reversed(by_layer), features, strict=False)] + [h[None, :]]
        return float(weights[-1][0] @ h), sum(float((s**2).sum()) for s in slope_of), slope_of

    for which in range(4):
        weights = [np.asarray(w)[which] for w in stack.weights]
        f, _, slope = ntk_and_slope(weights)
        # Gradient descent on (1/2) f^2, and back: central differences.
        after, ahead = (
            ntk_and_slope([w - sign * rate * f * s for w, s in zip(weights, slope, strict=True)])[1]
            for sign in (1.0, -1.0)
        )
        assert movements[which] == pytest.approx((ahead - after) / (2 * rate), rel=1e-6, abs=1e-8)
        assert outputs[which] == pytest.approx(f, rel=1e-12)


def test_networks_of_width_one_move_as_enumeration_says() -> None:
    # f is a product of weights w and of a = sqrt(2) or 0, so f grad f . grad K = 2 f^4 times the sum over pairs of
    # different layers of 1 / (w_i w_j)^2, with E a^4 w^4 = 6, E a^4 w^2 = 2; E v^4 = 3, E v^2 = 1.
    layers = 2
    exact = Fraction(0)
    for one, other in itertools.permutations(range(layers + 1), 2):
        term = Fraction(2)
        for layer in range(layers):
            term *= 2 if layer in (one, other) else 6
        exact += term * (1 if layers in (one, other) else 3)
    stack = draw_stack(np.ones((400_000, layers), dtype=np.int64), np.random.default_rng(2))
    assert estimate(first_movement(*stack).movement).score(float(exact)) < 3


@pytest.mark.parametrize("widths", [(64,), (3, 5, 4)], ids=str)
def test_stacks_have_the_exact_moments(widths: tuple[int, ...]) -> None:
    rng, exact = np.random.default_rng(3), relu_moments(widths)
    stack = draw_stack(draw_widths(widths, rng, 50_000), rng, outputs=2)
    found = point_kernels(*stack)
    assert estimate(found.norms).score(1.0) < 3
    assert estimate(found.norms**2).score(exact.norm_ratio) < 3
    assert estimate(found.ntk).score(exact.ntk_mean) < 3
    assert estimate(found.ntk**2).score(exact.ntk_second) < 3
    assert estimate(found.block).score(0.0) < 3
    assert estimate(found.block**2).score(exact.block_second) < 3
    if len(widths) == 1:
        assert exact.block_second == 2 / widths[0]
        assert estimate(first_movement(*stack).movement).score(8 / widths[0]) < 3


def test_a_narrower_network_is_not_touched_by_its_neighbours() -> None:
    rng = np.random.default_rng(4)
    mixed = draw_stack(np.array([[2, 5], [4, 3]]), rng, inputs=3)
    assert [w.shape for w in mixed.weights] == [(2, 4, 3), (2, 5, 4), (2, 1, 5)]
    alone = tuple(w[:1, :n, :k] for w, n, k in zip(mixed.weights, (2, 5, 1), (3, 2, 5), strict=True))
    x = X / 3**0.5
    np.testing.assert_allclose(
        layer_kernels(*mixed, x)[0], layer_kernels(alone, mixed.scales[:1], x)[0], rtol=1e-13, atol=1e-13
    )
    assert mixed.scales[0] == pytest.approx([1.0, math.sqrt(0.4)])


def test_parts_of_many_networks_are_put_together(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntkbench.theory.width.stacks._PART", 100)
    widths, seen = np.array([[2, 3], [4, 1], [3, 3]]), []
    found = sampled(
        point_kernels, widths, np.random.default_rng(5), double(library), progress=lambda *at: seen.append(at)
    )
    # 4 + 4 * 3 + 3 = 19 weights each: parts of 3; with 40 of them parts of 2, the last filled up by the first network.
    assert seen == [(3, 3)]
    stack = draw_stack(widths, np.random.default_rng(5))
    np.testing.assert_allclose(found, point_kernels(*stack), rtol=1e-12, atol=1e-13)
    monkeypatch.setattr("ntkbench.theory.width.stacks._PART", 40)
    rng = np.random.default_rng(5)
    parts = [point_kernels(*draw_stack(widths[rows], rng, most=(4, 3))) for rows in ([0, 1], [2, 0])]
    expected = [np.concatenate(values)[:3] for values in zip(*parts, strict=True)]
    again = sampled(point_kernels, widths, np.random.default_rng(5), double(library))
    np.testing.assert_allclose(again, expected, rtol=1e-12, atol=1e-13)
    asarray, x = double(library), X / 3**0.5
    layers = sampled_layers(widths, asarray(x), np.random.default_rng(5), asarray)
    rng = np.random.default_rng(5)
    alone = [layer_kernels(*draw_stack(widths[[k]], rng, inputs=3, most=(4, 3)), x) for k in range(3)]
    np.testing.assert_allclose(layers, np.concatenate(alone), rtol=1e-12, atol=1e-13)


def test_widths_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^widths must be \(networks, layers\) of positive whole numbers, not of"):
        draw_stack(np.zeros((2, 2), dtype=np.int64), np.random.default_rng(0))
