"""Preconditioned conjugate gradient against direct solves, and its account of itself when it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.solvers.cholesky import NotPositiveDefinite
from ntkbench.solvers.conjugate_gradient import ConvergenceError, conjugate_gradient
from ntkbench.solvers.preconditioners import jacobi, nystrom, pivoted_cholesky

N = 24
RIDGE = 1e-3


def smooth_gram(n: int = N) -> np.ndarray:
    """A Gaussian kernel's matrix: eigenvalues that fall fast, as those of neural kernels do."""
    x = np.random.default_rng(0).uniform(-1, 1, (n, 2))
    return np.exp(-((x[:, None] - x[None]) ** 2).sum(-1))


K = smooth_gram()
B = np.random.default_rng(1).standard_normal((N, 2))
DIRECT = np.linalg.solve(K + RIDGE * np.eye(N), B)


def build(name: str, k: Any, b: Any, rank: int) -> Any:
    if name == "pivoted_cholesky":
        return pivoted_cholesky(k, rank=rank, ridge=RIDGE)
    return nystrom(k, b, rank=rank, ridge=RIDGE)


@pytest.mark.parametrize("name", ["none", "jacobi", "pivoted_cholesky", "nystrom"])
def test_it_agrees_with_a_direct_solve(backend: Any, name: str) -> None:
    k, b = backend.asarray(K, "float64"), backend.asarray(B, "float64")
    preconditioner = {"none": None, "jacobi": jacobi(k, RIDGE)}.get(name, ...)
    if preconditioner is ...:
        preconditioner = build(name, k, b, 6)
    found = conjugate_gradient(k, b, ridge=RIDGE, preconditioner=preconditioner, tolerance=1e-11)
    assert found.converged
    x = backend.to_numpy(found.x)
    assert x.dtype == np.float64
    np.testing.assert_allclose(x, DIRECT, rtol=0, atol=1e-8 * np.abs(DIRECT).max())
    # The curve starts at one and ends with the true residual.
    assert found.residuals.shape == (found.iterations + 1, 2)
    np.testing.assert_allclose(found.residuals[0], 1.0, rtol=1e-15)
    true = np.linalg.norm(B - K @ x - RIDGE * x, axis=0) / np.linalg.norm(B, axis=0)
    assert (true <= 1e-11).all()
    np.testing.assert_allclose(found.residuals[-1], true, rtol=0.5, atol=1e-15)


