"""Kernels as functions to be transformed: the same values, and derivatives that are finite and right everywhere.

The oracles are central differences of plain calls in float64, which at a cusp give the symmetric derivative, closed
forms, and the other library. Another architecture is a row in `ARCHITECTURES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.arrays.execution import execution_for, implementations
from ntkbench.backends import open_backend
from ntkbench.kernels import architecture_kernels, fc_kernels
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Residual,
    Serial,
    serial,
)
from ntkbench.networks.activations import ABRelu, Erf, Sin

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")

S2 = math.sqrt(2.0)
RELU, ERF = Activation("relu"), Activation("erf")
VECTOR, IMAGE = (3,), (4, 4, 2)


def relu_network(depth: int, b_std: Any = 0.0, w_std: Any = S2) -> Serial:
    hidden: list[Layer] = [Dense(w_std, b_std), RELU] * (depth - 1)
    return serial(*hidden, Dense(w_std, b_std))


ARCHITECTURES: dict[str, tuple[tuple[int, ...], Serial]] = {
    "relu 2": (VECTOR, relu_network(2)),
    "relu 3, biases": (VECTOR, relu_network(3, 0.4)),
    "relu 4": (VECTOR, relu_network(4)),
    "erf": (VECTOR, serial(Dense(1.3, 0.1), ERF, Dense())),
    "gelu": (VECTOR, serial(Dense(1.3, 0.1), Activation("gelu"), Dense(), RELU, Dense())),
    "a-b relu": (VECTOR, serial(Dense(1.3, 0.1), Activation(ABRelu(-0.3, 1.4)), Dense())),
    "residual": (VECTOR, serial(Dense(S2, 0.2), Residual(serial(RELU, Dense(S2))), ERF, Dense())),
    "layer norm": (VECTOR, serial(Dense(S2, 0.2), LayerNorm(), RELU, Dense())),
    "flatten": (IMAGE, serial(Conv(w_std=S2), RELU, Conv(w_std=S2, b_std=0.1), ERF, Flatten(), Dense())),
    "pooling": (IMAGE, serial(Conv(b_std=0.1), RELU, AvgPool(), Conv(), RELU, GlobalAvgPool(), Dense())),
}
every = pytest.mark.parametrize(("shape", "network"), ARCHITECTURES.values(), ids=ARCHITECTURES)
libraries = pytest.mark.parametrize("library", ["jax", "torch"])


@pytest.fixture(autouse=True)
def opened() -> None:
    """Both libraries, and torch's first derivative forwards behind us."""
    for library in ("jax", "torch"):
        open_backend(library)
    assert execution_for(torch.zeros(())).transforms is not None


