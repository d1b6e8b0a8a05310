"""The kernel for scikit-learn's Gaussian processes, against a recursion in NumPy, differences and direct solves."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

from ntkbench.networks import Activation, Conv, Dense, Flatten, serial
from ntkbench.sklearn import NTKKernel, gradient

FIXED: dict[str, Any] = {"w_std_bounds": "fixed", "b_std_bounds": "fixed"}


def relu_kernels(x1: np.ndarray, x2: np.ndarray, depth: int, w: float, b: float) -> dict[str, np.ndarray]:
    """Both kernels by Jacot et al.'s recursion, written out."""
    k = x1 @ x2.T / x1.shape[1] * w**2 + b**2
    q1, q2 = (np.mean(x * x, axis=1) * w**2 + b**2 for x in (x1, x2))
    ntk = k
    for _ in range(depth - 1):
        size = np.sqrt(np.outer(q1, q2))
        angle = np.arccos(np.clip(k / size, -1.0, 1.0))
        step = (math.pi - angle) / (2 * math.pi)
        k = (size * np.sin(angle) / (2 * math.pi) + k * step) * w**2 + b**2
        ntk = k + ntk * step * w**2
        q1, q2 = q1 * w**2 / 2 + b**2, q2 * w**2 / 2 + b**2
    return {"nngp": k, "ntk": ntk}


@pytest.fixture
def x() -> np.ndarray:
    """Nine inputs; of them two are equal, two opposite, and one is zero."""
    x = np.random.default_rng(0).standard_normal((9, 3))
    x[3], x[4], x[5] = x[2], -2.0 * x[2], 0.0
    return x


def central(kernel: Any, x: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """The derivatives by theta, by differences of fourth order."""
    slopes = []
    for direction in np.eye(kernel.n_dims):
        at = {k: kernel.clone_with_theta(kernel.theta + k * step * direction)(x) for k in (-2, -1, 1, 2)}
        slopes.append((8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * step))
    return np.stack(slopes, axis=-1)


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize("depth", [2, 4])
def test_the_gradient_is_that_of_central_differences(x: Any, depth: int, activation: str, kernel: Any) -> None:
    if activation != "relu":
        pytest.importorskip("torch")
    ours = NTKKernel(1.2, 0.4, depth=depth, activation=activation, kernel=kernel)
    matrix, slopes = ours(x, eval_gradient=True)
    np.testing.assert_array_equal(matrix, ours(x))
    np.testing.assert_allclose(slopes, central(ours, x), atol=1e-8 * np.abs(matrix).max())


@pytest.mark.parametrize("bounds", [{"b_std_bounds": "fixed"}, {"w_std_bounds": "fixed"}], ids=["w_std", "b_std"])
def test_a_scale_that_is_fixed_has_no_derivative(x: Any, bounds: dict[str, Any]) -> None:
    ours = NTKKernel(**bounds)
    free = "w_std" if "b_std_bounds" in bounds else "b_std"
    assert [h.name for h in ours.hyperparameters if not h.fixed] == [free]
    np.testing.assert_allclose(ours(x, eval_gradient=True)[1], central(ours, x), atol=1e-7)


def test_without_biases_the_gradient_is_that_of_a_power(x: Any) -> None:
    """K is w_std^(2 depth) times something, at inputs that are zero, too."""
    matrix, slopes = NTKKernel(b_std=0.0, b_std_bounds="fixed", depth=3)(x, eval_gradient=True)
    np.testing.assert_allclose(slopes[..., 0], 6.0 * matrix, atol=1e-12)


def test_other_activations_are_differentiated_on_jax_where_there_is_no_torch(x: Any, monkeypatch: Any) -> None:
    pytest.importorskip("jax")
    ours = NTKKernel(activation="erf", b_std=0.3, depth=2)
    there = {"torch"}
    monkeypatch.setattr(gradient, "find_spec", lambda name: None if name in there else name)
    np.testing.assert_allclose(ours(x, eval_gradient=True)[1], central(ours, x), atol=1e-8)
    there.add("jax")
    with pytest.raises(ValueError, match=r"take torch or JAX .* pip install 'ntkbench\[torch\]'"):
        ours(x, eval_gradient=True)
    assert ours(x).shape == (9, 9)
    assert NTKKernel()(x, eval_gradient=True)[1].shape == (9, 9, 2)


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
def test_values_are_those_of_the_recursion(x: Any, kernel: Any) -> None:
    ours = NTKKernel(1.2, 0.4, depth=4, kernel=kernel)
    np.testing.assert_allclose(ours(x[:2], x), relu_kernels(x[:2], x, 4, 1.2, 0.4)[kernel], atol=1e-7)
    np.testing.assert_array_equal(ours.diag(np.tile(x, (5, 1))), np.tile(np.diagonal(ours(x)), 5))
    assert ours.diag(x[:0]).shape == (0,)


def test_a_gaussian_process_predicts_as_a_direct_computation_does(x: Any) -> None:
    noise, others = 0.1, np.random.default_rng(1).standard_normal((5, 3))
    y = np.random.default_rng(2).standard_normal(9)
    model = GaussianProcessRegressor(NTKKernel(1.2, 0.4, **FIXED), alpha=noise).fit(x, y)
    mean, covariance = model.predict(others, return_cov=True)
    k, k_cross, k_own = (
        relu_kernels(one, other, 3, 1.2, 0.4)["ntk"] for one, other in ((x, x), (others, x), (others, others))
    )
    inverse = np.linalg.inv(k + noise * np.eye(9))
    np.testing.assert_allclose(mean, k_cross @ inverse @ y, atol=1e-6)
    np.testing.assert_allclose(covariance, k_own - k_cross @ inverse @ k_cross.T, atol=1e-6)
    np.testing.assert_allclose(model.predict(others, return_std=True)[1] ** 2, np.diagonal(covariance), atol=1e-6)
    likelihood = -0.5 * (y @ inverse @ y - np.linalg.slogdet(inverse)[1] + 9 * math.log(2 * math.pi))
    assert model.log_marginal_likelihood_value_ == pytest.approx(likelihood, abs=1e-6)


def test_the_scales_of_a_drawn_function_are_found(x: Any) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 3))
    k = relu_kernels(rows, rows, 3, 1.4, 1.0)["ntk"]
    y = np.linalg.cholesky(k + 1e-2 * np.eye(40)) @ rng.standard_normal(40)
    model = GaussianProcessRegressor(NTKKernel(0.5, 0.2) + WhiteKernel(1e-2, "fixed")).fit(rows, y)
    reached, slopes = model.log_marginal_likelihood(model.kernel_.theta, eval_gradient=True)
    assert reached >= model.log_marginal_likelihood(np.log([1.0, 1.4]))
    # At the end of the search nothing pulls.
    assert np.abs(slopes).max() < 1e-2


