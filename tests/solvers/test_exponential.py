"""Functions of a symmetric matrix and their derivatives, against closed forms where eigenvalues are equal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from ntkbench.arrays.execution import execution_for
from ntkbench.solvers.exponential import eigenbasis, exponential

S = np.array([0.0, 1e-9, 0.3, 1.0, 7.0, 1e4])


def both(k: Any, columns: Any, s: Any) -> tuple[Any, Any]:
    """exp(-s K) e, and its integral, in the basis of e itself."""
    execution = execution_for(k, columns, s)
    with execution.double():
        basis = eigenbasis(execution, k)
        found = exponential(execution, basis, execution.xp.matrix_transpose(basis.vectors) @ columns, s)
        return tuple(basis.vectors @ part for part in found)


@pytest.mark.parametrize("least", [0.0, 0.4, -0.8])
def test_it_is_the_matrix_exponential_and_its_integral(backend: Any, least: float) -> None:
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))
    k, columns = q @ np.diag([least, 0.4, 0.4, 90.0]) @ q.T, np.random.default_rng(1).standard_normal((4, 2))
    s = S if least >= 0 else S[:-1]
    kept, reach = (backend.to_numpy(f) for f in both(*(backend.asarray(a, "float64") for a in (k, columns, s))))
    for i, at in enumerate(s):
        # The upper right of exp([[-K, I], [0, 0]] s) is the integral.
        whole = scipy.linalg.expm(at * np.block([[-k, np.eye(4)], [np.zeros((4, 8))]]))
        np.testing.assert_allclose(kept[i], whole[:4, :4] @ columns, rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(reach[i], whole[:4, 4:] @ columns, rtol=1e-10, atol=1e-10 * max(1.0, at))


def test_at_infinity_the_integral_is_the_inverse(backend: Any) -> None:
    k, columns = np.array([[2.0, 1.0], [1.0, 2.0]]), np.eye(2)
    kept, reach = both(*(backend.asarray(a, "float64") for a in (k, columns, np.array([math.inf]))))
    np.testing.assert_allclose(backend.to_numpy(reach)[0], [[2 / 3, -1 / 3], [-1 / 3, 2 / 3]], rtol=1e-14)
    np.testing.assert_array_equal(backend.to_numpy(kept)[0], np.zeros((2, 2)))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("s", [0.0, 0.5, 1.0, 4.0, math.inf])
def test_at_the_identity_derivatives_are_those_of_numbers(s: float) -> None:
    # At I + x E, with E^2 = I, a function f is f'(1) E x + f''(1) I x^2 / 2 + f'''(1) E x^3 / 6 beyond its value.
    import torch
    from torch.func import jacfwd

    swap, e = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    time = torch.tensor([s], dtype=torch.float64)

    def along(x: Any) -> Any:
        return torch.stack(both(e + x * swap, e, time))[:, 0]

    at, derivative = torch.zeros((), dtype=torch.float64), along
    # (1 - exp(-s l)) / l is the integral of exp(-u l): its derivatives are moments, of (-u)^n exp(-u).
    for order in (1, 2, 3):
        derivative = jacfwd(derivative)
        moment = math.factorial(order) * scipy.special.gammainc(order + 1, s)
        slopes = [(-s) ** order * math.exp(-s) if s < math.inf else 0.0, (-1) ** order * moment]
        pattern = swap if order % 2 else e
        for found, slope in zip(derivative(at).numpy(), slopes, strict=True):
            np.testing.assert_allclose(found, slope * pattern.numpy(), rtol=1e-11, atol=1e-12)
