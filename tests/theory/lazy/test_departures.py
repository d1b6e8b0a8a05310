"""How far training leads from the linear model, against linear networks, and the laws of scale and width."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.networks import Activation, Dense, finite, serial, train
from ntkbench.theory import (
    Difference,
    power_law_exponent,
    scale_departures,
    training_path,
    width_departures,
)

TANH = serial(Dense(), Activation("tanh"), Dense(), Activation("tanh"), Dense())
READOUT_ALONE = serial(Dense(trained=False), Activation("tanh"), Dense())
MOMENTS = (5, 20, 60)


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Any:
    return open_backend(request.param)


def data(library: Any) -> tuple[Any, Any, Any]:
    """Training inputs, labels and further inputs, float64."""
    rng = np.random.default_rng(0)
    arrays = (rng.standard_normal((6, 5)), rng.choice([-1.0, 1.0], 6), rng.standard_normal((3, 5)))
    return tuple(library.asarray(a, "float64") for a in arrays)  # type: ignore[return-value]


def starts(library: Any, network: Any, count: int = 1) -> list[Any]:
    rng = np.random.default_rng(1)
    return [network.init(rng, lambda a: library.asarray(a, "float64")) for _ in range(count)]


def test_a_path_passes_through_what_one_training_ends_at(library: Any) -> None:
    x, y, probe = data(library)
    network = finite(TANH, (5,), width=8)
    (start,) = starts(library, network)
    *_, (last, outputs) = training_path(network, start, x, y, moments=MOMENTS, rate=0.05, probe=probe)
    whole = train(network, start, x, y, steps=60, rate=0.05)
    np.testing.assert_allclose(outputs, library.to_numpy(network.apply(whole.params, probe))[:, 0], rtol=1e-12)
    for one, other in zip(last, whole.params, strict=True):
        np.testing.assert_allclose(library.to_numpy(one["weight"]), library.to_numpy(other["weight"]), rtol=1e-12)


def test_a_path_that_diverges_says_so(library: Any) -> None:
    x, y, _ = data(library)
    network = finite(READOUT_ALONE, (5,), width=8)
    (start,) = starts(library, network)
    with pytest.raises(ValueError, match="training diverges by step 20: the rate 50 is too large"):
        list(training_path(network, start, x, y, moments=(20, 50), rate=50.0, probe=x))


def test_a_network_that_is_linear_does_not_depart(library: Any) -> None:
    x, y, probe = data(library)
    network = finite(READOUT_ALONE, (5,), width=8)
    begins = starts(library, network, 2)
    found = scale_departures(network, begins[0], x, y, [1.0, 8.0], moments=MOMENTS, rate=0.1)
    assert found.travel[0] == pytest.approx(8.0 * found.travel[1], rel=1e-10)
    assert max(*found.weight_gap, *found.output_gap) < 1e-11
    of_width = width_departures([network], [begins], x, y, moments=MOMENTS, rate=0.1, probe=probe)
    assert max(of_width.output_gap[0], of_width.kernel[0], of_width.layers[0, 0]) < 1e-11
    moves = []
    for begin in begins:
        goal = y + network.apply(begin, x)[:, 0]
        steps = training_path(network, begin, x, goal, moments=MOMENTS, rate=0.1, probe=probe)
        path = [library.to_numpy(params[1]["weight"]) for params, _ in steps]
        before = library.to_numpy(begin[1]["weight"])
        moves.append(max(np.linalg.norm(now - before) for now in path) / np.linalg.norm(before))
    assert of_width.layers[1, 0] == pytest.approx(np.mean(moves), rel=1e-12)


@pytest.mark.parametrize(("antisymmetric", "outputs"), [(False, -1.0), (True, -2.0)])
def test_departures_fall_with_the_scale_by_the_powers_of_the_theorem(
    library: Any, antisymmetric: bool, outputs: float
) -> None:
    x, y, _ = data(library)
    network = finite(TANH, (5,), width=16)
    (start,) = starts(library, network)
    model: Any = Difference(network) if antisymmetric else network
    begin = model.doubled(start) if antisymmetric else start
    scales = [16.0, 32.0, 64.0]
    found = scale_departures(model, begin, x, y, scales, moments=MOMENTS, rate=0.1)
    slopes = [power_law_exponent(scales, values) for values in found]
    np.testing.assert_allclose(slopes, [-1.0, -2.0, outputs], atol=0.03)


def test_departures_fall_with_the_width(library: Any) -> None:
    x, y, probe = data(library)
    widths = [64, 256, 1024]
    networks = [finite(TANH, (5,), width=width) for width in widths]
    begins = [starts(library, network, 2) for network in networks]
    found = width_departures(networks, begins, x, y, moments=MOMENTS, rate=0.1, probe=probe)
    first, middle, last = (power_law_exponent(widths, layer) for layer in found.layers)
    assert (first, middle, last) == (
        pytest.approx(-0.5, abs=0.1),
        pytest.approx(-1, abs=0.12),
        pytest.approx(-0.5, abs=0.1),
    )
    # The theorem bounds them from above; they are seen to fall faster.
    assert power_law_exponent(widths, found.output_gap) < -0.45
    assert power_law_exponent(widths, found.kernel) < -0.45
