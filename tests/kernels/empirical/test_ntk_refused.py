"""Empirical kernels: what makes no sense is refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels.empirical.ntk import empirical_ntk, empirical_ntk_product
from ntkbench.networks import Activation, Dense, finite, serial, to_backend

NETWORK = finite(
    serial(Dense(2.0, 0.5), Activation("tanh"), Dense(1.5), Activation("relu"), Dense()), (4,), width=5, outputs=2
)


@pytest.fixture(scope="module", params=["jax", "torch"])
def differentiating(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def drawn() -> tuple[Any, np.ndarray]:
    """Parameters, and two inputs."""
    rng = np.random.default_rng(0)
    return NETWORK.init(rng), rng.standard_normal((2, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, x: empirical_ntk(NETWORK, p, x, method="structure"), "did you mean 'structured'"),
        (
            lambda p, x: empirical_ntk(NETWORK, p, x, diagonal="output"),
            "diagonal must be one of outputs, inputs or None",
        ),
        (
            lambda p, x: empirical_ntk(NETWORK, p, x, trace=True, diagonal="outputs"),
            "trace is the mean of the diagonal",
        ),
        (lambda p, x: empirical_ntk(NETWORK, p, x, x[:1], diagonal="inputs"), "as many of x1 as of x2, not 2 and 1"),
        (lambda p, x: empirical_ntk(NETWORK, p, x, outputs=[0, 2]), "outputs must be from 0 to 1, not 2"),
        (lambda p, x: empirical_ntk(NETWORK, p, x, outputs=[-1]), "outputs must be from 0 to 1, not -1"),
        (lambda p, x: empirical_ntk(NETWORK, p, x, outputs=1), r"outputs must be a list .* such as \[0, 2\], not 1"),
        (lambda p, x: empirical_ntk(NETWORK, p, x, outputs=[0.5]), r"outputs must be a list .* not \[0.5\]"),
        (lambda p, x: empirical_ntk(NETWORK, p, x, outputs=[]), "outputs must be at least one number, each once"),
        (lambda p, x: empirical_ntk(NETWORK, p, x, outputs=[1, 1]), "each once, not \\[1, 1\\]"),
        (lambda p, x: empirical_ntk(lambda q, y: y.sum(), p, x), r"must give \(n, O\) for n inputs, not \(\) for one"),
        (lambda p, x: empirical_ntk(lambda q, y: (y, y), p, x), r"apply gives a tuple of 2, not one array \(n, O\)"),
        (lambda p, x: empirical_ntk(NETWORK, p, x[:, :0]), r"at least one number each, not \(2, 0\)"),
        (lambda p, x: empirical_ntk(NETWORK, p, x, x[:, :3]), r"agree in all but their number: \(2, 4\), \(2, 3\)"),
        (lambda p, x: empirical_ntk(NETWORK, p[:2], x), "3 linear layers, not for 2"),
        (lambda p, x: empirical_ntk_product(NETWORK, p, x, None, x), r"v must be of \(2, 2\)"),
    ],
)
def test_what_makes_no_sense_is_refused(differentiating: Backend, call: Any, message: str) -> None:
    params, x = (to_backend(value, differentiating) for value in drawn())
    with pytest.raises(ValueError, match=message):
        call(params, x)


def test_one_dtype_is_asked_for(differentiating: Backend) -> None:
    params, x = drawn()
    with pytest.raises(ValueError, match="all be float32 or all float64, not float32, float64"):
        empirical_ntk(NETWORK, to_backend(params, differentiating, "float32"), differentiating.asarray(x, "float64"))


def test_numpy_has_no_derivatives() -> None:
    params, x = drawn()
    with pytest.raises(TypeError, match="arrays of type ndarray have not"):
        empirical_ntk(NETWORK, params, x)
