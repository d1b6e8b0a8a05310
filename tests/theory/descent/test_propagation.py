"""Closed-form training where a derivative is asked for; tests/contract/test_solver_transforms.py has the numbers."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import torch

from ntkbench.solvers.cholesky import NotPositiveDefinite
from ntkbench.theory.descent.dynamics import DivergenceError, gradient_descent, gradient_flow

K, Y = np.diag([0.5, 1.0, 2.0]), np.ones((3, 1))


def test_steps_that_are_traced_are_refused() -> None:
    with pytest.raises(ValueError, match="gradient_descent takes steps that are known; gradient_flow takes times"):
        jax.jit(lambda t: gradient_descent(*map(jax.numpy.asarray, (K, Y, K)), [t], rate=0.1))(3.0)


def test_values_are_checked_where_they_are_though_a_derivative_is_asked_for() -> None:
    k, y, k_test = (torch.tensor(a, requires_grad=True) for a in (K, Y, K))
    with pytest.raises(ValueError, match="times start at 0, not at -1"):
        gradient_flow(k, y, k_test, [torch.tensor(-1.0, requires_grad=True)])
    with pytest.raises(NotPositiveDefinite):
        gradient_flow(k - 2 * torch.eye(3), y, k_test, [1.0])
    with pytest.raises(DivergenceError):
        gradient_descent(k, y, k_test, [1], rate=torch.tensor(100.0, requires_grad=True))
