"""Structured derivatives of functions of JAX: against products of Jacobians, however parameters are used."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ntkbench.arrays.execution import execution_for, implementations
from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.traced.derivatives import TracedDerivatives, contract, derivatives_of, factors


@dataclass(frozen=True)
class Case:
    """`products`: the parameters of which layers are found; `lacking`: those without a rule, with what they enter."""

    apply: Callable[[Any, Any], Any]
    shapes: dict[str, tuple[int, ...]]
    input_shape: tuple[int, ...]
    products: tuple[str, ...]
    lacking: dict[str, str] = field(default_factory=dict)

    def params(self) -> dict[str, Any]:
        return {name: normal(*shape, seed=k) for k, (name, shape) in enumerate(self.shapes.items())}

    def inputs(self) -> tuple[Any, Any]:
        return normal(2, *self.input_shape), normal(2, *self.input_shape, seed=1)


def normal(*shape: int, seed: int = 0) -> Any:
    return open_backend("jax").asarray(np.random.default_rng([seed, *shape]).standard_normal(shape), "float64")


def convolution(x: Any, kernel: Any, stride: int = 1, padding: Any = "SAME", **options: Any) -> Any:
    return lax.conv_general_dilated(
        x, kernel, (stride,) * 2, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options
    )


def transposed_dense(p: Any, x: Any) -> Any:
    h = jax.nn.relu(x @ p["w"].T * 0.7 + p["b"])
    return h @ (p["v"].reshape(4, 2) / 3.0)


def reused(p: Any, x: Any) -> Any:
    """The same weights twice, once in a checkpoint and scaled."""
    h = jnp.tanh(x @ p["w"])
    h = jax.checkpoint(lambda a: jnp.sin(a @ (-(p["w"] * p["s"]))))(h)
    return h @ p["v"]


def transposed_and_not(p: Any, x: Any) -> Any:
    return jnp.tanh(jnp.tanh(x @ p["w"]) @ p["w"].T)


def parts_of_one(p: Any, x: Any) -> Any:
    """Weights for queries, keys and values in one array, and for two layers in another."""
    q, k, v = (x @ p["qkv"][:, part : part + 3] for part in (0, 3, 6))
    h = jax.nn.softmax(q @ k.swapaxes(1, 2)) @ v
    h, _ = lax.scan(lambda c, w: (jnp.tanh(c @ w), None), h, p["layers"])
    return h.mean(1)[:, :2]


def overlapping_parts(p: Any, x: Any) -> Any:
    return jnp.tanh(x @ p["w"][:, :2]) + x @ p["w"][:, 1:]


def recurrent(p: Any, x: Any) -> Any:
    def step(c: Any, t: Any) -> Any:
        c = jnp.tanh(c @ p["u"] + t @ p["w"] + p["b"])
        return c, c

    last, every = lax.scan(step, jnp.zeros((x.shape[0], 3)), x.swapaxes(0, 1), reverse=True)
    return last + every[1]


def long_loop(p: Any, x: Any) -> Any:
    return lax.scan(lambda c, _: (jnp.tanh(c @ p["u"]), None), x @ p["w"], None, length=65)[0]


def words(p: Any, x: Any) -> Any:
    """An embedding twice, negative numbers and numbers beyond the table, positions, and norms."""
    found = (x[..., 0] * 2).astype(int)
    h = jnp.take(p["table"], found, axis=0, mode="clip") + 2.0 * p["table"][found % 5] + p["places"]
    h = (h - h.mean(-1, keepdims=True)) * lax.rsqrt(h.var(-1, keepdims=True) + 0.1) * jax.nn.softplus(p["scale"]) - p[
        "b"
    ]
    return h.mean(1)


def tied(p: Any, x: Any) -> Any:
    h = p["table"][(x[..., 0] > 0).astype(int)].mean(1)
    return jnp.tanh(h) @ p["table"].T


def images(p: Any, x: Any) -> Any:
    """Groups, strides, dilations, padding of all kinds, and a kernel that is turned."""
    h = jnp.tanh(convolution(x, p["first"], 2, ((1, 2), (0, 1))))
    h = jnp.tanh(convolution(h, p["grouped"], feature_group_count=2, rhs_dilation=(2, 1)) + p["b"])
    h = jnp.tanh(convolution(h, p["deep"], feature_group_count=6))
    h = convolution(h, p["up"][::-1, ::-1], padding=((1, 1), (2, 0)), lhs_dilation=(2, 2))
    return (h * p["scale"]).mean((1, 2))


def channels_first(p: Any, x: Any) -> Any:
    h = lax.conv_general_dilated(x, p["w"], (1,), ((1, -1),))
    return lax.conv_general_dilated(jnp.tanh(h), p["v"], (1,), "VALID", dimension_numbers=("NCH", "HIO", "HNC"))[0]


def one_place(p: Any, x: Any) -> Any:
    """A window that sees padding but for its middle."""
    h = jnp.tanh(convolution(x, p["w"], 2, ((0, 0), (0, 0))))
    return convolution(h, p["v"])[:, 0, 0]


def heads(p: Any, x: Any) -> Any:
    """Weights apart for each of several heads, and a product where weights come first."""
    h = jnp.tanh(jnp.einsum("nhi,hij->hnj", x, p["heads"]))
    return jnp.einsum("ko,hnk->no", p["last"], h)


def adapted(p: Any, x: Any) -> Any:
    """A sum of weights, low-rank ones that are multiplied, and a norm of weights."""
    h = jnp.tanh(x @ (p["w"] + p["a"] @ p["b"]))
    return h @ (p["v"] / jnp.linalg.norm(p["v"], axis=0))


def apart(p: Any, x: Any) -> Any:
    """A rule of its own that holds a parameter, one that inputs never meet, one that is frozen, one without a use."""

    @jax.custom_vjp
    def doubled(w: Any, x: Any) -> Any:
        return x @ w

    doubled.defvjp(lambda w, x: (x @ w, (w, x)), lambda kept, g: (2 * kept[1].T @ g, g @ kept[0].T))
    x = x @ lax.stop_gradient(p["frozen"])
    return jnp.tanh(doubled(p["w"], x)) + jnp.zeros_like(x) @ jnp.zeros_like(p["w"]) + jnp.cumsum(p["c"])


CASES = {
    "transposed dense": Case(transposed_dense, {"w": (4, 3), "b": (4,), "v": (2, 2, 2)}, (3,), ("v", "w")),
    "reused": Case(reused, {"w": (3, 3), "v": (3, 2), "s": ()}, (3,), ("v", "w"), {"s": "dot_general"}),
    "transposed and not": Case(
        transposed_and_not, {"w": (3, 3)}, (3,), (), {"w": "uses of it in several arrangements"}
    ),
    "parts of one": Case(
        parts_of_one, {"qkv": (3, 9), "layers": (2, 3, 3)}, (4, 3), ("layers", "layers", *["qkv"] * 3)
    ),
    "overlapping parts": Case(overlapping_parts, {"w": (3, 3)}, (3,), (), {"w": "uses of it in several arrangements"}),
    "recurrent": Case(recurrent, {"u": (3, 3), "w": (2, 3), "b": (3,)}, (4, 2), ("u", "w")),
    "long loop": Case(long_loop, {"u": (2, 2), "w": (3, 2)}, (3,), ("w",), {"u": "scan"}),
    "words": Case(words, {"table": (5, 3), "places": (4, 3), "scale": (3,), "b": (3,)}, (4, 1), ("table",)),
    "tied": Case(tied, {"table": (4, 3)}, (3, 1), (), {"table": "uses of it in several arrangements"}),
    "images": Case(
        images,
        {
            "first": (3, 2, 2, 4),
            "grouped": (2, 3, 2, 6),
            "deep": (2, 2, 1, 6),
            "up": (2, 2, 6, 2),
            "b": (6,),
            "scale": (2,),
        },
        (6, 5, 2),
        ("deep", "first", "grouped", "up"),
    ),
    "channels first": Case(channels_first, {"w": (3, 2, 2), "v": (2, 3, 2)}, (2, 4), ("v", "w")),
    "one place": Case(one_place, {"w": (2, 2, 1, 3), "v": (3, 3, 3, 2)}, (2, 2, 1), ("v", "w")),
    "heads": Case(heads, {"heads": (2, 3, 4), "last": (4, 2)}, (2, 3), ("heads", "last")),
    "adapted": Case(
        adapted,
        {"w": (3, 4), "a": (3, 1), "b": (1, 4), "v": (4, 2)},
        (3,),
        ("w",),
        {"a": "dot_general", "b": "dot_general", "v": "dot_general"},
    ),
    "apart": Case(
        apart, {"w": (3, 3), "c": (3,), "unused": (2,), "frozen": (3, 3)}, (3,), (), {"w": "custom_vjp_call"}
    ),
}


def product(case: Case) -> Any:
    """(n1, n2, O, O), from whole Jacobians."""
    jacobian = jax.jit(jax.jacrev(case.apply))
    left, right = (
        [j.reshape(*j.shape[:2], -1) for j in jax.tree.leaves(jacobian(case.params(), x))] for x in case.inputs()
    )
    return sum(jnp.einsum("iop,jqp->ijoq", a, b) for a, b in zip(left, right, strict=True))


def derivatives(case: Case) -> TracedDerivatives:
    x, _ = case.inputs()
    return derivatives_of(case.apply, case.params(), None, x, execution_for(x))


@pytest.mark.parametrize("name", CASES)
def test_shares_are_products_of_jacobians_whatever_becomes_of_a_parameter(name: str) -> None:
    case = CASES[name]
    with implementations() as used:
        kernel = empirical_ntk(case.apply, case.params(), *case.inputs(), method="structured")
    np.testing.assert_allclose(kernel, product(case), rtol=1e-12, atol=1e-12)
    told = ", ".join(f"{path} in {why}" for path, why in case.lacking.items())
    assert used == {f"structured{f' (contraction for {told})' if told else ''}, xla"}
    names = sorted(case.shapes)
    assert tuple(names[layer.parameter] for layer in derivatives(case).program.layers) == case.products


FORMS = [Form(), Form(trace=True), Form(diagonal="outputs"), Form(diagonal="inputs"), Form(chosen=(1,))]


@pytest.mark.parametrize(("name", "form"), [("images", Form()), *itertools.product(["words", "heads"], FORMS)], ids=str)
def test_every_order_of_contraction_gives_every_part_of_the_kernel(name: str, form: Form) -> None:
    case = CASES[name]
    found, whole = derivatives(case), product(case)
    x1, x2 = case.inputs()
    count = found.program.outputs
    expected = {
        Form(): whole.transpose(0, 2, 1, 3).reshape(2 * count, 2 * count),
        Form(trace=True): jnp.einsum("ijoo->ij", whole) / count,
        Form(diagonal="outputs"): jnp.einsum("ijoo->oij", whole),
        Form(diagonal="inputs"): jnp.einsum("iiop->iop", whole),
        Form(chosen=(1,)): whole[:, :, 1, 1],
    }[form]
    layers = len(found.program.layers)
    allowed = ("slopes", "weights", *(["mapped"] if form.crossed else []))
    for order in allowed:
        orders = (order,) * layers + ("weights",) * len(found.program.alone)
        known: dict[str, Any] = {"program": found.program, "orders": orders, "form": form}
        # As a card computes convolutions; the other way is that of the kernels above, on processors.
        left, right = (
            jax.jit(factors, static_argnames=tuple(known))(found.trained, None, x, **known) for x in (x1, x2)
        )
        np.testing.assert_allclose(contract(left, right, **known), expected, rtol=1e-12, atol=1e-12)


def test_a_kink_has_the_derivative_that_its_function_says() -> None:
    # max(0, x) has the derivative 1/2 at zero, jax.nn.relu 0.
    kernel = empirical_ntk(
        lambda p, x: jax.nn.relu(x @ p["w"]) + p["b"], {"w": normal(2, 1), "b": normal(1)}, normal(1, 2) * 0
    )
    np.testing.assert_array_equal(kernel, np.ones((1, 1, 1, 1)))


def test_inputs_may_be_trees_of_words_and_numbers() -> None:
    def apply(p: Any, x: Any) -> Any:
        return (p["table"][x["words"]] * x["mask"][..., None]).sum(1) @ p["w"]

    params = {"table": normal(5, 3), "w": normal(3, 2)}
    words = jnp.asarray(np.random.default_rng(0).integers(-5, 5, (3, 4)))
    x = {"words": words, "mask": normal(3, 4)}
    kernels = [empirical_ntk(apply, params, x, method=method) for method in ("structured", "contraction")]  # type: ignore[arg-type]
    np.testing.assert_allclose(*kernels, rtol=1e-12)


def test_blocks_of_a_large_kernel_are_those_of_the_whole() -> None:
    case = CASES["images"]
    x, _ = case.inputs()
    kernels = [empirical_ntk(case.apply, case.params(), x, method="structured", memory=m) for m in (None, 1)]
    np.testing.assert_allclose(*kernels, rtol=1e-12)
    np.testing.assert_array_equal(kernels[1], kernels[1].transpose(1, 0, 3, 2))


def test_a_function_without_rules_still_has_its_jacobian() -> None:
    def apply(p: Any, x: Any) -> Any:
        return jnp.sort(jnp.fft.fft(x + p["shift"]).real) + jnp.cumsum(p["b"] * x[:, :1], axis=1)

    params, x = {"shift": normal(4), "b": normal(4, seed=1)}, normal(3, 4)
    kernels = [empirical_ntk(apply, params, x, method=method) for method in ("structured", "contraction")]  # type: ignore[arg-type]
    np.testing.assert_allclose(*kernels, rtol=1e-12, atol=1e-12)


def test_parameters_that_are_not_used_have_no_share() -> None:
    kernel = empirical_ntk(lambda p, x: x, {"w": normal(3)}, normal(2, 2), method="structured")
    np.testing.assert_array_equal(kernel, np.zeros((2, 2, 2, 2)))


def test_a_kernel_is_differentiated_by_what_the_function_holds() -> None:
    x, w = normal(2, 3), normal(3, 2)

    def total(scale: Any) -> Any:
        return empirical_ntk(lambda p, x: jnp.tanh(scale * (x @ p)), w, x, method="structured").sum()

    steps = [total(1.0 + step) for step in (1e-5, -1e-5)]
    np.testing.assert_allclose(jax.grad(total)(1.0), (steps[0] - steps[1]) / 2e-5, rtol=1e-8)
