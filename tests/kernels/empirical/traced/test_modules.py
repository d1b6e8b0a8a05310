"""Layers of Equinox and Flax as these libraries write them: each parameter has a rule, and the kernel is right."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkbench.arrays.execution import implementations
from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk


def normal(*shape: int) -> Any:
    return open_backend("jax").asarray(np.random.default_rng(sum(shape)).standard_normal(shape), "float64")


def double(tree: Any) -> Any:
    return jax.tree.map(
        lambda a: a.astype("float64") if hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.floating) else a, tree
    )


def check(*arguments: Any) -> None:
    with implementations() as used:
        found = empirical_ntk(*arguments, method="structured")
    assert used == {"structured, xla"}
    np.testing.assert_allclose(found, empirical_ntk(*arguments, method="contraction"), rtol=1e-10, atol=1e-12)


def test_layers_of_equinox() -> None:
    equinox = pytest.importorskip("equinox")
    images = normal(2, 2, 3, 3)
    nn, keys = equinox.nn, iter(jax.random.split(jax.random.key(0), 6))

    class Module(equinox.Module):  # type: ignore[misc, name-defined]
        """Words and images, joined and read by attention and a recurrence."""

        layers: dict[str, Any]

        def __call__(self, image: Any, words: Any) -> Any:
            part = self.layers
            seen = part["up"](part["down"](image)).reshape(4, -1).T
            h = jax.vmap(part["norm"])(seen[:3] + jax.vmap(part["table"])(words))
            h = h + part["attention"](h, h, h)
            return part["last"](jax.lax.scan(lambda state, row: (part["cell"](row, state), None), jnp.zeros(4), h)[0])

    layers = {
        "down": nn.Conv2d(2, 4, 3, stride=2, groups=2, key=next(keys)),
        "up": nn.ConvTranspose2d(4, 4, 2, stride=2, key=next(keys)),
        "table": nn.Embedding(5, 4, key=next(keys)),
        "norm": nn.LayerNorm(4),
        "attention": nn.MultiheadAttention(2, 4, key=next(keys)),
        "cell": nn.GRUCell(4, 4, key=next(keys)),
        "last": nn.Linear(4, 2, key=next(keys)),
    }
    words = jnp.asarray(np.random.default_rng(0).integers(0, 5, (2, 3)))
    check(double(Module(layers)), (images, words))


def test_layers_of_linen() -> None:
    linen = pytest.importorskip("flax.linen")

    class Module(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            h = linen.Conv(4, (3, 3), kernel_dilation=2)(x)
            h = h + linen.GroupNorm(2)(linen.Conv(4, (3, 3), feature_group_count=4)(linen.relu(h)))
            h = linen.avg_pool(linen.max_pool(h, (2, 2), (2, 2)), (2, 2)).reshape(x.shape[0], -1, 4)
            h = h + linen.MultiHeadDotProductAttention(2, dtype=h.dtype, param_dtype=h.dtype)(linen.LayerNorm()(h))
            return linen.Dense(2)(linen.RNN(linen.LSTMCell(3, param_dtype=h.dtype))(h)[:, -1])

    x = normal(2, 6, 6, 2)
    check(Module(), double(Module().init(jax.random.key(0), x)), x)
