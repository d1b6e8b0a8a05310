"""What is looked at in arrays that have values, and left alone in those that a library traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.checks import all_finite, finite, symmetric
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.half import takes_half
from ntkbench.arrays.settings import standard_settings
from ntkbench.backends import open_backend

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")
BAD = np.array([[1.0, np.nan], [0.0, 1.0]])
TRANSFORMS: dict[str, tuple[str, Callable[[Callable[..., Any], Any], Any]]] = {
    "jax.jit": ("jax", lambda f, x: jax.jit(f)(x)),
    "jax.jit of a constant": ("jax", lambda f, x: jax.jit(lambda one: f(x) * one)(1.0)),
    "jax.grad": ("jax", lambda f, x: jax.grad(f)(x)),
    "jax.vmap": ("jax", lambda f, x: jax.vmap(f)(x[None])),
    "torch.func.grad": ("torch", lambda f, x: torch.func.grad(f)(x)),
    "torch.func.vmap": ("torch", lambda f, x: torch.func.vmap(f)(x[None])),
    "torch.func.jvp": ("torch", lambda f, x: torch.func.jvp(f, (x,), (x,))),
}


@pytest.fixture(autouse=True)
def followed() -> None:
    """The first derivative forwards, of which torch warns once, behind us."""
    assert execution_for(torch.zeros(())).transforms is not None


@pytest.mark.parametrize(("library", "transform"), TRANSFORMS.values(), ids=TRANSFORMS)
def test_what_is_traced_has_no_values_to_look_at(
    library: str, transform: Callable[[Callable[..., Any], Any], Any]
) -> None:
    seen = []

    @standard_settings
    @takes_half
    def look(x: Any) -> Any:
        execution = execution_for(x)
        seen.append((execution.traced(x), execution.traced(1.0), execution.differentiated(1.0)))
        assert all_finite(execution, x)
        return (finite(execution, symmetric(execution, x), "x") ** 2).sum()

    transform(look, open_backend(library).asarray(BAD, "float64"))
    assert seen == [(True, False, False)]


def test_a_plain_array_is_not_traced(backend: Any) -> None:
    x = backend.asarray(BAD, "float64")
    execution = execution_for(x)
    assert not execution.traced(x, 1.0)
    assert not execution.differentiated(x, 1.0)
    assert not all_finite(execution, x)
    with pytest.raises(ValueError, match="NaN"):
        finite(execution, x, "x")


def test_torch_says_by_what_a_derivative_may_be_asked_for() -> None:
    x = torch.ones(2, requires_grad=True)
    execution = execution_for(x)
    assert execution.differentiated(1.0, x)
    assert not execution.traced(x)
    with torch.no_grad():
        assert not execution.differentiated(x)
    with torch.autograd.forward_ad.dual_level():
        assert execution.differentiated(torch.autograd.forward_ad.make_dual(torch.ones(2), torch.ones(2)))


def test_halfwords_are_the_bits(backend: Any) -> None:
    x = np.array([[1.0, -2.0], [0.0, 3.5]], dtype=np.float32)
    for kind in ("float32", "float64"):
        words = backend.to_numpy(execution_for(backend.asarray(x, kind)).halfwords(backend.asarray(x, kind)))
        expected = x.astype(kind).view(np.uint16)
        np.testing.assert_array_equal(np.sort(words, axis=1), np.sort(expected, axis=1))