@pytest.mark.parametrize("name", ["pivoted_cholesky", "nystrom"])
def test_iterations_fall_as_the_rank_grows(backend: Any, name: str) -> None:
    k, b = backend.asarray(K, "float64"), backend.asarray(B, "float64")
    counts = [conjugate_gradient(k, b, ridge=RIDGE).iterations]
    counts += [
        conjugate_gradient(k, b, ridge=RIDGE, preconditioner=build(name, k, b, rank)).iterations for rank in (4, 10)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[1] > counts[2]


@pytest.mark.parametrize("name", ["pivoted_cholesky", "nystrom"])
def test_at_full_rank_the_preconditioner_is_the_inverse(name: str) -> None:
    assert conjugate_gradient(K, B, ridge=RIDGE, preconditioner=build(name, K, B, N)).iterations <= 2


@pytest.mark.parametrize("name", ["pivoted_cholesky", "nystrom"])
def test_every_library_has_the_same_preconditioner(backend: Any, name: str) -> None:
    k, b = backend.asarray(K, "float64"), backend.asarray(B, "float64")
    np.testing.assert_allclose(backend.to_numpy(build(name, k, b, 6)(b)), build(name, K, B, 6)(B), rtol=1e-7, atol=1e-9)


def test_the_random_numbers_of_a_preconditioner_are_its_seed_s() -> None:
    one, again, other = (nystrom(K, B, rank=3, seed=s)(B) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3


def test_a_matrix_of_few_distinct_eigenvalues_takes_as_few_steps(backend: Any) -> None:
    # Saad 2003, section 6.11: one step for each distinct eigenvalue.
    q, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((N, N)))
    k = backend.asarray(q @ np.diag(np.repeat([1.0, 2.0, 5.0], 8)) @ q.T, "float64")
    assert conjugate_gradient(k, backend.asarray(B, "float64")).iterations == 3


def test_a_function_serves_in_the_place_of_the_matrix(backend: Any) -> None:
    k, b = backend.asarray(K, "float64"), backend.asarray(B, "float64")
    calls = []

    def product(v: Any) -> Any:
        calls.append(tuple(v.shape))
        return k @ v

    preconditioners = [
        jacobi(backend.asarray(np.diag(K), "float64"), RIDGE),
        pivoted_cholesky(backend.asarray(np.diag(K), "float64"), rank=6, ridge=RIDGE, row=lambda i: k[i]),
        nystrom(product, b, rank=6, ridge=RIDGE),
    ]
    assert calls == [(N, 6)]
    for preconditioner in preconditioners:
        calls.clear()
        found = conjugate_gradient(product, b, ridge=RIDGE, preconditioner=preconditioner, tolerance=1e-11)
        np.testing.assert_allclose(backend.to_numpy(found.x), DIRECT, rtol=0, atol=1e-8 * np.abs(DIRECT).max())
        assert set(calls) == {(N, 2)}
        assert found.iterations < len(calls) <= found.iterations + 4


def test_partial_cholesky_of_the_matrix_and_of_its_rows_agree() -> None:
    r = np.eye(N)
    whole = pivoted_cholesky(K, rank=5, ridge=RIDGE)
    rows = pivoted_cholesky(np.diag(K), rank=5, ridge=RIDGE, row=lambda i: K[i])
    np.testing.assert_array_equal(whole(r), rows(r))


def test_the_largest_pivot_that_is_left_comes_first() -> None:
    read = []

    def row(i: int) -> np.ndarray:
        read.append(i)
        return np.diag([1.0, 5.0, 3.0, 4.0])[i]

    pivoted_cholesky(np.array([1.0, 5.0, 3.0, 4.0]), rank=3, row=row)
    assert read == [1, 3, 2]


@given(st.integers(2, 8), st.integers(1, 8), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_low_rank_preconditioners_are_exact_for_low_rank_matrices(n: int, rank: int, seed: int) -> None:
    rank = min(rank, n - 1)
    a = np.random.default_rng(seed).standard_normal((n, rank))
    k = a @ a.T
    for preconditioner in (
        pivoted_cholesky(k, rank=rank, ridge=0.5),
        nystrom(k, k, rank=rank, ridge=0.5),
    ):
        # Up to a factor P is K + ridge I on the span, and a multiple of the identity beyond it.
        q, _ = np.linalg.qr(a)
        inside = preconditioner((k + 0.5 * np.eye(n)) @ q)
        np.testing.assert_allclose(
            inside, q * np.trace(q.T @ inside) / rank, rtol=1e-6, atol=1e-6 * np.abs(inside).max()
        )
        outside = np.eye(n) - q @ q.T
        np.testing.assert_allclose(preconditioner(outside), outside, atol=1e-7)


@pytest.mark.parametrize("make", [lambda r: pivoted_cholesky(K, rank=r), lambda r: nystrom(K, B, rank=r)])
@pytest.mark.parametrize("rank", [1, 5, N])
def test_a_preconditioner_is_symmetric_and_positive_definite(make: Callable[[int], Any], rank: int) -> None:
    p = make(rank)(np.eye(N))
    np.testing.assert_allclose(p, p.T, atol=1e-12)
    assert np.linalg.eigvalsh((p + p.T) / 2)[0] > 0


def test_what_has_no_rank_has_no_preconditioner(backend: Any) -> None:
    zero, b = backend.asarray(np.zeros((N, N)), "float64"), backend.asarray(B, "float64")
    for preconditioner in (pivoted_cholesky(zero, rank=6), nystrom(zero, b, rank=6)):
        found = conjugate_gradient(zero, b, ridge=2.0, preconditioner=preconditioner)
        np.testing.assert_allclose(backend.to_numpy(found.x), B / 2, rtol=1e-14)
        assert found.iterations == 1


def test_a_zero_right_hand_side_has_the_zero_solution_at_once(backend: Any) -> None:
    k = backend.asarray(K, "float64")
    found = conjugate_gradient(k, backend.asarray(np.zeros((N, 2)), "float64"))
    assert (found.iterations, found.converged) == (0, True)
    assert not backend.to_numpy(found.x).any()
    mixed = backend.asarray(np.stack([np.zeros(N), B[:, 0]], axis=1), "float64")
    x = backend.to_numpy(conjugate_gradient(k, mixed, ridge=RIDGE, tolerance=1e-11).x)
    assert not x[:, 0].any()
    np.testing.assert_allclose(x[:, 1], DIRECT[:, 0], atol=1e-8 * np.abs(DIRECT).max())


def test_a_column_that_has_converged_waits_for_the_others(backend: Any) -> None:
    easy = np.linalg.eigh(K)[1][:, -1] + 1e-5 * B[:, 0]
    b = backend.asarray(np.stack([easy, B[:, 1]], axis=1), "float64")
    curve = conjugate_gradient(backend.asarray(K, "float64"), b, ridge=RIDGE, tolerance=1e-3).residuals
    np.testing.assert_array_equal(curve[1:-1, 0], curve[1, 0])
    assert 0 < curve[1, 0] < 1e-3
    assert len(curve) > 5


def test_a_vector_is_solved_as_a_column_is(backend: Any) -> None:
    k, b = backend.asarray(K, "float64"), backend.asarray(B, "float64")
    flat = conjugate_gradient(k, b[:, 0], ridge=1.0)
    assert tuple(flat.x.shape) == (N,)
    assert flat.residuals.shape == (flat.iterations + 1,)
    np.testing.assert_allclose(backend.to_numpy(flat.x), np.linalg.solve(K + np.eye(N), B[:, 0]), rtol=1e-8, atol=1e-10)


def test_one_point_takes_one_step() -> None:
    found = conjugate_gradient(np.array([[4.0]]), np.array([[2.0]]))
    assert (found.iterations, float(found.x[0, 0])) == (1, 0.5)


def test_a_limit_too_low_is_reported_with_what_was_reached(backend: Any) -> None:
    k, b = backend.asarray(K, "float64"), backend.asarray(B, "float64")
    with pytest.raises(ConvergenceError, match=r"after 3 iterations at a relative residual of .*limit of 3") as caught:
        conjugate_gradient(k, b, ridge=RIDGE, max_iterations=3)
    reached = caught.value.solution
    assert not reached.converged
    assert reached.residuals.shape == (4, 2)
    x = backend.to_numpy(reached.x)
    true = np.linalg.norm(B - K @ x - RIDGE * x, axis=0) / np.linalg.norm(B, axis=0)
    np.testing.assert_allclose(reached.residuals[-1], true, rtol=1e-10)
    quiet = conjugate_gradient(k, b, ridge=RIDGE, max_iterations=3, throw=False)
    assert (quiet.converged, quiet.iterations) == (False, 3)


def test_the_last_residual_is_that_of_the_solution_and_not_of_the_recursion() -> None:
    calls = []

    def product(v: np.ndarray) -> np.ndarray:
        calls.append(v)
        return K @ v if len(calls) <= 3 else 0 * v

    found = conjugate_gradient(product, B, max_iterations=3, throw=False)
    np.testing.assert_allclose(found.residuals[-1], 1.0, rtol=1e-15)


def test_a_product_in_float32_cannot_reach_what_float64_can() -> None:
    single = K.astype(np.float32)

    def product(v: np.ndarray) -> np.ndarray:
        return single @ v.astype(np.float32)

    with pytest.raises(ConvergenceError, match="rounding in the product"):
        conjugate_gradient(product, B, ridge=0.1, tolerance=1e-12)
    assert conjugate_gradient(product, B, ridge=0.1, tolerance=1e-5).converged


def test_a_direction_of_negative_curvature_is_an_error(backend: Any) -> None:
    k, b = np.diag([-0.5, *range(1, N)]), backend.asarray(B, "float64")
    with pytest.raises(NotPositiveDefinite) as caught:
        conjugate_gradient(backend.asarray(k, "float64"), b, ridge=0.1)
    assert not caught.value.exact
    # An upper bound of the smallest eigenvalue that shows that the ridge is too small.
    assert -0.5 - 1e-12 <= caught.value.eigenvalue < -0.1
    assert "the smallest eigenvalue of K is at most -0." in str(caught.value)
    # Along the eigenvector itself the bound is the eigenvalue.
    with pytest.raises(NotPositiveDefinite, match=r"at most -0\.5; a ridge of 0\.5 is the least that could") as caught:
        conjugate_gradient(backend.asarray(k, "float64"), backend.asarray(np.eye(N)[:, :2], "float64"), ridge=0.1)
    assert caught.value.eigenvalue == pytest.approx(-0.5, rel=1e-14)


@pytest.mark.parametrize("k", [np.zeros((N, N)), np.diag([0.0] + [1.0] * (N - 1))], ids=["zero", "singular"])
def test_a_singular_matrix_is_reported(backend: Any, k: np.ndarray) -> None:
    with pytest.raises(ConvergenceError, match=r"singular|rounding|limit"):
        conjugate_gradient(backend.asarray(k, "float64"), backend.asarray(B, "float64"))


def test_a_singular_matrix_that_can_be_solved_is_solved(backend: Any) -> None:
    k = np.ones((N, N))
    found = conjugate_gradient(backend.asarray(k, "float64"), backend.asarray(np.full((N, 1), 6.0), "float64"))
    np.testing.assert_allclose(backend.to_numpy(found.x), np.full((N, 1), 6.0 / N), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda: conjugate_gradient(lambda v: v[:1], B), "K v must have the shape"),
        (lambda: conjugate_gradient(K, B[:3]), f"b must have {N} rows"),
        (lambda: conjugate_gradient(K, B[:, :0]), "b must be"),
        (lambda: conjugate_gradient(np.triu(K), B), "k must be symmetric"),
        (lambda: conjugate_gradient(K, np.full((N, 1), np.inf)), "b holds NaN or infinity"),
        (lambda: conjugate_gradient(K, B, ridge=-1.0), "ridge must be"),
        (lambda: conjugate_gradient(K, B, tolerance=0.0), "tolerance must be positive"),
        (lambda: conjugate_gradient(K, B, preconditioner=lambda r: -r), "preconditioner is not positive definite"),
        (lambda: jacobi(np.zeros(3)), "diagonal of K . ridge I must be positive"),
        (lambda: pivoted_cholesky(K, rank=0), f"rank must be from 1 to n = {N}, not 0"),
        (lambda: pivoted_cholesky(K, rank=N + 1), f"not {N + 1}"),
        (lambda: pivoted_cholesky(np.diag(K), rank=1), "needs row"),
        (lambda: pivoted_cholesky(np.ones((2, 2, 2)), rank=1), "its diagonal"),
        (lambda: nystrom(K, B, rank=N + 1), f"not {N + 1}"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        call()


def test_a_product_that_is_not_finite_is_reported() -> None:
    with pytest.raises(ConvergenceError, match="NaN or infinity"):
        conjugate_gradient(lambda v: v * np.nan, B)
