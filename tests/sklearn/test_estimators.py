"""The regressor and the classifier: predictions of the solvers, leave-one-out by brute force, life in scikit-learn."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ntkbench.kernels import architecture_kernels, fc_kernels
from ntkbench.networks import Activation, Conv, Dense, Flatten, serial
from ntkbench.networks.activations import ABRelu
from ntkbench.sklearn import NTKClassifier, NTKRegressor
from ntkbench.sklearn.ridge import candidates
from ntkbench.solvers import kernel_regression

CONV = serial(Conv(w_std=1.4, b_std=0.1), Activation("relu"), Conv(w_std=1.4), Activation("relu"), Flatten(), Dense())
DENSE = serial(Dense(1.2, 0.3), Activation(ABRelu(-0.3, 1.4)), Dense(0.7))


@pytest.fixture
def table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs (20, 12), others (9, 12) and two targets (20, 2)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((20, 12)), rng.standard_normal((9, 12)), rng.standard_normal((20, 2))


@pytest.mark.parametrize("ridge", ["loo", 0.0, 0.3])
@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
def test_a_fully_connected_regressor_predicts_as_kernel_regression(table: Any, kernel: str, ridge: Any) -> None:
    x, others, y = table
    model = NTKRegressor(depth=4, w_std=1.3, b_std=0.2, kernel=kernel, ridge=ridge).fit(x, y)
    scales = {"depth": 4, "w_std": 1.3, "b_std": 0.2}
    k_train, k_test = (getattr(fc_kernels(*inputs, **scales), kernel) for inputs in ((x,), (others, x)))
    expected = kernel_regression(k_train, y, k_test, ridge=model.ridge_).prediction
    np.testing.assert_allclose(model.predict(others), expected, atol=1e-6)
    assert model.ridge_ == ridge or (ridge == "loo" and model.ridge_ in model.ridges_)


@pytest.mark.parametrize(("architecture", "input_shape"), [(DENSE, None), (CONV, (2, 3, 2))], ids=["dense", "conv"])
def test_a_regressor_takes_any_architecture(table: Any, architecture: Any, input_shape: Any) -> None:
    x, others, y = table
    model = NTKRegressor(architecture, input_shape=input_shape, ridge=0.1).fit(x, y[:, 0])
    shape = (-1, *(input_shape or (12,)))
    inputs = x.reshape(shape), others.reshape(shape)
    k_train = architecture_kernels(architecture, inputs[0]).ntk
    k_test = architecture_kernels(architecture, inputs[1], inputs[0]).ntk
    expected = kernel_regression(k_train, y[:, 0], k_test, ridge=0.1).prediction
    np.testing.assert_allclose(model.predict(others), expected, atol=1e-6)


@pytest.mark.parametrize("names", [["no", "yes"], ["c", "a", "b"]], ids=["two classes", "three"])
def test_a_classifier_regresses_on_plus_and_minus_one(table: Any, names: list[str]) -> None:
    x, others, _ = table
    labels = np.array(names)[np.arange(20) % len(names)]
    model = NTKClassifier(ridge=0.2).fit(x, labels)
    assert model.classes_.tolist() == sorted(names)
    targets = np.stack([np.where(labels == name, 1.0, -1.0) for name in sorted(names)], axis=1)
    k_train, k_test = (fc_kernels(*inputs, depth=3, b_std=1.0).ntk for inputs in ((x,), (others, x)))
    expected = kernel_regression(k_train, targets, k_test, ridge=0.2).prediction
    scores = model.decision_function(others)
    np.testing.assert_allclose(scores, expected[:, 1] if len(names) == 2 else expected, atol=1e-6)
    assert model.predict(others).tolist() == [sorted(names)[k] for k in np.argmax(expected, axis=1)]


def refitted(model: Any, x: np.ndarray, y: np.ndarray, ridge: float) -> np.ndarray:
    """The prediction for each point by the model that was fitted without it."""
    rows = np.arange(len(x))
    one = clone(model).set_params(ridge=ridge)
    return np.concatenate([one.fit(x[rows != i], y[rows != i]).predict(x[[i]]) for i in rows])


def test_the_ridge_is_the_best_of_refits_without_each_point(table: Any) -> None:
    inputs, _, noise = table
    x = inputs[:, :2]
    y = x[:, 0] + noise[:, 0]
    ridges = [1e-3, 0.3, 3.0, 30.0]
    model = NTKRegressor(depth=2, ridges=ridges).fit(x, y)
    errors = [np.mean((refitted(model, x, y, ridge) - y) ** 2) for ridge in ridges]
    np.testing.assert_allclose(model.loo_errors_, errors, rtol=1e-9)
    np.testing.assert_array_equal(model.ridges_, ridges)
    assert model.ridge_ == ridges[int(np.argmin(errors))]
    assert 0 < np.argmin(errors) < len(ridges) - 1  # a choice that an end of the list would not show


def test_the_candidates_follow_the_kernel_and_end_above_its_rounding() -> None:
    k = np.diag([1.0, 3.0])
    np.testing.assert_allclose(candidates(k)[[0, 2, -1]], [20.0, 2.0, 2e-8])
    np.testing.assert_allclose(candidates(5.0 * k), 5.0 * candidates(k))


def test_the_candidates_of_a_singular_matrix_are_those_that_make_it_definite() -> None:
    # Parallel inputs and no bias: a matrix of rank one, of which rounding leaves eight digits.
    x = np.outer(np.arange(1.0, 41.0), [1.0, 2.0])
    model = NTKRegressor(b_std=0.0).fit(x, x[:, 0])
    tried = candidates(fc_kernels(x, depth=3).ntk)
    assert 4 < len(model.ridges_) < len(tried)
    np.testing.assert_array_equal(model.ridges_, tried[: len(model.ridges_)])
    np.testing.assert_allclose(model.predict(x), x[:, 0], rtol=1e-4)


def test_a_fit_with_a_given_ridge_forgets_what_leave_one_out_said(table: Any) -> None:
    x, _, y = table
    model = NTKRegressor().fit(x, y)
    assert model.loo_errors_.shape == model.ridges_.shape
    model.set_params(ridge=1.0).fit(x, y)
    assert not hasattr(model, "loo_errors_")
    assert not hasattr(model, "ridges_")


def test_models_are_cloned_and_pickled(table: Any) -> None:
    x, others, y = table
    for model in (NTKRegressor(DENSE, ridge=0.1), NTKClassifier(depth=2, activation="erf", probability=True)):
        targets = y[:, 0] if isinstance(model, NTKRegressor) else y[:, 0] > 0
        copied = clone(model)
        assert copied.get_params() == model.get_params()
        fitted = model.fit(x, targets)
        np.testing.assert_array_equal(copied.fit(x, targets).predict(others), fitted.predict(others))
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(others), fitted.predict(others))


def test_a_search_in_a_pipeline_goes_over_architectures_and_ridges() -> None:
    x, y = make_regression(60, 4, noise=1.0, random_state=0)
    wide = serial(Dense(1.4, 1.0), Activation("erf"), Dense(1.4))
    grid = {"ntkregressor__architecture": [None, wide], "ntkregressor__ridge": ["loo", 1e6]}
    search = GridSearchCV(make_pipeline(StandardScaler(), NTKRegressor()), grid, cv=3).fit(x, y)
    assert search.best_params_["ntkregressor__ridge"] == "loo"
    assert search.score(x, y) > 0.99
    assert len(search.cv_results_["params"]) == 4


@pytest.mark.slow
def test_a_search_over_depth_and_ridge_reads_the_digits() -> None:
    x, y = load_digits(return_X_y=True)
    split = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    x_train, x_test, y_train, y_test = split
    search = GridSearchCV(NTKClassifier(), {"depth": [2, 3, 5], "ridge": [1e-3, 1.0]}, cv=3).fit(x_train, y_train)
    assert search.score(x_test, y_test) >= 0.985
    # The ridge that leave-one-out takes is as good, with no search.
    assert NTKClassifier(**{**search.best_params_, "ridge": "loo"}).fit(x_train, y_train).score(x_test, y_test) >= 0.985


def test_one_feature_and_an_offset_can_be_learnt() -> None:
    x = np.linspace(-2.0, 2.0, 120)[:, None]
    model = NTKRegressor().fit(x[::2], 5.0 + np.sin(3.0 * x[::2, 0]))
    np.testing.assert_allclose(model.predict(x[1:-1:2]), 5.0 + np.sin(3.0 * x[1:-1:2, 0]), atol=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "ntkk"}, "unknown kernel 'ntkk'; did you mean 'ntk'?"),
        ({"depth": 1}, "depth must be a whole number from 2"),
        ({"depth": 2.5}, "depth must be a whole number from 2"),
        ({"depth": True}, "depth must be a whole number from 2"),
        ({"activation": "rellu"}, "the nearest is 'relu'"),
        ({"ridge": "lo"}, "ridge must be a number from 0, or \"loo\", not 'lo'"),
        ({"ridge": None}, 'ridge must be a number from 0, or "loo", not None'),
        ({"ridge": -1.0}, "a ridge must be finite and not negative, not -1.0"),
        ({"ridges": "1, 2"}, "ridges must be numbers from 0, or None, not '1, 2'"),
        ({"ridges": []}, "a ridge path needs at least one ridge"),
        ({"architecture": "relu"}, "architecture must be layers of ntkbench.networks, or None, not 'relu'"),
        ({"input_shape": 12}, "input_shape must be a tuple of positive whole numbers such as (8, 8, 1), not 12"),
        ({"input_shape": (3, 5)}, "input_shape (3, 5) is that of 15 features, and X has 12"),
    ],
)
def test_bad_parameters_are_told_at_the_fit_in_one_line(table: Any, options: Any, message: str) -> None:
    x, _, y = table
    with pytest.raises(ValueError) as fault:  # noqa: PT011 (the message is compared below)
        NTKRegressor(**options).fit(x, y)
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_ridge_too_small_is_told_with_one_that_does() -> None:
    x = np.array([[1.0], [2.0], [3.0]])
    with pytest.raises(np.linalg.LinAlgError, match=r"a ridge of .* would make it so"):
        NTKRegressor(b_std=0.0, ridge=0.0).fit(x, x[:, 0])


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_inputs_too_large_are_told(table: Any) -> None:
    x, _, y = table
    with pytest.raises(ValueError, match="the kernel of these inputs overflows: scale them, as StandardScaler does"):
        NTKRegressor().fit(1e160 * x, y)


def test_one_class_is_not_enough() -> None:
    x, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="at least two classes, and y has one class"):
        NTKClassifier().fit(x[:50], y[:50])