def inputs(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Among them pairs that are equal, opposite and parallel, and one that is zero."""
    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((4, *shape)), rng.standard_normal((3, *shape))
    x[2], x[3] = 0.0, 3.0 * x[0]
    z[0], z[1] = x[1], -2.0 * x[0]
    return x, z


def weighted(network: Serial, x: Any, z: Any | None) -> Any:
    """A number in which every entry of both kernels has a weight of its own."""
    nngp, ntk = architecture_kernels(network, x, z)
    n, m = nngp.shape
    weights = np.random.default_rng(1).standard_normal((2, n, m))
    first, second = (execution_for(nngp).from_numpy(each, like=nngp) for each in weights)
    return (nngp * first + ntk * second).sum()


def differences(function: Callable[[np.ndarray], float], x: np.ndarray, places: list[tuple[int, ...]]) -> np.ndarray:
    """Their limit along some axes, from central ones of two steps: at a cusp they are off by the step itself."""
    found = []
    for place in places:
        slopes = []
        for step in (1e-4, 2e-4):
            here = []
            for sign in (1, -1):
                moved = x.copy()
                moved[place] += sign * step
                here.append(float(function(moved)))
            slopes.append((here[0] - here[1]) / (2 * step))
        found.append(2 * slopes[0] - slopes[1])
    return np.array(found)


def gradient(library: str, function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    if library == "jax":
        return np.asarray(jax.jit(jax.grad(function))(jax.numpy.asarray(x)))
    tensor = torch.from_numpy(x.copy()).requires_grad_()
    function(tensor).backward()
    found: np.ndarray = tensor.grad.numpy()
    return found


def array(library: str, x: np.ndarray) -> Any:
    return jax.numpy.asarray(x) if library == "jax" else torch.from_numpy(x)


@every
def test_transformed_it_has_the_same_values(shape: tuple[int, ...], network: Serial) -> None:
    x, z = inputs(shape)
    # Between opposite and parallel inputs a plain call itself has half the digits.
    x[3], z[1] = x[1], x[2]
    for second in (z, None):
        expected = np.stack(architecture_kernels(network, x, second))

        def kernels(a: Any, second: Any = second) -> Any:
            library = "jax" if isinstance(a, jax.Array) else "torch"
            return tuple(architecture_kernels(network, a, None if second is None else array(library, second)))

        mapped = torch.func.vmap(kernels)(torch.from_numpy(x)[None])
        for actual in (jax.jit(jax.vmap(kernels))(jax.numpy.asarray(x)[None]), mapped):
            np.testing.assert_allclose(np.stack(actual)[:, 0], expected, rtol=1e-12, atol=1e-13)


@libraries
@every
def test_gradients_are_the_limits_of_central_differences(shape: tuple[int, ...], network: Serial, library: str) -> None:
    x, z = inputs(shape)
    if shape == IMAGE:
        x[2] = 0.3  # between patches that are zero and others, a cusp of deeper layers has no closed form
    places = [place for place in np.ndindex(x.shape) if shape == VECTOR or place[1:] in {(0, 0, 0), (1, 2, 1)}]
    index = tuple(np.array(places).T)
    for second in (z, None):
        expected = differences(lambda v, second=second: weighted(network, v, second), x, places)
        fixed = None if second is None else array(library, second)
        actual = gradient(library, lambda v, fixed=fixed: weighted(network, v, fixed), x)[index]
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@libraries
def test_at_cusps_gradients_are_those_of_closed_forms(library: str) -> None:
    # With rho the correlation, q = 2 x.y / d: NNGP = 2 |x| |y| kappa_1(rho), NTK = NNGP + 2 q kappa_0(rho).
    y = np.array([[0.5, -1.0, 2.0]])
    for x, nngp, ntk in ((y, 2.0, 4.0), (-y, 0.0, 0.0), (0.0 * y, 1.0, 2.0)):
        for k, factor in enumerate((nngp, ntk)):
            fixed = array(library, y)
            actual = gradient(library, lambda v, k=k, fixed=fixed: fc_kernels(v, fixed, depth=2)[k].sum(), x)
            np.testing.assert_allclose(actual, factor * y / 3, rtol=1e-7, atol=1e-7)


def test_all_transforms_give_one_derivative() -> None:
    x, _ = inputs(VECTOR)
    for name in ("relu 2", "layer norm"):
        network = ARCHITECTURES[name][1]

        def kernel(v: Any, network: Serial = network) -> Any:
            return weighted(network, v, None)

        expected = gradient("torch", kernel, x)
        a, t = jax.numpy.asarray(x), torch.from_numpy(x)
        found = [jax.jit(transform(kernel))(a) for transform in (jax.jacfwd, jax.jacrev)]
        found += [jax.jit(jax.value_and_grad(kernel))(a)[1], jax.jit(jax.vmap(jax.grad(kernel)))(a[None])[0]]
        found += [transform(kernel)(t) for transform in (torch.func.grad, torch.func.jacfwd, torch.func.jacrev)]
        found += [torch.func.vmap(torch.func.grad(kernel))(t[None])[0]]
        for each in found:
            np.testing.assert_allclose(np.asarray(each), expected, rtol=1e-9, atol=1e-9)


def test_the_second_derivative_of_a_smooth_kernel_is_the_derivative_of_the_first() -> None:
    network = ARCHITECTURES["erf"][1]
    x = inputs(VECTOR)[0][:2]

    def kernel(v: Any) -> Any:
        return weighted(network, v, None)

    step, columns = 1e-5, []
    for place in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[place] = step
        columns.append((gradient("torch", kernel, x + moved) - gradient("torch", kernel, x - moved)) / (2 * step))
    expected = np.moveaxis(np.stack(columns), 0, -1).reshape(*x.shape, *x.shape)
    tensor = torch.from_numpy(x)
    hessians = (
        jax.jit(jax.hessian(kernel))(jax.numpy.asarray(x)),
        torch.func.hessian(kernel)(tensor),
        torch.autograd.functional.hessian(kernel, tensor),
    )
    for actual in hessians:
        np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-7, atol=1e-8)


def test_a_second_derivative_at_a_cusp_is_finite_and_warns() -> None:
    y = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64)

    def kernel(v: Any) -> Any:
        return fc_kernels(v, y, depth=2).ntk.sum()

    with pytest.warns(UserWarning, match="has a cusp") as seen:
        hessian = torch.autograd.functional.hessian(kernel, y.clone())
    assert torch.isfinite(hessian).all()
    assert len({str(warning.message) for warning in seen}) == 1
    assert np.isfinite(
        np.asarray(jax.jit(jax.hessian(lambda v: fc_kernels(v, depth=3).ntk.sum()))(inputs(VECTOR)[0]))
    ).all()


def test_a_symmetric_matrix_has_second_derivatives_without_a_warning() -> None:
    x = torch.from_numpy(np.random.default_rng(3).standard_normal((2, 3)))
    hessian = torch.autograd.functional.hessian(lambda v: fc_kernels(v, depth=3).ntk.sum(), x)
    expected = jax.jit(jax.hessian(lambda v: fc_kernels(v, depth=3).ntk.sum()))(jax.numpy.asarray(x.numpy()))
    np.testing.assert_allclose(hessian, np.asarray(expected), rtol=1e-9, atol=1e-9)


special = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 1e-9, 1e-30, 1e8, -1e8])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(special, min_size=2, max_size=2), min_size=3, max_size=3))
@pytest.mark.parametrize("name", ["relu 4", "relu 3, biases", "layer norm", "gelu"])
def test_gradients_are_finite_everywhere(name: str, rows: list[list[float]]) -> None:
    network = ARCHITECTURES[name][1]
    found = gradient("torch", lambda v: weighted(network, v, None), np.array(rows))
    assert np.isfinite(found).all()


SETTINGS: dict[str, Callable[[Any, Any], Serial]] = {
    "scales": lambda a, b: relu_network(3, b, a),
    "some scales": lambda a, b: serial(Dense(a, b), ERF, Dense(1.1), RELU, Dense(b)),
    "erf": lambda a, b: serial(Dense(1.3), Activation(Erf(a, b, 0.2)), Dense()),
    "sine": lambda a, b: serial(Dense(1.3), Activation(Sin(1.1, a, b)), Dense()),
    "a-b relu": lambda a, b: serial(Dense(1.3), Activation(ABRelu(a, b)), Dense()),
    "slope": lambda a, b: serial(Dense(a), Activation("leaky_relu", slope=b), Dense()),
}


@libraries
@pytest.mark.parametrize("make", SETTINGS.values(), ids=SETTINGS)
def test_settings_have_derivatives_too(make: Callable[[Any, Any], Serial], library: str) -> None:
    x, _ = inputs(VECTOR)
    at, a = np.array([1.2, 0.7]), array(library, x)
    expected = differences(lambda v: weighted(make(float(v[0]), float(v[1])), x, None), at, [(0,), (1,)])
    actual = gradient(library, lambda v: weighted(make(v[0], v[1]), a, None), at)
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


@libraries
def test_of_float32_a_gradient_is_computed_in_float64(library: str) -> None:
    x = inputs(VECTOR)[0].astype(np.float32)
    for name in ("relu 4", "gelu"):
        network = ARCHITECTURES[name][1]

        def kernel(v: Any, network: Serial = network) -> Any:
            return architecture_kernels(network, v).ntk.sum()

        actual = gradient(library, kernel, x)
        assert actual.dtype == np.float32
        exact = gradient("torch", kernel, x.astype(np.float64))
        np.testing.assert_allclose(actual, exact, rtol=1e-6, atol=1e-6 * np.abs(exact).max())


def test_half_precision_has_gradients_of_its_own_type() -> None:
    x = torch.ones((2, 3), dtype=torch.float16, requires_grad=True)
    fc_kernels(x, depth=2).ntk.sum().backward()
    assert x.grad.dtype == torch.float16
    assert torch.isfinite(x.grad).all()


def test_what_ran_is_noted() -> None:
    x = torch.ones((2, 3), dtype=torch.float64, requires_grad=True)
    with implementations() as used:
        fc_kernels(x, depth=2)
        architecture_kernels(ARCHITECTURES["erf"][1], x)
    assert used == {"aten"}
