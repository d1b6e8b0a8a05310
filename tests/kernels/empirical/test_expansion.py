"""Taylor polynomials of models in their parameters: against models that are polynomials, and against differences."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk, linearize, taylor_expand
from ntkbench.networks import Activation, Conv, Dense, Flatten, finite, serial, to_backend

BOTH = pytest.mark.parametrize("backend", ["jax", "torch"], indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Any:
    pytest.importorskip(request.param)
    return open_backend(request.param)


class Case:
    """A network with two sets of parameters and inputs."""

    def __init__(self, architecture: Any, shape: tuple[int, ...], backend: Any) -> None:
        self.network = finite(architecture, shape, width=4, outputs=2)
        draws = np.random.default_rng(5)
        self.at, self.params = (to_backend(self.network.init(draws), backend) for _ in range(2))
        self.x = backend.asarray(draws.standard_normal((3, *shape)), "float64")
        self.numpy = backend.to_numpy

    def outputs(self, function: Callable[[Any, Any], Any], share: float = 1.0) -> np.ndarray:
        """Of a function, so far on the way from the one set of parameters to the other."""
        mixed = tuple(
            {name: p[name] + share * (q[name] - p[name]) for name in p}
            for p, q in zip(self.at, self.params, strict=True)
        )
        return self.numpy(function(mixed, self.x))


CUBIC = serial(Dense(1.2, 0.3), Activation("monomial", degree=2), Dense(1.1, 0.2))
IMAGES = serial(Conv((2, 2), w_std=1.3), Activation("monomial", degree=2), Flatten(), Dense())
SMOOTH = serial(Dense(1.2, 0.3), Activation("erf"), Dense(1.1, 0.2))


@BOTH
@pytest.mark.parametrize(("architecture", "shape"), [(CUBIC, (3,)), (IMAGES, (3, 3, 1))], ids=["vectors", "images"])
def test_a_network_that_is_cubic_in_its_parameters_is_its_polynomial_of_degree_three(
    architecture: Any, shape: tuple[int, ...], backend: Any
) -> None:
    case = Case(architecture, shape, backend)
    want = case.outputs(case.network.apply)
    second, third = (case.outputs(taylor_expand(case.network, case.at, degree)) for degree in (2, 3))
    np.testing.assert_allclose(third, want, rtol=1e-12, atol=1e-12)
    assert np.abs(second - want).max() > 0.1


@BOTH
def test_its_terms_are_the_divided_differences_along_the_way(backend: Any) -> None:
    case = Case(SMOOTH, (3,), backend)
    found = [case.outputs(taylor_expand(case.network.apply, case.at, degree)) for degree in range(4)]
    terms = [b - a for a, b in itertools.pairwise(found)]
    np.testing.assert_array_equal(found[0], case.numpy(case.network.apply(case.at, case.x)))
    # The polynomial of degree 10 through 11 points near 0 has these coefficients, but for the distance's 11th power.
    places = np.arange(-5.0, 6.0)
    values = np.stack([case.outputs(case.network.apply, 0.02 * place) for place in places])
    coefficients = np.linalg.solve(np.vander(places, increasing=True), values.reshape(len(places), -1))
    for k, term in enumerate(terms, start=1):
        np.testing.assert_allclose(term, coefficients[k].reshape(term.shape) / 0.02**k, rtol=1e-6, atol=1e-6)


def test_in_jax_it_is_what_the_arithmetic_of_power_series_gives() -> None:
    jax = pytest.importorskip("jax")
    jet = pytest.importorskip("jax.experimental.jet").jet
    case = Case(CUBIC, (3,), open_backend("jax"))
    flat, structure = jax.tree.flatten(case.at)
    direction = [q - p for p, q in zip(flat, jax.tree.leaves(case.params), strict=True)]

    def function(*arrays: Any) -> Any:
        # jet knows products and sums, but not every layer.
        first, second = jax.tree.unflatten(structure, arrays)
        h = 1.2 / math.sqrt(3) * case.x @ first["weight"] + 0.3 * first["bias"]
        return 1.1 / math.sqrt(4) * (h * h) @ second["weight"] + 0.2 * second["bias"]

    series = [[d, jax.numpy.zeros_like(d), jax.numpy.zeros_like(d)] for d in direction]
    value, terms = jet(function, tuple(flat), tuple(series))
    for degree in range(4):
        want = value + sum(term / math.factorial(k) for k, term in enumerate(terms[:degree], start=1))
        np.testing.assert_allclose(
            case.outputs(taylor_expand(case.network, case.at, degree)), want, rtol=1e-12, atol=1e-12
        )


@BOTH
def test_a_linear_model_keeps_its_kernel_and_trains_along_the_first_gradient(backend: Any) -> None:
    case = Case(SMOOTH, (3,), backend)
    linear = linearize(case.network, case.at)
    want = case.numpy(empirical_ntk(case.network, case.at, case.x))
    for params in (case.at, case.params):
        np.testing.assert_allclose(case.numpy(empirical_ntk(linear, params, case.x)), want, rtol=1e-12, atol=1e-12)
    assert np.abs(case.numpy(empirical_ntk(case.network, case.params, case.x)) - want).max() > 0.1


def test_jax_compiles_and_differentiates_it() -> None:
    jax = pytest.importorskip("jax")
    case = Case(SMOOTH, (3,), open_backend("jax"))
    linear = linearize(case.network, case.at)
    np.testing.assert_allclose(jax.jit(linear)(case.params, case.x), linear(case.params, case.x), rtol=1e-12)
    slopes, want = (
        jax.grad(lambda p, f=f: f(p, case.x).sum())(at)
        for f, at in ((linear, case.params), (case.network.apply, case.at))
    )
    for one, other in zip(jax.tree.leaves(slopes), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def module_of_torch() -> tuple[Any, Any]:
    """A module with a buffer, frozen biases and a matrix in two places, and inputs."""
    torch = pytest.importorskip("torch")

    class Module(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm, self.last = torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2)
            self.second = torch.nn.Linear(3, 3)
            self.second.weight = self.first.weight
            self.first.bias.requires_grad_(False)

        def forward(self, x: Any) -> Any:
            return self.last(self.norm(self.second(torch.tanh(self.first(x)))))

    torch.manual_seed(0)
    return Module().double(), torch.randn(4, 3, dtype=torch.float64)


def test_a_module_of_torch_and_what_trains_it_in_place() -> None:
    torch = pytest.importorskip("torch")
    module, x = module_of_torch()
    module.eval()
    start = copy.deepcopy(module)
    linear = linearize(module)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter += 0.3 * torch.randn_like(parameter)
    moved = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    at = {name: p.detach() for name, p in start.named_parameters() if p.requires_grad}
    direction = {name: moved[name] - at[name] for name in at}
    want, slope = torch.func.jvp(lambda p: torch.func.functional_call(start, p, (x,)), (at,), (direction,))
    np.testing.assert_allclose(linear(module, x).detach(), want + slope, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(linear(moved, x), want + slope, rtol=1e-12, atol=1e-12)
    # Its own gradient is the first one, wherever its parameters are.
    linear(module, x).sum().backward()
    start(x).sum().backward()
    for one, other in zip(module.parameters(), start.parameters(), strict=True):
        if one.requires_grad:
            np.testing.assert_allclose(one.grad, other.grad, rtol=1e-12, atol=1e-12)


def normal_of_jax(*shape: int) -> Any:
    return open_backend("jax").asarray(np.random.default_rng(0).standard_normal(shape), "float64")


def test_modules_of_flax_that_are_linear_are_themselves() -> None:
    linen = pytest.importorskip("flax.linen")
    import jax
    from flax import nnx

    x = normal_of_jax(4, 3)
    module = linen.Dense(2, param_dtype="float64")
    first, second = (module.init(jax.random.key(k), x) for k in range(2))
    np.testing.assert_allclose(linearize(module, first)(second, x), module.apply(second, x), rtol=1e-12)
    one, other = (nnx.Linear(3, 2, param_dtype="float64", rngs=nnx.Rngs(k)) for k in range(2))
    np.testing.assert_allclose(linearize(one)(other, x), other(x), rtol=1e-12)


def test_modules_of_equinox() -> None:
    equinox = pytest.importorskip("equinox")
    import jax

    x = normal_of_jax(4, 3)
    one, other = (equinox.nn.MLP(3, 2, 4, 1, jax.nn.tanh, key=jax.random.key(k), dtype="float64") for k in range(2))
    arrays, rest = equinox.partition(one, equinox.is_inexact_array)
    direction = jax.tree.map(lambda p, q: q - p, arrays, equinox.filter(other, equinox.is_inexact_array))
    value, slope = jax.jvp(lambda p: jax.vmap(equinox.combine(p, rest))(x), (arrays,), (direction,))
    np.testing.assert_allclose(linearize(one)(other, x), value + slope, rtol=1e-12)


def test_what_makes_no_sense_is_refused_in_one_line() -> None:
    case = Case(SMOOTH, (3,), open_backend("jax"))
    with pytest.raises(ValueError, match=r"^degree must be a whole number from 0, not -1$"):
        taylor_expand(case.network, case.at, -1)
    with pytest.raises(
        ValueError, match=r"^there are no parameters to expand in: give params, arrays of JAX or torch$"
    ):
        linearize(case.network)
    linear = linearize(case.network, case.at)
    for wrong in (case.at[:1], ({}, {}), case.at[::-1], case.x):
        with pytest.raises(
            ValueError, match=r"^params must be nested as those at which it was expanded: \(3, 4\), \(4,\)"
        ):
            linear(wrong, case.x)
    with pytest.raises(TypeError, match="have not"):
        linearize(case.network, case.network.init(np.random.default_rng(0)))
    module, _ = module_of_torch()
    with pytest.raises(ValueError, match=r"^Module holds its parameters: leave params out$"):
        linearize(module, dict(module.named_parameters()))
