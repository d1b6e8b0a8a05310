"""The hard-margin machine: all sets of support vectors tried, and descents that turn towards it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.theory import Rule, descend, function_cosines, hard_margin, linear


def problem(n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.standard_normal((n, 2 * n)), rng.choice([-1.0, 1.0], n)


def smallest_norm(k: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Outputs of the function of least norm with margins of 1 or more: for some set they are 1, and others more."""
    best, found = np.inf, np.zeros(len(y))
    for size in range(1, len(y) + 1):
        for chosen in map(list, itertools.combinations(range(len(y)), size)):
            outputs = k[:, chosen] @ np.linalg.solve(k[np.ix_(chosen, chosen)], y[chosen])
            norm = outputs @ np.linalg.solve(k, outputs)
            if (y * outputs > 1 - 1e-9).all() and norm < best:
                best, found = norm, outputs
    return found


def test_it_is_the_best_of_all_sets_of_support_vectors() -> None:
    features, y = problem()
    k = features @ features.T + 6.0  # a constant that most functions share: some points support nothing
    found, wanted = hard_margin(k, y), smallest_norm(k, y)
    np.testing.assert_allclose(found.outputs, wanted, atol=1e-10)
    assert 0 < (found.duals > 1e-12).sum() < len(y)
    assert found.margin == pytest.approx(1 / np.sqrt(wanted @ np.linalg.solve(k, wanted)), rel=1e-10)


def test_cosines_are_those_of_the_parameters() -> None:
    features, _ = problem()
    duals = np.random.default_rng(0).standard_normal((4, 6))
    k, params = features @ features.T, duals @ features
    wanted = params[:3] @ params[3] / (np.linalg.norm(params[:3], axis=1) * np.linalg.norm(params[3]))
    np.testing.assert_allclose(function_cosines(k, duals[:3] @ k, duals[3] @ k), wanted, rtol=1e-10)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_descent_on_losses_of_margins_turns_towards_it(backend: str) -> None:
    library: Any = open_backend(backend)
    features, y = problem()
    k = features @ features.T + 6.0
    lifted = np.linalg.cholesky(k)
    x, labels, params = (library.asarray(a, "float64") for a in (lifted, y, np.zeros(6)))
    rate, wanted, cosines = 1 / np.linalg.eigvalsh(k)[-1], hard_margin(k, y), {}
    losses: tuple[Any, ...] = ("logistic", "margin")
    for loss in losses:
        outputs = descend(x, labels, linear, params, Rule(rate), steps=1200, loss=loss).outputs
        cosines[loss] = function_cosines(k, outputs[[4, 30, 200, 1200]], wanted.outputs)
        assert (np.diff(cosines[loss]) > 0).all()
        norms = np.sqrt(np.sum(np.linalg.solve(lifted, outputs[1:].T) ** 2, axis=0))
        assert ((y * outputs[1:]).min(axis=1) / norms <= wanted.margin * (1 + 1e-12)).all()
    assert cosines["margin"][-1] > 0.999 > cosines["logistic"][-1] > 0.9


def test_labels_and_kernels_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^labels must be -1 or 1, one for each row of k, which is \(2, 2\)$"):
        hard_margin(np.eye(2), [0.0, 1.0])
    with pytest.raises(ValueError, match=r"^the kernel is not positive definite: labels may not be separable$"):
        hard_margin(np.ones((2, 2)), [-1.0, 1.0])
