"""A network in first order against its own derivatives and the closed form, and the start whose outputs are zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk
from ntkbench.networks import Activation, Dense, finite, merge, serial, train
from ntkbench.theory import Difference, Linearised, gradient_descent

NETWORK = finite(
    serial(Dense(1.5), Activation("tanh"), Dense(trained=False), Activation("tanh"), Dense()), (4,), width=6
)


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Any:
    return open_backend(request.param)


def drawn(library: Any, network: Any = NETWORK, seed: int = 0) -> tuple[Any, Any, Any]:
    """Parameters, inputs and labels in float64."""
    rng = np.random.default_rng(seed)

    def double(a: Any) -> Any:
        return library.asarray(a, "float64")

    return network.init(rng, double), double(rng.standard_normal((5, 4))), double(rng.standard_normal(5))


def kernel(library: Any, model: Any, params: Any, x: Any) -> Any:
    """The NTK of what a model trains."""
    trained, fixed = model.split(params)
    return library.to_numpy(empirical_ntk(lambda w, x: model.apply(merge(w, fixed), x), trained, x, trace=True))


def test_it_is_the_network_at_the_start_and_its_derivative_beyond(library: Any) -> None:
    start, x, _ = drawn(library)
    aside, _, _ = drawn(library, seed=1)
    trained = [bool(part) for part in NETWORK.split(start)[0]]
    model, small = Linearised(NETWORK), 1e-4

    def moved(step: float) -> Any:
        """The parameters a step aside, in the layers that are trained."""
        pairs = zip(start, aside, trained, strict=True)
        return tuple({"weight": w["weight"] + (step * v["weight"] if t else 0.0)} for w, v, t in pairs)

    def at(params: Any) -> Any:
        return library.to_numpy(NETWORK.apply(params, x))

    around = model.around(start)
    np.testing.assert_allclose(library.to_numpy(model.apply(around, x)), at(start), rtol=1e-14)
    slope = (at(moved(small)) - at(moved(-small))) / (2 * small)
    far = library.to_numpy(model.apply((*moved(3.0), *start), x))
    np.testing.assert_allclose(far, at(start) + 3.0 * slope, rtol=1e-6, atol=1e-7)
    assert model.output_size == 1


def test_trained_by_steps_it_follows_the_closed_form_of_its_kernel(library: Any) -> None:
    start, x, y = drawn(library)
    model = Linearised(NETWORK)
    k = library.to_numpy(empirical_ntk(NETWORK, start, x, trace=True))
    np.testing.assert_allclose(kernel(library, model, model.around(start), x), k, rtol=1e-12)
    rate, f0 = 1.0 / np.linalg.eigvalsh(k)[-1], library.to_numpy(NETWORK.apply(start, x))[:, 0]
    run = train(model, model.around(start), x, y, steps=40, rate=rate, probe=x, record=(3, 40))
    closed = gradient_descent(k, library.to_numpy(y), k, (3, 40), rate=rate, f0_train=f0, f0_test=f0)
    np.testing.assert_allclose(run.outputs, closed.test, rtol=1e-10, atol=1e-12)
    for kept, first in zip(run.params[3:], start, strict=True):
        np.testing.assert_array_equal(library.to_numpy(kept["weight"]), library.to_numpy(first["weight"]))
    assert not np.array_equal(library.to_numpy(run.params[0]["weight"]), library.to_numpy(start[0]["weight"]))
    np.testing.assert_array_equal(library.to_numpy(run.params[1]["weight"]), library.to_numpy(start[1]["weight"]))


def test_a_difference_starts_at_zero_with_the_kernel_of_the_network(library: Any) -> None:
    start, x, _ = drawn(library)
    pair = Difference(NETWORK)
    params = pair.doubled(start)
    np.testing.assert_array_equal(library.to_numpy(pair.apply(params, x)), 0.0)
    expected = library.to_numpy(empirical_ntk(NETWORK, start, x, trace=True))
    np.testing.assert_allclose(kernel(library, pair, params, x), expected, rtol=1e-12)


def test_parameters_of_one_network_alone_do_not_fit(library: Any) -> None:
    start, x, _ = drawn(library)
    for model in (Linearised(NETWORK), Difference(NETWORK)):
        with pytest.raises(ValueError, match="twice, an even number of dicts, not 3"):
            model.check(start, x)
        with pytest.raises(ValueError, match="inputs must be"):
            model.check((*start, *start), x[:, :2])
