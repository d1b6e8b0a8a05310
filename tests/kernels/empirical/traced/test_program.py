"""What is read of a program: sizes and costs, against closed formulas and those of networks that are known."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntkbench.arrays.execution import implementations
from ntkbench.backends import open_backend
from ntkbench.kernels import empirical_ntk
from ntkbench.kernels.empirical.costs import WAYS, costs
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.shares import Direct, Share
from ntkbench.kernels.empirical.traced.derivatives import TracedDerivatives, derivatives_of
from ntkbench.networks import Activation, Conv, Dense, Flatten, finite, serial, to_backend


def array(*shape: int) -> Any:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def found(function: Any, params: Any, *input_shape: int) -> TracedDerivatives:
    return derivatives_of(function, params, None, array(1, *input_shape), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", [Form(), Form(trace=True), Form(diagonal="outputs"), Form(chosen=(0, 2))], ids=str)
@pytest.mark.parametrize("n2", [None, 7])
def test_a_program_costs_what_the_network_costs_that_it_computes(form: Form, n2: int | None) -> None:
    tanh = Activation("tanh")
    network = finite(
        serial(Conv((3, 3), (2, 2)), tanh, Flatten(), Dense(), tanh, Dense()), (8, 8, 16), width=128, outputs=10
    )
    params = to_backend(network.init(np.random.default_rng(0)), open_backend("jax"), "float32")
    counted = found(network.apply, params, 8, 8, 16).costs(20, n2, form)
    known = costs(network, 20, n2, trace=form.trace, diagonal=form.diagonal, outputs=form.chosen)
    for way in WAYS:
        # The program counts nonlinearities and scales, too.
        assert known[way] < counted[way] < 1.05 * known[way]


def test_shares_have_the_sizes_of_what_units_see() -> None:
    def apply(p: Any, x: Any) -> Any:
        h = jnp.tanh(p["table"][x[:, :, 0].astype(int)] @ p["w"] + p["b"])
        return jnp.cumsum(h @ p["w"] * p["scale"], axis=1).mean(1)

    params = {"table": array(50, 6), "w": array(6, 6), "b": array(6), "scale": array(6), "unused": array(3)}
    program = found(apply, params, 9, 1).program
    assert program.shares == (
        Share(9, 50, 6, lookup=True),
        Share(18, 6, 6),
        Direct(6, multiply_adds=54),
        Direct(6, multiply_adds=54),
    )


def test_taps_that_meet_padding_alone_are_no_part_of_a_convolution() -> None:
    def apply(p: Any, x: Any) -> Any:
        return jax.lax.conv_general_dilated(
            x, p, (1,), ((4, 2),), rhs_dilation=(2,), dimension_numbers=("NWC", "WIO", "NWC")
        )[:, 0]

    # Of four taps, two apart, on two places with four zeros before and two after, the third alone meets places.
    program = found(apply, array(4, 3, 5), 2, 3).program
    assert program.shares == (Share(2, 3, 5),)


def test_the_way_of_the_fewest_multiply_adds_is_taken_of_those_that_fit() -> None:
    def apply(p: Any, x: Any) -> Any:
        return jnp.tanh(x @ p["v"]) @ p["w"]

    backend, rng = open_backend("jax"), np.random.default_rng(0)
    for width, n in ((1, 2), (40, 2), (40, 12)):
        params = {"v": rng.standard_normal((3, width)), "w": rng.standard_normal((width, 4))}
        given = {name: backend.asarray(w, "float64") for name, w in params.items()}
        x = backend.asarray(rng.standard_normal((n, 3)), "float64")
        counted = found(apply, jax.tree.map(lambda w: array(*w.shape), given), 3).costs(n, None, Form())
        with implementations() as used:
            empirical_ntk(apply, given, x)
        assert used == {f"{min(counted, key=lambda way: counted[way]).replace('_', ' ')}, xla"}


def test_a_program_is_read_once_for_inputs_of_one_shape() -> None:
    traced = []

    def apply(p: Any, x: Any) -> Any:
        traced.append(x.shape)
        return x @ p

    programs = [found(apply, array(3, 2), 3).program for _ in range(2)]
    assert programs[0] is programs[1]
    assert traced == [(1, 3)]
    assert found(apply, array(4, 2), 4).program is not programs[0]
