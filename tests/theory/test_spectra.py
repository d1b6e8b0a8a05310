"""Spectra on circle, hypercube and sphere against eigendecompositions and formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import fc_kernels
from ntkbench.networks import Activation, Dense, serial
from ntkbench.theory import Circle, Hypercube, Sphere, cosine_kernel, harmonic_dimension
from ntkbench.theory.domains import Domain, coordinate_products
from ntkbench.theory.spectra import Spectrum, gegenbauer

RELU = Activation("relu")
DEEP = cosine_kernel(serial(Dense(1.4, 0.3), RELU, Dense(1.2, 0.1), RELU, Dense()))


def exponential(cosines: Any) -> Any:
    return np.exp(np.asarray(cosines))


@pytest.mark.parametrize("kernel", [DEEP, exponential])
@pytest.mark.parametrize("domain", [Circle(24), Circle(25), Hypercube(6)], ids=str)
def test_a_finite_domain_has_the_eigenvalues_of_its_gram_matrix(domain: Domain, kernel: Callable[[Any], Any]) -> None:
    points = domain.samples(1, 1, np.random.default_rng(0))[0].points
    # Rounded, for cosines of one that are one: a network's kernel has a root there.
    cosines = np.round(points @ points.T / points.shape[1], 14)
    found = domain.spectrum(kernel)
    expected = np.sort(np.linalg.eigvalsh(kernel(cosines.ravel()).reshape(cosines.shape)) / len(points))
    repeated = np.sort(np.repeat(found.eigenvalues, found.multiplicities.astype(int)))
    np.testing.assert_allclose(repeated, expected, rtol=1e-9, atol=1e-12)
    assert found.tail == 0.0


@pytest.mark.parametrize("d", [2, 3, 7])
def test_the_sphere_has_the_expansion_of_the_exponential(d: int) -> None:
    # By the Funk-Hecke formula its eigenvalues are modified Bessel functions at 1: Abramowitz & Stegun 9.6.18.
    from scipy.special import gamma, ive

    found = Sphere(d).spectrum(exponential)
    nu = d / 2 - 1
    expected = [gamma(d / 2) * 2**nu * ive(k + nu, 1.0) * math.e for k in range(12)]
    np.testing.assert_allclose(found.eigenvalues[:12], expected, rtol=1e-12, atol=1e-13)
    assert found.trace == pytest.approx(math.e)
    assert found.tail == 0.0


@pytest.mark.parametrize("d", [3, 8])
def test_eigenvalues_of_a_network_on_the_sphere_sum_to_its_diagonal_but_for_the_tail(d: int) -> None:
    found = Sphere(d).spectrum(DEEP)
    held = found.eigenvalues @ found.multiplicities
    assert held < found.trace
    assert held + found.tail == pytest.approx(found.trace, rel=1e-12)
    assert found.tail < 0.05 * found.trace


def test_one_hidden_layer_without_bias_has_no_odd_degrees_beyond_the_first() -> None:
    found = Sphere(5).spectrum(cosine_kernel(serial(Dense(math.sqrt(2.0)), RELU, Dense())))
    assert found.eigenvalues[3:40:2].max() < 1e-10 * found.trace
    assert found.eigenvalues[2:40:2].min() > 0


def test_a_cosine_kernel_is_the_network_s_kernel_of_such_inputs() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 4))
    x *= 2.0 / np.linalg.norm(x, axis=1, keepdims=True)
    kernel = cosine_kernel(serial(Dense(1.3, 0.2), RELU, Dense(1.3, 0.2), RELU, Dense(1.3, 0.2)))
    expected = fc_kernels(x, depth=3, w_std=1.3, b_std=0.2).ntk
    np.testing.assert_allclose(kernel((x @ x.T / 4).ravel()).reshape(6, 6), expected, rtol=1e-7)


@pytest.mark.parametrize(
    ("d", "numbers"), [(2, [1, 2, 2, 2]), (3, [1, 3, 5, 7]), (4, [1, 4, 9, 16]), (8, [1, 8, 35, 112])]
)
def test_harmonics_are_counted(d: int, numbers: list[int]) -> None:
    assert [harmonic_dimension(d, k) for k in range(4)] == numbers


def test_gegenbauer_polynomials_are_cosines_in_two_dimensions_and_legendre_s_in_three() -> None:
    t = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(gegenbauer(2, 5, t), [np.cos(k * np.arccos(t)) for k in range(6)], atol=1e-13)
    legendre = [np.polynomial.legendre.legval(t, np.eye(6)[k]) for k in range(6)]
    np.testing.assert_allclose(gegenbauer(3, 5, t), legendre, atol=1e-13)
    assert gegenbauer(3, 0, t).shape == (1, 9)


@pytest.mark.parametrize("domain", [Circle(24), Hypercube(6)], ids=str)
def test_functions_are_orthonormal_eigenfunctions(domain: Domain) -> None:
    points = domain.samples(1, 1, np.random.default_rng(0))[0].points
    k = exponential(points @ points.T / points.shape[1])
    found = [domain.functions(points, level, 5) for level in range(4)]
    together = np.hstack(found)
    np.testing.assert_allclose(together.T @ together / len(points), np.eye(together.shape[1]), atol=1e-12)
    for level, functions in enumerate(found):
        eigenvalue = domain.spectrum(exponential).eigenvalues[level]
        np.testing.assert_allclose(k @ functions / len(points), eigenvalue * functions, atol=1e-12)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_functions_on_the_sphere_are_harmonic_and_of_mean_square_one(level: int) -> None:
    # For d = 3 a product quadrature is exact: Gauss-Legendre in the height, even spacing in the angle.
    heights, weights = np.polynomial.legendre.leggauss(12)
    angle = 2 * math.pi * np.arange(24) / 24
    flat = np.sqrt(1 - heights**2)
    grid = np.stack(
        [np.outer(flat, np.cos(angle)), np.outer(flat, np.sin(angle)), np.outer(heights, np.ones(24))], axis=-1
    )
    points, weights = math.sqrt(3) * grid.reshape(-1, 3), np.repeat(weights, 24) / 48
    functions = Sphere(3).functions(points, level, 3)
    np.testing.assert_allclose(functions.T @ (weights[:, None] * functions), np.eye(functions.shape[1]), atol=1e-12)
    applied = exponential(points @ points.T / 3) @ (weights[:, None] * functions)
    expected = Sphere(3).spectrum(exponential).eigenvalues[level]
    np.testing.assert_allclose(applied, expected * functions, atol=1e-10)


def test_samples_of_a_finite_domain_are_without_replacement_and_tested_everywhere() -> None:
    (sample,) = Hypercube(4).samples(10, 5, np.random.default_rng(0))
    assert sample.points.shape == (16, 4)
    assert len({tuple(p) for p in sample.points}) == 16
    assert all(len(set(row)) == 10 for row in sample.train)
    assert len({tuple(row) for row in sample.train}) == 5
    assert list(sample.test) == list(range(16))


def test_samples_of_the_sphere_are_new_points_of_its_radius_each_time() -> None:
    one, other = Sphere(5).samples(10, 2, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(one.points, axis=1), math.sqrt(5), rtol=1e-12)
    assert not np.isin(one.points, other.points).any()
    assert not set(one.train.ravel()) & set(one.test)
    assert len(one.test) + one.train.size == len(one.points)


def test_products_choose_disjoint_coordinates_first() -> None:
    x = np.array([[2.0, 3.0, 5.0, 7.0, 11.0]])
    assert coordinate_products(x, 2, 3).tolist() == [[6.0, 35.0, 10.0]]
    assert coordinate_products(x, 0, 1).tolist() == [[1.0]]
    every = coordinate_products(x, 2, 10)[0]
    assert sorted(every) == sorted(a * b for i, a in enumerate(x[0]) for b in x[0, i + 1 :])


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: coordinate_products(np.ones((2, 3)), 4, 1), "no 1 products of 4 out of 3"),
        (lambda: coordinate_products(np.ones((2, 3)), 2, 4), "no 4 products of 2 out of 3"),
        (lambda: Circle(8).functions(np.ones((2, 2)), 4, 1), "levels from 0 to below 4"),
        (lambda: Hypercube(3).samples(9, 1, np.random.default_rng(0)), "between 1 and the 8 points"),
        (lambda: Hypercube(0).spectrum(exponential), "d must be at least 1, not 0"),
        (lambda: Sphere(1).spectrum(exponential), "d must be at least 2, not 1"),
        (lambda: harmonic_dimension(3, -1), "degree must be at least 0"),
        (lambda: Spectrum(np.ones(2), np.ones(3), 1.0), "one multiplicity for each"),
        (lambda: Spectrum(np.array([1.0, -0.1]), np.ones(2), 0.9), "not negative"),
    ],
)
def test_what_is_not_there_is_refused(act: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act()
