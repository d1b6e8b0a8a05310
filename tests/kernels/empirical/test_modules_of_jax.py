"""Empirical kernels of modules of Flax and Equinox: against products of the Jacobians of the same functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk, empirical_ntk_product

METHODS = ("contraction", "vector_products", "structured")


def normal(*shape: int) -> Any:
    return open_backend("jax").asarray(np.random.default_rng(sum(shape)).standard_normal(shape), "float64")


def double(tree: Any) -> Any:
    return jax.tree.map(lambda a: a.astype("float64") if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)


def product(apply: Callable[[Any, Any], Any], params: Any, x1: Any, x2: Any) -> Any:
    """(n1, n2, O, O), from whole Jacobians."""
    left, right = (
        [j.reshape(*j.shape[:2], -1) for j in jax.tree.leaves(jax.jacrev(apply)(params, x))] for x in (x1, x2)
    )
    return sum(jnp.einsum("iop,jqp->ijoq", a, b) for a, b in zip(left, right, strict=True))


def check(call: Callable[..., Any], want: Any) -> None:
    for method in METHODS:
        np.testing.assert_allclose(call(empirical_ntk, method=method), want, rtol=1e-12, atol=1e-12)
    v = normal(2, 2)
    found = call(lambda *args: empirical_ntk_product(*args, v))
    np.testing.assert_allclose(found, jnp.einsum("ijop,jp->io", want, v), rtol=1e-12, atol=1e-12)


def test_a_linen_module_with_its_variables() -> None:
    linen = pytest.importorskip("flax.linen")

    class Module(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            h = linen.Conv(4, (3,), feature_group_count=2)(x)
            h = linen.gelu(linen.BatchNorm(use_running_average=True)(h))
            return linen.Dense(2)(h.mean(1))

    module, x1, x2 = Module(), normal(3, 5, 2), normal(2, 5, 2)
    variables = double(module.init(jax.random.key(0), x1))
    want = product(lambda p, x: module.apply({**variables, "params": p}, x), variables["params"], x1, x2)
    check(lambda f, **options: f(module, variables, x1, x2, **options), want)
    with pytest.raises(ValueError, match="a Flax linen module needs its variables"):
        empirical_ntk(module, x1, x2)


def test_an_nnx_module_is_left_in_its_mode() -> None:
    nnx = pytest.importorskip("flax.nnx")

    class Module(nnx.Module):  # type: ignore[misc, name-defined]
        def __init__(self, rngs: Any) -> None:
            self.first, self.last = (nnx.Linear(4, n, rngs=rngs, param_dtype=jnp.float64) for n in (4, 2))
            self.norm = nnx.BatchNorm(4, rngs=rngs, param_dtype=jnp.float64)
            self.dropout = nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.last(self.dropout(jnp.tanh(self.norm(self.first(jnp.tanh(self.first(x)))))))

    module, x1, x2 = Module(nnx.Rngs(0)), normal(3, 4), normal(2, 4)
    module.eval()
    graph, params, rest = nnx.split(module, nnx.Param, ...)
    want = product(lambda p, x: nnx.merge(graph, p, rest)(x), params, x1, x2)
    module.train()
    check(lambda f, **options: f(module, x1, x2, **options), want)
    assert not module.dropout.deterministic


def test_an_equinox_module_is_called_with_one_input_at_a_time() -> None:
    equinox = pytest.importorskip("equinox")
    keys = jax.random.split(jax.random.key(0), 2)
    layers = [
        equinox.nn.Linear(3, 4, key=keys[0]),
        equinox.nn.Lambda(jnp.tanh),
        equinox.nn.Dropout(0.5),
        equinox.nn.Linear(4, 2, key=keys[1]),
    ]
    arrays, rest = equinox.partition(equinox.nn.Sequential(layers), equinox.is_inexact_array)
    arrays, x1, x2 = double(arrays), normal(3, 3), normal(2, 3)
    evaluated = equinox.nn.inference_mode(rest)
    want = product(lambda p, x: jax.vmap(equinox.combine(p, evaluated))(x), arrays, x1, x2)
    module = equinox.combine(arrays, rest)
    check(lambda f, **options: f(module, x1, x2, **options), want)
