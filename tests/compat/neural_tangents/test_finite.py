"""Networks of finite width: the numbers of JAX's own stax with the same keys, and kernels as means over them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp
from jax.example_libraries import stax as plain

from ntkbench import networks
from ntkbench.compat import neural_tangents as nt
from ntkbench.compat.neural_tangents import stax
from ntkbench.compat.neural_tangents.stax.parts import architecture_of

KEY = jax.random.PRNGKey(3)
NORMAL = {"W_init": jax.random.normal, "b_init": jax.random.normal}


def scaled(layer: Any, weight: float, bias: float) -> Any:
    """A layer of JAX's stax in the NTK parametrisation."""
    init, apply = layer
    return init, lambda params, x, **options: apply((weight * params[0], bias * params[1]), x)


def residual(library: Any, sum_: Any, identity: Any, *branch: Any) -> list[Any]:
    return [library.FanOut(2), library.parallel(library.serial(*branch), identity), sum_]


def equal(one: Any, other: Any) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, jnp.reshape(b, a.shape), rtol=1e-5, atol=1e-5)


def test_dense_layers_draw_and_compute_what_those_of_jax_do() -> None:
    ours = stax.serial(
        stax.Dense(5, W_std=1.3, b_std=0.2),
        *residual(stax, stax.FanInSum(), stax.Identity(), stax.Erf(), stax.Dense(5, W_std=0.9, b_std=0.1)),
        stax.Relu(),
        stax.Dense(2, W_std=1.1, b_std=0.3),
    )
    first, inner, last = (plain.Dense(units, **NORMAL) for units in (5, 5, 2))
    erf = plain.elementwise(jax.scipy.special.erf)
    theirs = plain.serial(
        scaled(first, 1.3 / math.sqrt(3), 0.2),
        *residual(plain, plain.FanInSum, plain.Identity, erf, scaled(inner, 0.9 / math.sqrt(5), 0.1)),
        plain.Relu,
        scaled(last, 1.1 / math.sqrt(5), 0.3),
    )
    x = jax.random.normal(KEY, (4, 3))
    (shape, params), (_, want) = ours[0](KEY, (-1, 3)), theirs[0](KEY, (-1, 3))
    assert shape == (-1, 2)
    assert [type(each).__name__ for each in params] == ["tuple", "tuple", "tuple", "tuple", "tuple", "tuple"]
    equal(params, want)
    equal(jax.jit(ours[1])(params, x), jax.jit(theirs[1])(want, x))


def test_convolutions_draw_and_compute_what_those_of_jax_do() -> None:
    ours = stax.serial(
        stax.Conv(4, (3, 3), (2, 2), "SAME", W_std=1.2, b_std=0.3),
        stax.Abs(),
        stax.AvgPool((2, 2), padding="SAME", normalize_edges=True),
        stax.Conv(3, (4, 4), padding="VALID"),
        stax.Flatten(),
        stax.Dense(2, b_std=0.0),
    )
    first = plain.Conv(4, (3, 3), (2, 2), "SAME", **NORMAL)
    theirs = plain.serial(
        scaled(first, 1.2 / math.sqrt(18), 0.3),
        plain.elementwise(jnp.abs),
        plain.AvgPool((2, 2), padding="SAME"),
        scaled(plain.Conv(3, (4, 4), **NORMAL), 1 / math.sqrt(64), 0.0),
        plain.Flatten,
        scaled(plain.Dense(2, **NORMAL), 1 / math.sqrt(3), 0.0),
    )
    x = jax.random.normal(KEY, (2, 8, 7, 2))
    (shape, params), (_, want) = ours[0](KEY, x.shape), theirs[0](KEY, x.shape)
    assert shape == (2, 2)
    assert params[3][1] is None
    assert params[5][1].shape == (1, 2)
    equal(jax.jit(ours[1])(params, x), jax.jit(theirs[1])(want, x))
    equal((params[0], params[3][0], params[5]), (want[0], want[3][0], want[5]))


