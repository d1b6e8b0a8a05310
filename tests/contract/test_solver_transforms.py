"""Regression and training under the transforms of JAX and torch: one table, and differences of plain calls as oracle.

A new function is a row. Each is looked at where eigenvalues differ and where all of them are equal.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from ntkbench.backends import open_backend
from ntkbench.kernels import Kernels
from ntkbench.solvers import cholesky_regression, cholesky_solve, kernel_regression, ridge_path
from ntkbench.theory import ensemble, gradient_descent, gradient_flow, posterior

RNG = np.random.default_rng(0)
A = RNG.standard_normal((3, 5))
MATRICES = {"unequal": A @ A.T / 5 + 0.3 * np.eye(3), "equal": 0.8 * np.eye(3)}
Y, K_TEST, WEIGHTS = RNG.standard_normal((3, 2)), RNG.standard_normal((2, 3)), RNG.standard_normal((4, 4, 2))
# The directions in which the matrices are moved; the fourth variable moves the number.
OF_K, OF_Y, OF_K_TEST = (RNG.standard_normal(s) for s in ((3, 3), (3, 2), (2, 3)))
OF_K = 0.05 * (OF_K + OF_K.T)
STEP = 4e-3
# torch's words to itself, at the first derivative forwards and where a compiled part ends.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]
INF = float("inf")


@dataclass(frozen=True)
class Row:
    """(k, y, k_test, number) -> some arrays whose last axis is that of the outputs."""

    call: Callable[[Any, Any, Any, Any], tuple[Any, ...]]
    number: float


def path(k: Any, y: Any, k_test: Any, ridge: Any) -> tuple[Any, ...]:
    found = ridge_path(k, y, k_test, [0.05, ridge])
    return found.prediction, found.residual, found.leave_one_out, found.degrees_of_freedom[:, None]


def trained(dynamics: Any) -> tuple[Any, ...]:
    return dynamics.train, dynamics.test, dynamics.loss[:, None]


def inferred(k: Any, y: Any, k_test: Any, ridge: Any) -> tuple[Any, ...]:
    mean, covariance, likelihood = posterior(k, y, k_test, k_test @ k_test.T, ridge=ridge)
    return mean, covariance, likelihood + 0.0 * mean[:1, :1]


def of_networks(k: Any, y: Any, k_test: Any, number: Any) -> tuple[Any, ...]:
    train, test = Kernels(2.0 * k, k), Kernels(1.5 * k_test, k_test)
    numbers = {"rate": 0.8 * number, "ridge": 0.3 * number, "noise": number}
    return ensemble(train, y, test, k_test @ k_test.T, [0.0, number, INF], **numbers)[1:]


ROWS = {
    "LU": Row(lambda *a: (kernel_regression(*a).prediction,), 0.4),
    "Cholesky": Row(lambda k, y, t, r: (cholesky_regression(k, y, t, r).prediction, cholesky_solve(k, y, r)), 0.4),
    "ridge path": Row(path, 0.4),
    "flow": Row(lambda k, y, t, s: trained(gradient_flow(k, y, t, [0.0, s, INF], rate=0.8 * s)), 1.2),
    "posterior": Row(inferred, 0.4),
    "ensemble": Row(of_networks, 1.2),
    "descent": Row(lambda k, y, t, s: trained(gradient_descent(k, y, t, [0, 3, INF], rate=s)), 0.3),
}


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest) -> Row:
    return ROWS[request.param]


def moved(row: Row, asarray: Callable[[np.ndarray], Any]) -> Callable[[Any, Any], Any]:
    """(k, the four variables) -> a sum of all results, each with a weight of its own."""
    y, k_test, of_k, of_y, of_k_test = (asarray(a) for a in (Y, K_TEST, OF_K, OF_Y, OF_K_TEST))
    weights = asarray(WEIGHTS)

    def function(k: Any, v: Any) -> Any:
        found = row.call(k + v[0] * of_k, y + v[1] * of_y, k_test + v[2] * of_k_test, row.number + v[3])
        return sum((weights[i, : r.shape[-2], : r.shape[-1]] * r).sum() for i, r in enumerate(found))

    return function


@cache
def by_differences(name: str, matrix: str) -> tuple[float, np.ndarray, np.ndarray]:
    """Value, gradient and Hessian (4, 4): differences of the fourth order of plain calls in float64."""
    function, k = moved(ROWS[name], np.asarray), MATRICES[matrix]
    shifts, weights = np.array([-2, -1, 1, 2]) * STEP, np.array([1, -8, 8, -1]) / (12 * STEP)
    unit = np.eye(4)
    gradient = [sum(w * function(k, s * e) for s, w in zip(shifts, weights, strict=True)) for e in unit]
    hessian = [
        sum(
            weights[i] * weights[j] * function(k, shifts[i] * d + shifts[j] * e) for i, j in product(range(4), repeat=2)
        )
        for d, e in product(unit, repeat=2)
    ]
    return function(k, np.zeros(4)), np.array(gradient), np.reshape(hessian, (4, 4))


def check(row: Row, matrix: str, value: Any, gradients: list[Any], hessian: Any) -> None:
    name = next(n for n, r in ROWS.items() if r is row)
    exact, slope, curvature = by_differences(name, matrix)
    np.testing.assert_allclose(value, exact, rtol=1e-12)
    for gradient in gradients:
        np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(hessian, curvature, rtol=1e-6, atol=1e-7)


def test_jax_transforms_it(row: Row) -> None:
    import jax
    import jax.numpy as jnp

    open_backend("jax")
    function = moved(row, jnp.asarray)

    def everything(k: Any) -> Any:
        of = (lambda v: function(k, v), jnp.zeros(4))
        return tuple(t(of[0])(of[1]) for t in (lambda f: f, jax.grad, jax.jacfwd, jax.hessian))

    found = jax.jit(jax.vmap(everything))(jnp.asarray(np.stack(list(MATRICES.values()))))
    for i, matrix in enumerate(MATRICES):
        value, by_grad, by_jacfwd, hessian = (np.asarray(f)[i] for f in found)
        check(row, matrix, value, [by_grad, by_jacfwd], hessian)


def test_torch_transforms_it(row: Row) -> None:
    from torch import func

    function, zero = moved(row, torch.as_tensor), torch.zeros(4, dtype=torch.float64)
    together = func.vmap(function, (0, None))(torch.as_tensor(np.stack(list(MATRICES.values()))), zero)
    for i, matrix in enumerate(MATRICES):
        k = torch.as_tensor(MATRICES[matrix])
        of_k = lambda v, k=k: function(k, v)  # noqa: E731
        (by_autograd,) = torch.autograd.grad(of_k(v := zero.clone().requires_grad_()), v)
        gradients = [by_autograd, func.grad(of_k)(zero), func.jacfwd(of_k)(zero)]
        check(row, matrix, together[i], gradients, func.hessian(of_k)(zero))


def test_torch_compiles_what_calls_it(row: Row) -> None:
    function, k = moved(row, torch.as_tensor), torch.as_tensor(MATRICES["equal"])
    v = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    compiled = torch.compile(lambda v: function(k, 1.0 * v), backend="aot_eager")
    value = compiled(v)
    assert value.item() == pytest.approx(function(k, v).item(), rel=1e-14)
    np.testing.assert_allclose(*(torch.autograd.grad(f, v)[0] for f in (value, function(k, v))), rtol=1e-12)


@pytest.mark.slow
def test_jax_differentiates_in_float64_where_its_arrays_are_float32() -> None:
    script = """
