"""Training by a rule of descent: NumPy's steps, the kernel's descents, torch's own optimiser, and derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk
from ntkbench.networks import Activation, Dense, finite, serial, to_backend
from ntkbench.theory import (
    Adam,
    FirstOutput,
    Rule,
    antisymmetric,
    descend,
    gradient_features,
    kernel_descents,
    linear,
    tuned_rule,
)

RULES: dict[str, Any] = {
    "gradient": Rule(0.05), "heavy ball": Rule(0.05, 0.7), "nesterov": Rule(0.05, 0.7, nesterov=True),
    "vanishing": Rule(0.05, None, nesterov=True), "exact": Rule(1.0, search="exact"),
}  # fmt: skip


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Any:
    return open_backend(request.param)


def problem() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((4, 7)), rng.choice([-1.0, 1.0], 4)


@pytest.mark.parametrize("name", RULES)
def test_a_linear_function_descends_as_its_kernel(library: Any, name: str) -> None:
    features, y = problem()
    x, targets = (library.asarray(a, "float64") for a in (features, y))
    start, twice = library.asarray(np.zeros(7), "float64"), library.asarray(2.0 * features[:3], "float64")
    found = descend(x, targets, linear, start, RULES[name], steps=20, probe=twice)
    k = library.asarray(features @ features.T, "float64")
    wanted = kernel_descents(k, [0.0], -y[None], [RULES[name]], steps=20)[:, 0]
    np.testing.assert_allclose(np.linalg.norm(found.outputs - y, axis=1), wanted, rtol=1e-10)
    np.testing.assert_allclose(features @ library.to_numpy(found.params), found.outputs[-1], rtol=1e-12)
    np.testing.assert_allclose(found.probe, 2.0 * found.outputs[-1, :3], rtol=1e-12)


def test_adam_is_that_of_torch(library: Any) -> None:
    features, y = problem()
    start = np.random.default_rng(1).standard_normal(7)
    x, targets, params = (library.asarray(a, "float64") for a in (features, y, start))
    found = descend(x, targets, linear, params, Adam(0.05), steps=30)
    w = torch.tensor(start, requires_grad=True)
    optimiser = torch.optim.Adam([w], lr=0.05)
    for _ in range(30):
        optimiser.zero_grad()
        loss = 0.5 * ((torch.tensor(features) @ w - torch.tensor(y)) ** 2).sum()
        loss.backward()
        optimiser.step()
    np.testing.assert_allclose(library.to_numpy(found.params), w.detach().numpy(), rtol=1e-9)


def test_logistic_slopes_and_picks_are_what_they_say(library: Any) -> None:
    features, y = problem()
    picks = np.array([[0, 2], [3, 1], [2, 2]])
    x, targets, params = (library.asarray(a, "float64") for a in (features, y, np.zeros(7)))
    found = descend(x, targets, linear, params, Rule(0.3), steps=3, loss="logistic", picks=picks)
    w = np.zeros(7)
    assert found.outputs.shape == (4, 4)
    for chosen in picks:
        w = w + 0.3 * sum(y[i] / (1 + np.exp(y[i] * features[i] @ w)) * features[i] for i in chosen)
    np.testing.assert_allclose(library.to_numpy(found.params), w, rtol=1e-12)


@pytest.mark.parametrize("method", ["gradient", "heavy_ball", "nesterov"])
def test_a_network_whose_readout_alone_counts_descends_as_its_kernel(library: Any, method: Any) -> None:
    # A single dense layer: linear in its parameters, which come as nested dicts.
    network, rng = finite(serial(Dense(2**0.5, 0.3)), (3,), width=1), np.random.default_rng(0)
    params = to_backend(network.init(rng), library, "float64")
    x, y = (library.asarray(a, "float64") for a in (rng.standard_normal((4, 3)), rng.standard_normal(4)))
    k = library.to_numpy(empirical_ntk(network, params, x, trace=True))
    values = np.linalg.eigvalsh(k)
    rule = tuned_rule(method, values[-1], values[0])
    found = descend(x, y, FirstOutput(network), params, rule, steps=40).outputs - library.to_numpy(y)
    wanted = kernel_descents(library.asarray(k, "float64"), [0.0], found[:1], [rule], steps=40)[:, 0]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), wanted, rtol=1e-8)


def test_single_precision_stays_single_and_follows_the_double(library: Any) -> None:
    network, rng = finite(serial(Dense(2**0.5), Activation("erf"), Dense()), (3,), width=20), np.random.default_rng(0)
    params, x, y = network.init(rng), rng.standard_normal((4, 3)), rng.standard_normal(4)
    found = {}
    for dtype in ("float32", "float64"):
        given = (library.asarray(a, dtype) for a in (x, y))
        run = descend(*given, FirstOutput(network), to_backend(params, library, dtype), Rule(0.1, 0.5), steps=12)
        assert str(run.params[0]["weight"].dtype).endswith(dtype)
        found[dtype] = run.outputs
    np.testing.assert_allclose(found["float32"], found["float64"], atol=1e-5)


def test_what_a_rule_cannot_do_is_named(library: Any) -> None:
    features, y = problem()
    x, targets, params = (library.asarray(a, "float64") for a in (features, y, np.zeros(7)))
    with pytest.raises(ValueError, match=r"^halving is for kernels alone: use kernel_descents$"):
        descend(x, targets, linear, params, Rule(1.0, search="armijo"), steps=2)
    with pytest.raises(ValueError, match=r"^exact line search needs the squared loss of all points$"):
        descend(x, targets, linear, params, Rule(1.0, search="exact"), steps=2, loss="logistic")
    for count, steps in ((3, 2), (4, 0)):
        with pytest.raises(ValueError, match=r"^for these inputs targets must be \(4,\) and steps 1 or more, not "):
            descend(x, targets[:count], linear, params, Rule(1.0), steps=steps)
    unknown: Any = "hinge"
    with pytest.raises(ValueError, match=r"^loss must be one of squared, logistic, margin, not 'hinge'$"):
        descend(x, targets, linear, params, Rule(1.0), steps=2, loss=unknown)


def test_an_antisymmetric_start_has_no_outputs_and_the_kernel_of_half_the_network(library: Any) -> None:
    wide, narrow = (finite(serial(Dense(2**0.5), Activation("relu"), Dense()), (3,), width=width) for width in (10, 5))
    drawn = to_backend(wide.init(np.random.default_rng(0)), library)
    x = library.asarray(np.random.default_rng(1).standard_normal((4, 3)), "float64")
    start = antisymmetric(drawn)
    np.testing.assert_allclose(library.to_numpy(wide.apply(start, x)), 0.0, atol=1e-15)
    half = ({"weight": drawn[0]["weight"][:, :5]}, {"weight": drawn[1]["weight"][:5]})
    found, wanted = (empirical_ntk(*pair, x, trace=True) for pair in ((wide, start), (narrow, half)))
    np.testing.assert_allclose(library.to_numpy(found), library.to_numpy(wanted), rtol=1e-12)


def test_an_antisymmetric_start_needs_two_halves() -> None:
    for architecture, width in (
        (serial(Dense(), Dense()), 3),
        (serial(Dense(b_std=1.0), Dense()), 4),
        (serial(Dense()), 4),
    ):
        with pytest.raises(ValueError, match=r"^an antisymmetric start needs two layers without biases, of even width"):
            antisymmetric(finite(architecture, (3,), width=width).init(np.random.default_rng(0)))


def test_gradient_features_have_the_empirical_ntk_and_the_linearisation(library: Any) -> None:
    network, rng = finite(serial(Dense(2**0.5), Activation("erf"), Dense()), (3,), width=5), np.random.default_rng(0)
    drawn, moved = network.init(rng), network.init(rng)
    x = library.asarray(rng.standard_normal((4, 3)), "float64")
    params = to_backend(drawn, library)
    features = library.to_numpy(gradient_features(FirstOutput(network), params, x))
    assert features.shape == (4, 20)
    wanted = library.to_numpy(empirical_ntk(network, params, x, trace=True))
    np.testing.assert_allclose(features @ features.T, wanted, rtol=1e-12)
    ahead, behind = (
        tuple({"weight": a["weight"] + step * b["weight"]} for a, b in zip(drawn, moved, strict=True))
        for step in (1e-5, -1e-5)
    )
    outputs = [library.to_numpy(network.apply(to_backend(p, library), x))[:, 0] for p in (ahead, behind)]
    direction = np.concatenate([layer["weight"].ravel() for layer in moved])
    np.testing.assert_allclose(features @ direction, (outputs[0] - outputs[1]) / 2e-5, rtol=1e-7)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((0.0,), r"the learning rate must be positive and finite, not 0\.0"),
        ((0.1, 1.0), r"first must lie in \[0, 1\), not 1\.0"),
        ((0.1, 0.9, -0.1), r"second must lie in \[0, 1\), not -0\.1"),
        ((0.1, 0.9, 0.9, 0.0), r"small must be positive and finite, not 0\.0"),
    ],
)
def test_numbers_of_adam_that_make_no_sense_are_refused(fields: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        Adam(*fields)