@pytest.mark.parametrize("join", ["FanInSum", "FanInConcat"])
def test_three_branches_draw_and_compute_what_those_of_jax_do(join: str) -> None:
    ours = stax.serial(
        stax.FanOut(3),
        stax.parallel(stax.serial(stax.Dense(4), stax.Relu()), stax.Identity(), stax.Dense(4, 1.2)),
        getattr(stax, join)(),
        stax.repeat(stax.serial(stax.Abs(), stax.Dense(3)), 1),
    )
    dense = plain.Dense(4, **NORMAL)
    theirs = plain.serial(
        plain.FanOut(3),
        plain.parallel(plain.serial(scaled(dense, 0.5, 0.0), plain.Relu), plain.Identity, scaled(dense, 0.6, 0.0)),
        plain.FanInConcat() if join == "FanInConcat" else plain.FanInSum,
        plain.serial(
            plain.serial(
                plain.elementwise(jnp.abs),
                scaled(plain.Dense(3, **NORMAL), 1 / math.sqrt(12 if join == "FanInConcat" else 4), 0.0),
            )
        ),
    )
    x = jax.random.normal(KEY, (2, 4))
    (shape, params), (_, want) = ours[0](KEY, x.shape), theirs[0](KEY, x.shape)
    assert shape == (2, 3)
    equal(jax.tree.leaves(params), [w for w in jax.tree.leaves(want) if w.ndim == 2])
    equal(jax.jit(ours[1])(params, x), jax.jit(theirs[1])(want, x))


def test_kernels_of_branches_are_those_of_the_layers_here() -> None:
    def kernels(join: Any) -> Any:
        branches = stax.parallel(stax.serial(stax.Dense(4), stax.Relu()), stax.Identity(), stax.Dense(4, 1.2))
        return stax.serial(stax.Dense(4), stax.FanOut(3), branches, join, stax.Dense(1))[2]

    first, last = networks.serial(networks.Dense(), networks.Activation("relu")), networks.Dense(1.2)
    branches = (first, networks.serial(), networks.serial(last))
    both = networks.Residual(networks.serial(), networks.serial(last))
    native = {
        stax.FanInSum(): networks.Residual(first, networks.serial(both)),
        stax.FanInConcat(): networks.Concatenate(branches),
        stax.FanInProd(): networks.FanInProd(branches),
    }
    for join, layer in native.items():
        whole = architecture_of(kernels(join).part, (3,)).layer
        assert whole == networks.serial(networks.Dense(), layer, networks.Dense())


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_transposed_convolutions_draw_and_compute_what_those_of_jax_do(padding: str) -> None:
    init, apply, _ = stax.ConvTranspose(3, (3, 2), (2, 1), padding, W_std=1.2, b_std=0.3)
    theirs = scaled(plain.ConvTranspose(3, (3, 2), (2, 1), padding, **NORMAL), 1.2 / math.sqrt(12), 0.3)
    x = jax.random.normal(KEY, (2, 4, 3, 2))
    (shape, params), (want_shape, want) = init(KEY, x.shape), theirs[0](KEY, x.shape)
    assert shape == tuple(want_shape)
    equal(params, want)
    equal(jax.jit(apply)(params, x), jax.jit(theirs[1])(want, x))


def test_unshared_weights_are_by_position() -> None:
    init, apply, _ = stax.ConvLocal(3, (2,), W_std=1.2, b_std=0.3)
    x = jax.random.normal(KEY, (2, 4, 5))
    shape, (w, b) = init(KEY, x.shape)
    assert (shape, w.shape, b.shape) == ((2, 3, 3), (3, 2, 5, 3), (1, 3, 3))
    seen = np.stack([np.asarray(x)[:, :-1], np.asarray(x)[:, 1:]], axis=2)
    want = 1.2 / math.sqrt(10) * np.einsum("npwc,pwcu->npu", seen, w) + 0.3 * np.asarray(b)
    equal(jax.jit(apply)((w, b), x), want)


def test_the_standard_parametrisation_draws_weights_of_their_own_size() -> None:
    init, apply, _ = stax.serial(
        stax.Dense(4, 1.5, 0.2, parameterization="standard", s=(1, 3)),
        stax.Relu(),
        stax.Dense(2, 1.2, parameterization="standard", s=(3, 1)),
    )
    _, params = init(KEY, (-1, 5))
    keys = [jax.random.split(KEY)]
    keys.append(jax.random.split(keys[0][0]))
    last = jax.random.split(jax.random.split(keys[1][0])[1])[0]
    first = jax.random.split(keys[0][1])
    equal(
        params[0], (1.5 / math.sqrt(5) * jax.random.normal(first[0], (5, 12)), 0.2 * jax.random.normal(first[1], (12,)))
    )
    equal(params[2][0], 1.2 / math.sqrt(4) * jax.random.normal(last, (12, 2)))
    x = jax.random.normal(KEY, (3, 5))
    hidden = jnp.maximum(x @ params[0][0] + params[0][1], 0)
    equal(apply(params, x), hidden @ params[2][0] / math.sqrt(3))