def test_a_classifier_of_gaussian_processes_takes_it() -> None:
    x = np.linspace(-1.0, 1.0, 12)[:, None]
    model = GaussianProcessClassifier(10.0 * NTKKernel(**FIXED), optimizer=None).fit(x, x[:, 0] > 0.3)
    assert model.score(x, x[:, 0] > 0.3) == 1.0


def test_an_architecture_has_no_hyper_parameters_of_its_own() -> None:
    network = serial(Conv(w_std=1.4), Activation("relu"), Flatten(), Dense())
    ours = NTKKernel(architecture=network, input_shape=(3, 3, 1))
    rows = np.random.default_rng(0).standard_normal((8, 9))
    assert ours.theta.shape == (0,)
    assert ours(rows, eval_gradient=True)[1].shape == (8, 8, 0)
    model = GaussianProcessRegressor(ConstantKernel(1.0) * ours, alpha=1e-2).fit(rows, rows[:, 0])
    assert model.kernel_.theta.shape == (1,)
    assert model.score(rows, rows[:, 0]) > 0.9
    assert "Conv" in repr(ours)


def test_kernels_are_cloned_pickled_compared_and_shown() -> None:
    ours = NTKKernel(1.3, 0.2, depth=4, activation="erf", kernel="nngp")
    assert clone(ours) == ours == pickle.loads(pickle.dumps(ours))
    assert ours != NTKKernel(1.3, 0.2, depth=5, activation="erf", kernel="nngp")
    assert repr(ours) == "NTKKernel(w_std=1.3, b_std=0.2, depth=4, activation='erf', kernel='nngp')"
    np.testing.assert_allclose(ours.theta, np.log([0.2, 1.3]))
    np.testing.assert_allclose(ours.bounds, np.log([[1e-3, 1e2], [1e-2, 1e2]]))
    assert not ours.is_stationary()
    listed = NTKKernel(w_std_bounds=np.array([0.1, 2.0]))  # type: ignore[arg-type]
    np.testing.assert_allclose(listed.bounds[1], np.log([0.1, 2.0]))


def test_what_makes_no_sense_is_told(x: Any) -> None:
    with pytest.raises(ValueError, match=r"b_std must be positive to be searched for, not 0\.0; or set b_std"):
        GaussianProcessRegressor(NTKKernel(b_std=0.0)).fit(x, x[:, 0])
    with pytest.raises(ValueError, match="the gradient is that of X with itself"):
        NTKKernel()(x, x, eval_gradient=True)
    with pytest.raises(ValueError, match="did you mean 'nngp'"):
        NTKKernel(kernel="nngpp")(x)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^w_std_bounds must be a pair of numbers or \"fixed\", not 'fix'$"):
        NTKKernel(w_std_bounds="fix").theta  # type: ignore[arg-type] # noqa: B018