import numpy as np, jax, jax.numpy as jnp
from ntkbench.solvers import kernel_regression
from ntkbench.theory import gradient_flow
k = jnp.asarray(np.diag([1.0, 1e-6]), "float32") + 0.5
y, t = jnp.ones(2), jnp.ones((1, 2)) - 0.5

def solved(r): return kernel_regression(k, y, t, r).prediction[0]
def flown(k): return gradient_flow(k, y, t, [2.0]).test[0, 0]

weights = lambda r, power: np.linalg.matrix_power(np.linalg.inv(np.asarray(k, "float64") + r * np.eye(2)), power) @ y
slope, curvature = jax.grad(jax.jit(solved))(1e-7), jax.hessian(solved)(1e-7)
assert solved(1e-7).dtype == "float64" and slope.dtype == "float32", (solved(1e-7).dtype, slope.dtype)
assert np.allclose(slope, -np.asarray(t)[0] @ weights(1e-7, 2), rtol=1e-5), slope
assert np.allclose(curvature, 2 * np.asarray(t)[0] @ weights(1e-7, 3), rtol=1e-5), curvature
# At the identity a direction E moves (1 - exp(-2 l)) / l by its derivative times E.
slope = jax.grad(jax.jit(flown))(jnp.eye(2))
assert np.allclose(slope, (3 * np.exp(-2) - 1) * 0.5, rtol=1e-6), slope
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
