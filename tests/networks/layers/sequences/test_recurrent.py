"""The recurrent layer: states that feed back, their covariance by backpropagation through time, and wide networks."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import architecture_kernels, empirical_ntk
from ntkbench.networks import (
    Activation,
    Dense,
    Flatten,
    GlobalAvgPool,
    Recurrent,
    finite,
    serial,
    to_backend,
)
from ntkbench.networks.layers.layer import Units

SEQUENCES = np.random.default_rng(0).standard_normal((3, 4, 2))
W, U, B = 1.1, 1.4, 0.5
METHODS: tuple[Any, Any] = ("contraction", "structured")


def erf_dual(c: float, v1: float, v2: float) -> tuple[float, float]:
    """E[erf(u) erf(v)], E[erf'(u) erf'(v)] (Williams 1997)."""
    value = 2 / math.pi * math.asin(2 * c / math.sqrt((1 + 2 * v1) * (1 + 2 * v2)))
    return value, 4 / math.pi / math.sqrt((1 + 2 * v1) * (1 + 2 * v2) - 4 * c * c)


def by_backpropagation(x: np.ndarray, z: np.ndarray, pooled: bool) -> float:
    """The NTK of mean states (or of all, one readout for each) by covariances of gradients, backwards in time."""
    times = range(len(x))
    fed = {name: U**2 * a @ b.T / x.shape[1] + B**2 for name, a, b in (("xx", x, x), ("zz", z, z), ("xz", x, z))}
    variance = {}
    for name in ("xx", "zz"):
        state = 0.0
        for t in times:
            variance[name[0], t] = fed[name][t, t] + W**2 * state
            state = erf_dual(variance[name[0], t], variance[name[0], t], variance[name[0], t])[0]
    states, slopes = np.zeros((2, len(x), len(x)))
    before = np.zeros((len(x), len(x)))
    for t, r in itertools.product(times, times):
        before[t, r] = fed["xz"][t, r] + (W**2 * states[t - 1, r - 1] if min(t, r) else 0.0)
        states[t, r], slopes[t, r] = erf_dual(before[t, r], variance["x", t], variance["z", r])
    gradients = np.zeros((len(x) + 1, len(x) + 1))
    for t, r in itertools.product(reversed(times), reversed(times)):
        read = 1.0 if pooled or t == r else 0.0
        gradients[t, r] = slopes[t, r] * (read + W**2 * gradients[t + 1, r + 1])
    through = np.sum(gradients[:-1, :-1] * before)
    return float((np.sum(states) + through) / len(x) ** 2 if pooled else (np.trace(states) + through) / len(x))


@pytest.mark.parametrize("pooled", [True, False])
def test_kernels_are_those_of_backpropagation_through_time(pooled: bool, backend: Backend) -> None:
    architecture = serial(Recurrent(w_std=W, input_std=U, b_std=B), GlobalAvgPool() if pooled else Flatten(), Dense())
    ntk = backend.to_numpy(architecture_kernels(architecture, backend.asarray(SEQUENCES, "float64")).ntk)
    expected = [[by_backpropagation(x, z, pooled) for z in SEQUENCES] for x in SEQUENCES]
    np.testing.assert_allclose(ntk, expected, rtol=1e-12)


def test_a_network_is_its_loop() -> None:
    network = finite(serial(Recurrent(Activation("relu"), W, U, B), Flatten()), (4, 2), width=3, outputs=3)
    params = network.init(np.random.default_rng(1))
    inputs, states = params[0], params[1]["weight"]
    state, expected = np.zeros((3, 3)), []
    for t in range(4):
        fed = U / math.sqrt(2) * SEQUENCES[:, t] @ inputs["weight"] + B * inputs["bias"]
        state = np.maximum(W / math.sqrt(3) * state @ states + fed, 0)
        expected.append(state)
    np.testing.assert_allclose(network.apply(params, SEQUENCES), np.concatenate(expected, axis=1), rtol=1e-13)


@pytest.mark.parametrize(("name", "trained"), [("jax", True), ("torch", True), ("torch", False)])
def test_structured_derivatives_are_the_others(name: str, trained: bool) -> None:
    backend = open_backend(name)
    layers = serial(Recurrent(b_std=B, trained=trained), Dense(), Recurrent(), GlobalAvgPool(), Dense())
    network = finite(layers, (4, 2), width=5, outputs=2)
    params = to_backend(network.init(np.random.default_rng(1)), backend)
    x = backend.asarray(SEQUENCES, "float64")
    contracted, structured = (backend.to_numpy(empirical_ntk(network, params, x, method=method)) for method in METHODS)
    np.testing.assert_allclose(structured, contracted, rtol=1e-11)


def test_the_order_of_time_matters() -> None:
    architecture = serial(Recurrent(w_std=W), GlobalAvgPool(), Dense())
    one, other = (architecture_kernels(architecture, x).nngp for x in (SEQUENCES, SEQUENCES[:, ::-1].copy()))
    assert np.abs(one / other - 1).max() > 1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "erf"}, "activation must be an Activation, as in Activation\\(\"erf\"\\), not 'erf'"),
        ({"activation": Activation(np.tanh)}, "a recurrent layer needs an activation with a name"),
        ({"w_std": 0.0}, "w_std must be positive, not 0.0"),
        ({"input_std": math.nan}, "input_std must be positive, not nan"),
        ({"b_std": -1.0}, "b_std must not be negative, not -1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recurrent(**arguments)


def test_images_are_no_sequences() -> None:
    with pytest.raises(ValueError, match=r"Recurrent needs sequences \(T, C\), not inputs of shape \(2, 2, 3\)"):
        Recurrent().output_shape((2, 2, 3), Units(4, 4))
    with pytest.raises(ValueError, match=r"layer 1 \(Recurrent\) needs sequences \(n, T, C\), not 2 x 2 x 3 input"):
        architecture_kernels(serial(Recurrent(), Flatten(), Dense()), np.zeros((1, 2, 2, 3)))