def test_one_network_has_the_kernels_of_its_jacobian() -> None:
    init, apply, _ = stax.serial(stax.Dense(6, b_std=0.5), stax.Erf(), stax.Dense(2))
    x1, x2 = jax.random.normal(KEY, (3, 4)), jax.random.normal(jax.random.PRNGKey(4), (2, 4))
    _, params = init(KEY, x1.shape)
    jacobian = jax.jit(jax.jacrev(apply))
    left, right = (
        jnp.concatenate([j.reshape(*j.shape[:2], -1) for j in jax.tree.leaves(jacobian(params, x))], -1)
        for x in (x1, x2)
    )
    ntk = jnp.einsum("iop,jqp->ijoq", left, right)
    nngp = jnp.einsum("io,jq->ijoq", apply(params, x1), apply(params, x2))
    traced = [jnp.trace(k, axis1=2, axis2=3) / 2 for k in (nngp, ntk)]
    for implementation in (0, nt.NtkImplementation.NTK_VECTOR_PRODUCTS, 3):
        kernel_fn = nt.empirical_kernel_fn(apply, implementation=implementation)
        equal(tuple(kernel_fn(x1, x2, None, params)), tuple(traced))
    equal(nt.empirical_ntk_fn(apply, trace_axes=())(x1, x2, params), ntk)
    equal(nt.empirical_nngp_fn(apply, trace_axes=())(x1, x2, params), nngp)
    equal(nt.empirical_ntk_fn(apply)(x1, None, params), jnp.einsum("iop,jop->ij", left, left) / 2)
    batched = nt.batch(nt.empirical_kernel_fn(apply), batch_size=1)
    equal(tuple(batched(x1, x2, ("nngp", "ntk"), params)), tuple(traced))


def test_kernels_are_means_over_random_networks() -> None:
    # With one hidden layer there is no bias at any width.
    init, apply, kernel_fn = stax.serial(stax.Dense(64, W_std=1.3, b_std=0.2), stax.Relu(), stax.Dense(16))
    x1, x2 = jax.random.normal(KEY, (3, 5)), jax.random.normal(jax.random.PRNGKey(4), (2, 5))
    draws = 24
    means = nt.monte_carlo_kernel_fn(init, jax.jit(apply), KEY, range(1, draws + 1))(x1, x2, ("nngp", "ntk"))
    sums = np.stack([n * np.stack(mean) for n, mean in enumerate(means, start=1)])
    samples = np.diff(sums, axis=0, prepend=0.0)
    errors = samples.std(axis=0, ddof=1) / math.sqrt(draws)
    want = np.stack(kernel_fn(x1, x2, ("nngp", "ntk")))
    assert np.all(np.abs(sums[-1] / draws - want) < 3 * errors)
    assert np.all(errors < 0.2 * np.abs(want).max())


def test_its_polynomials_take_its_parameters() -> None:
    init, apply, _ = stax.serial(stax.Dense(6), stax.Monomial(2), stax.Dense(1))
    x = jax.random.normal(KEY, (3, 4))
    (_, at), (_, params) = init(KEY, x.shape), init(jax.random.PRNGKey(9), x.shape)
    equal(jax.jit(nt.taylor_expand(apply, at, 3))(params, x), apply(params, x))
    difference = jax.tree.map(jnp.subtract, params, at)
    value, slope = jax.jit(lambda p, d: jax.jvp(lambda p: apply(p, x), (p,), (d,)))(at, difference)
    equal(jax.jit(nt.linearize(apply, at))(params, x, rng=KEY), value + slope)
    with pytest.raises(ValueError, match=r"^params must be nested as those at which it was expanded"):
        nt.linearize(apply, at)(params[:1], x)
