"""Gradient descent on finite networks against closed forms, plain NumPy loops, and kernels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.trees import leaves
from ntkbench.backends import Backend, installed, open_backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Conv, Dense, Finite, Flatten, Training, finite, log_steps, serial, train
from ntkbench.theory import gradient_descent, max_learning_rate

LIBRARIES = [name for name in installed() if "autodiff" in open_backend(name).capabilities]
STEPS = (0, 1, 2, 5, 17, 60)
RELU = Activation("relu")
LINEAR = finite(serial(Dense(1.3)), (5,), width=1)
TWO_LAYERS = finite(serial(Dense(1.4), Activation("tanh"), Dense()), (5,), width=30)


@pytest.fixture(scope="module", params=LIBRARIES)
def backend(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def data(n: int = 12, n_test: int = 7, outputs: int = 1, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    x, x_test = rng.standard_normal((n, 5)), rng.standard_normal((n_test, 5))
    w = rng.standard_normal((5, outputs))
    return x, np.sin(x @ w), x_test, np.sin(x_test @ w)


def trained(
    backend: Backend, network: Finite, arrays: tuple[np.ndarray, ...], dtype: str = "float64", **options: Any
) -> Training:
    """Training from the parameters of seed 1, with losses and outputs on the test points."""
    x, y, x_test, y_test = (backend.asarray(a, dtype) for a in arrays)
    params = network.init(np.random.default_rng(1), lambda a: backend.asarray(a, dtype))
    options = {"record": STEPS, "steps": STEPS[-1], "probe": x_test} | options
    return train(network, params, x, y, test=(x_test, y_test), **options)


def numpy_loop(
    network: Finite, arrays: tuple[np.ndarray, ...], rate: float, momentum: float, batches: Callable[[int], Any]
) -> tuple[list[float], np.ndarray]:
    """Losses and outputs on the test points at STEPS for the two-layer tanh network, slopes by hand; loss "sum"."""
    x, y, x_test, _ = arrays
    (one,), (two,) = (tuple(p.values()) for p in network.init(np.random.default_rng(1)))
    a, b = 1.4 / math.sqrt(5), 1.0 / math.sqrt(network.width)
    moves = [np.zeros_like(one), np.zeros_like(two)]
    losses, outputs = [], []
    for now in range(STEPS[-1] + 1):
        if now in STEPS:
            losses.append(0.5 * np.sum((b * np.tanh(a * x @ one) @ two - y) ** 2))
            outputs.append(b * np.tanh(a * x_test @ one) @ two)
        seen = batches(now)
        inputs, targets = x[seen], y[seen]
        h = np.tanh(a * inputs @ one)
        error = (b * h @ two - targets) * len(x) / len(inputs)
        slopes = (a * inputs.T @ (b * error @ two.T * (1 - h**2)), b * h.T @ error)
        moves = [momentum * m - rate * s for m, s in zip(moves, slopes, strict=True)]
        one, two = one + moves[0], two + moves[1]
    return losses, np.array(outputs)


def test_a_linear_network_is_the_closed_form(backend: Backend) -> None:
    arrays = x, y, x_test, y_test = data()
    k, k_test = (1.3**2 / 5 * a @ x.T for a in (x, x_test))
    w = LINEAR.init(np.random.default_rng(1))
    rate = 1.5 / np.linalg.eigvalsh(k)[-1]
    start = {"f0_train": LINEAR.apply(w, x), "f0_test": LINEAR.apply(w, x_test)}
    expected = gradient_descent(k, y, k_test, STEPS, rate=rate, **start)
    found = trained(backend, LINEAR, arrays, rate=rate)
    assert found.steps == STEPS
    assert found.diverged_at is None
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-10)
    np.testing.assert_allclose(found.outputs, expected.test, rtol=1e-10, atol=1e-12)
    wanted = 0.5 * np.sum((expected.test - y_test) ** 2, axis=(1, 2))
    np.testing.assert_allclose(found.test_loss, wanted, rtol=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_a_two_layer_network_is_the_plain_loop(backend: Backend, momentum: float) -> None:
    arrays = data(outputs=2)
    network = dataclasses.replace(TWO_LAYERS, outputs=2)
    losses, outputs = numpy_loop(network, arrays, 0.02, momentum, lambda now: slice(None))
    found = trained(backend, network, arrays, rate=0.02, momentum=momentum)
    np.testing.assert_allclose(found.loss, losses, rtol=1e-11)
    np.testing.assert_allclose(found.outputs, outputs, rtol=1e-10, atol=1e-13)
    assert losses[-1] < losses[0] / 3


def test_mini_batches_are_the_plain_loop_over_permutations(backend: Backend) -> None:
    arrays = data()
    rng = np.random.default_rng(5)
    # 12 points in batches of 5: two a permutation, two points left out.
    order = [p[i : i + 5] for p in (rng.permutation(12) for _ in range(31)) for i in (0, 5)]
    losses, outputs = numpy_loop(TWO_LAYERS, arrays, 0.02, 0.5, lambda now: order[now])
    found = trained(backend, TWO_LAYERS, arrays, rate=0.02, momentum=0.5, batch_size=5, rng=np.random.default_rng(5))
    np.testing.assert_allclose(found.loss, losses, rtol=1e-11)
    np.testing.assert_allclose(found.outputs, outputs, rtol=1e-10, atol=1e-13)


def test_the_mean_loss_is_the_sum_over_points_and_outputs_at_another_rate(backend: Backend) -> None:
    arrays = data(outputs=2)
    network = dataclasses.replace(TWO_LAYERS, outputs=2)
    total = trained(backend, network, arrays, rate=0.02)
    mean = trained(backend, network, arrays, rate=0.02 * 12 * 2, loss="mean")
    np.testing.assert_allclose(mean.loss, total.loss / (12 * 2), rtol=1e-10)
    np.testing.assert_allclose(mean.test_loss, total.test_loss / (7 * 2), rtol=1e-10)
    np.testing.assert_allclose(mean.outputs, total.outputs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 5])
def test_both_libraries_train_alike(batch_size: int | None) -> None:
    image = finite(serial(Conv(b_std=0.3, padding="circular"), RELU, Flatten(), Dense(b_std=0.1)), (4, 3, 2), width=6)
    rng = np.random.default_rng(2)
    arrays = tuple(rng.standard_normal(shape) for shape in [(9, 4, 3, 2), (9, 1), (4, 4, 3, 2), (4, 1)])
    one, *others = [
        trained(
            open_backend(name), image, arrays, rate=0.05, momentum=0.9, batch_size=batch_size,
            rng=np.random.default_rng(3),
        )
        for name in LIBRARIES
    ]  # fmt: skip
    assert others
    for other in others:
        np.testing.assert_allclose(other.loss, one.loss, rtol=1e-10)
        np.testing.assert_allclose(other.outputs, one.outputs, rtol=1e-10, atol=1e-12)


def test_a_wider_network_comes_closer_to_its_kernel(backend: Backend) -> None:
    architecture = serial(Dense(math.sqrt(2.0)), RELU, Dense())
    x, y, x_test, y_test = data(n=20)
    k, k_test = (architecture_kernels(architecture, *a).ntk for a in ((x,), (x_test, x)))
    rate = 0.5 * max_learning_rate(k)
    expected = gradient_descent(k, y, k_test, STEPS, rate=rate)
    gaps = []
    for width in (64, 4096):
        network = finite(architecture, (5,), width=width)
        start = network.init(np.random.default_rng(1))
        f0_train, f0_test = network.apply(start, x), network.apply(start, x_test)
        found = trained(backend, network, (x, y + f0_train, x_test, y_test + f0_test), "float32", rate=rate)
        gaps.append(np.max(np.abs(found.outputs - f0_test - expected.test)))
    # The kernel of width m is off by about m^(-1/2).
    assert gaps[1] < 0.05
    assert gaps[1] < gaps[0] / 3


def test_layers_that_are_not_trained_stay_as_they_are(backend: Backend) -> None:
    network = finite(serial(Dense(trained=False), RELU, Dense(b_std=0.5)), (5,), width=10)
    before = network.init(np.random.default_rng(1))
    after = [backend.to_numpy(w) for w in leaves(trained(backend, network, data(), rate=0.05).params)]
    np.testing.assert_array_equal(after[0], before[0]["weight"])
    assert np.abs(after[1] - before[1]["weight"]).max() > 1e-3
    assert np.abs(after[2] - before[1]["bias"]).max() > 1e-3


def test_the_given_parameters_are_left_alone(backend: Backend) -> None:
    x, y, *_ = (backend.asarray(a, "float64") for a in data())
    params = TWO_LAYERS.init(np.random.default_rng(1), lambda a: backend.asarray(a, "float64"))
    train(TWO_LAYERS, params, x, y, steps=3, rate=0.05)
    for given, drawn in zip(leaves(params), leaves(TWO_LAYERS.init(np.random.default_rng(1))), strict=True):
        np.testing.assert_array_equal(backend.to_numpy(given), drawn)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_divergence_is_found_at_its_step_and_ends_the_record(backend: Backend, momentum: float) -> None:
    x, y, *_ = arrays = data()
    limit = max_learning_rate(1.3**2 / 5 * x @ x.T)
    # With momentum b, heavy-ball descent is stable up to 1 + b times the limit.
    stable = trained(backend, LINEAR, arrays, rate=0.99 * (1 + momentum) * limit, momentum=momentum)
    assert stable.diverged_at is None
    found = trained(backend, LINEAR, arrays, rate=3 * (1 + momentum) * limit, momentum=momentum)
    # Every loss up to it, by the plain loop.
    w, v, losses = LINEAR.init(np.random.default_rng(1))[0]["weight"], 0.0, []
    while not losses or losses[-1] <= 1e6 * max(losses[0], 0.5 * np.sum(y**2)):
        error = 1.3 / math.sqrt(5) * x @ w - y
        losses.append(0.5 * np.sum(error**2))
        v = momentum * v - 3 * (1 + momentum) * limit * 1.3 / math.sqrt(5) * x.T @ error
        w = w + v
    assert found.diverged_at == len(losses) - 1
    assert found.steps == tuple(s for s in STEPS if s < found.diverged_at)
    np.testing.assert_allclose(found.loss, np.array(losses)[list(found.steps)], rtol=1e-10)
    assert found.outputs is not None
    assert found.test_loss is not None
    assert len(found.outputs) == len(found.test_loss) == len(found.steps)


def test_in_single_precision_an_overflow_is_a_divergence(backend: Backend) -> None:
    found = trained(backend, TWO_LAYERS, data(), "float32", rate=1e30)
    assert found.diverged_at == 1
    assert found.steps == (0,)
    assert np.isfinite(found.loss).all()


def test_a_network_that_starts_at_nan_has_no_record(backend: Backend) -> None:
    x, y, *_ = data()
    y[0] = math.nan
    found = train(
        LINEAR, LINEAR.init(np.random.default_rng(1), lambda a: backend.asarray(a, "float64")),
        backend.asarray(x, "float64"), backend.asarray(y, "float64"), steps=5, rate=0.1,
    )  # fmt: skip
    assert found.diverged_at == 0
    assert found.steps == ()
    assert found.loss.shape == (0,)


def test_targets_without_an_axis_give_outputs_without_one(backend: Backend) -> None:
    x, y, x_test, y_test = data()
    one = trained(backend, TWO_LAYERS, (x, y, x_test, y_test), rate=0.05)
    other = trained(backend, TWO_LAYERS, (x, y[:, 0], x_test, y_test[:, 0]), rate=0.05)
    assert one.outputs is not None
    assert other.outputs is not None
    assert other.outputs.shape == (len(STEPS), 7)
    np.testing.assert_array_equal(other.outputs, one.outputs[..., 0])


def test_progress_is_told_at_each_recording(backend: Backend) -> None:
    told: list[tuple[int, int]] = []
    trained(backend, LINEAR, data(), rate=0.01, progress=lambda done, total: told.append((done, total)))
    assert told == [(s, 60) for s in STEPS]


def test_log_steps_start_at_zero_end_at_the_last_and_grow_by_a_factor() -> None:
    assert log_steps(1) == (0, 1)
    assert log_steps(8, 4) == (0, 1, 2, 4, 8)
    many = log_steps(100_000)
    assert len(many) <= 51
    assert (many[0], many[-1]) == (0, 100_000)
    ratios = np.array(many[-20:]) / np.array(many[-21:-1])
    np.testing.assert_allclose(ratios, 100_000 ** (1 / 49), rtol=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0.0}, "learning rate must be positive and finite, not 0.0"),
        ({"rate": math.inf}, "learning rate must be positive"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), not 1.0"),
        ({"loss": "total"}, "loss must be one of sum, mean, not 'total'"),
        ({"batch_size": 3}, "batches need an rng and a size from 1 to 12"),
        ({"batch_size": 13, "rng": np.random.default_rng()}, "from 1 to 12"),
        ({"record": (0, 2, 1)}, "must ascend"),
        ({"record": (-1, 1)}, "must ascend"),
        ({"record": (0, 3), "steps": 4}, "to the last one, 4"),
        ({"steps": 0}, "steps must be a whole number of at least 1, not 0"),
        ({"steps": 2.0}, "steps must be a whole number"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trained(open_backend(LIBRARIES[0]), LINEAR, data(), **({"rate": 0.1} | options))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (lambda x, y, *t: (x, y[:-1], *t), r"must be \(12, 1\) or \(12,\) with n >= 1, not of shape \(11, 1\)"),
        (lambda x, y, *t: (x[:0], y[:0], *t), "with n >= 1"),
        (lambda x, y, *t: (x[:, :4], y, *t), r"inputs must be \(n, 5\)"),
        (lambda x, y, x_test, y_test: (x, y, x_test, y_test[:2]), r"must be \(7, 1\) or \(7,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(arrays: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trained(open_backend(LIBRARIES[0]), LINEAR, arrays(*data()), rate=0.1)


def test_targets_of_another_precision_are_refused() -> None:
    backend = open_backend(LIBRARIES[0])
    x, y, *_ = data()
    params = LINEAR.init(np.random.default_rng(1), lambda a: backend.asarray(a, "float64"))
    with pytest.raises(ValueError, match=r"targets must be .*float64, as inputs are"):
        train(LINEAR, params, backend.asarray(x, "float64"), backend.asarray(y, "float32"), steps=1, rate=0.1)


def test_numpy_does_not_train() -> None:
    x, y, *_ = data()
    with pytest.raises(TypeError, match="arrays of type ndarray have not"):
        train(LINEAR, LINEAR.init(np.random.default_rng(1)), x, y, steps=1, rate=0.1)
