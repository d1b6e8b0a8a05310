"""Probabilities: a softmax of scores with the factor that leave-one-out predictions ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from ntkbench.sklearn import NTKClassifier
from ntkbench.sklearn.temperature import probabilities, sharpness


@pytest.fixture(params=[2, 3], ids=["two classes", "three"])
def flowers(request: Any) -> tuple[np.ndarray, np.ndarray]:
    """Every fourth iris, of the last two or of all kinds."""
    x, y = load_iris(return_X_y=True)
    kept = np.flatnonzero(y >= 3 - request.param)[::4]
    return x[kept], y[kept]


def smoothed_loss(scores: np.ndarray, classes: np.ndarray, factor: float) -> float:
    """The loss of every point, and of one more for each class and point, of weight 1 / n."""
    logarithms = np.log(probabilities(scores, factor))
    n = len(classes)
    return -float(np.sum(logarithms[np.arange(n), classes]) * n + np.sum(logarithms))


def test_the_factor_is_the_best_for_refits_without_each_point(flowers: Any) -> None:
    x, y = flowers
    model = NTKClassifier(ridge=1e-2, probability=True).fit(x, y)
    rows = np.arange(len(x))
    scores = np.concatenate([clone(model).fit(x[rows != i], y[rows != i]).decision_function(x[[i]]) for i in rows])
    classes = np.searchsorted(model.classes_, y)
    best = smoothed_loss(scores, classes, model.sharpness_)
    factors = model.sharpness_ * np.exp(np.linspace(-8.0, 3.0, 400))
    losses = [smoothed_loss(scores, classes, factor) for factor in factors]
    assert best <= min(losses) + 1e-9
    # Where leave-one-out errs the minimum lies inside, and a change of the factor is seen.
    assert min(smoothed_loss(scores, classes, model.sharpness_ * f) for f in (0.9, 1.1)) > best + 1e-4


def test_probabilities_are_probabilities_and_agree_with_the_prediction(flowers: Any) -> None:
    x, y = flowers
    model = NTKClassifier(probability=True).fit(x, y)
    rows = np.random.default_rng(0).uniform(x.min(0), x.max(0), (50, 4))
    probability = model.predict_proba(rows)
    assert probability.shape == (50, len(model.classes_))
    assert probability.min() >= 0
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(model.classes_[np.argmax(probability, axis=1)], model.predict(rows))


def test_scores_that_are_all_right_get_probabilities_short_of_one() -> None:
    # By hand: n = 3 scores of +-1, targets 4/5 and 1/5, so that exp(2 factor) = 4.
    factor = sharpness(np.array([1.0, -1.0, 1.0]), np.array([1, 0, 1]))
    assert factor == pytest.approx(np.log(4.0) / 2.0, rel=1e-6)
    np.testing.assert_allclose(probabilities(np.array([1.0]), factor), [[0.2, 0.8]], rtol=1e-6)


def test_the_factor_undoes_a_change_of_scale() -> None:
    rng = np.random.default_rng(0)
    scores, classes = rng.standard_normal((40, 3)), rng.integers(3, size=40)
    scores[np.arange(40), classes] += 1.0
    assert sharpness(1e-12 * scores, classes) == pytest.approx(1e12 * sharpness(scores, classes), rel=1e-6)


def test_scores_that_say_nothing_get_equal_probabilities() -> None:
    np.testing.assert_allclose(probabilities(np.zeros((2, 4)), sharpness(np.zeros((2, 4)), np.array([1, 2]))), 0.25)
    # Scores that are always wrong: the factor ends near zero, and turns none around.
    factor = sharpness(np.array([-1.0, 1.0]), np.array([1, 0]))
    assert 0.0 < factor < 1e-6


def test_probabilities_are_there_where_they_are_asked_for_only(flowers: Any) -> None:
    x, y = flowers
    model = NTKClassifier().fit(x, y)
    assert not hasattr(model, "predict_proba")
    model.set_params(probability=True)
    with pytest.raises(AttributeError, match="fit again for probabilities"):
        model.predict_proba(x)
    assert hasattr(model.fit(x, y), "sharpness_")
    assert not hasattr(model.set_params(probability=False).fit(x, y), "sharpness_")
