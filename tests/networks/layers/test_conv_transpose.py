"""Transposed convolutions against JAX's own and against explicit matrices."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import architecture_kernels
from ntkbench.kernels.general.structure import size
from ntkbench.networks import (
    Activation,
    ConvTranspose,
    Dense,
    Flatten,
    GlobalAvgPool,
    finite,
    serial,
    to_backend,
)
from ntkbench.networks.layers.layer import Units

SHAPES = [((5,), (3,), (2,)), ((5,), (2,), (3,)), ((3, 4), (3, 2), (1, 2)), ((2, 3, 2), (2, 3, 1), (2, 1, 3))]
PADDINGS = ["same", "valid", "circular"]


def matrices(size: tuple[int, ...], layer: ConvTranspose) -> list[np.ndarray]:
    """For each place in the filter the matrix (positions that come out, positions): each input is sent to its places.

    From what "valid" gives, "same" cuts half of what the filter is longer than the stride, and "circular" adds what is
    cut at the opposite border.
    """
    out = [n * s + max(k - s, 0) for n, s, k in zip(size, layer.steps, layer.window, strict=True)]
    cut = [
        0 if layer.padding == "valid" else max(k - s, 0) // 2 for s, k in zip(layer.steps, layer.window, strict=True)
    ]
    if layer.padding != "valid":
        out = [n * s for n, s in zip(size, layer.steps, strict=True)]
    found = []
    for place in itertools.product(*map(range, layer.window)):
        matrix = np.zeros((math.prod(out), math.prod(size)))
        for column, position in enumerate(itertools.product(*map(range, size))):
            along = zip(position, layer.steps, layer.window, place, cut, strict=True)
            at = [i * s + k - 1 - p - c for i, s, k, p, c in along]
            if layer.padding == "circular":
                at = [a % n for a, n in zip(at, out, strict=True)]
            if all(0 <= a < n for a, n in zip(at, out, strict=True)):
                matrix[np.ravel_multi_index(at, out), column] = 1
        found.append(matrix)
    return found


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("positions", "window", "stride"), [*SHAPES, ((3,), (4,), (1,)), ((1, 2), (5, 7), (2, 1))])
def test_it_is_the_transposed_convolution_of_jax(
    backend: Backend, positions: Any, window: Any, stride: Any, padding: Any
) -> None:
    import jax

    layer = ConvTranspose(window, stride, padding)
    network = finite(serial(layer, Flatten()), (*positions, 3), width=1, outputs=2, parameterization="standard")
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, *positions, 3)), rng.standard_normal((*window, 3, 2))
    y = network.apply(to_backend(({"weight": weight},), backend), backend.asarray(x, "float64"))
    axes = "DHW"[-len(window) :]
    expected = np.asarray(
        jax.lax.conv_transpose(
            open_backend("jax").asarray(x, "float64"),
            open_backend("jax").asarray(weight, "float64"),
            stride,
            "SAME" if padding == "same" else "VALID",
            dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
        )
    )
    if padding == "circular":
        # All that "valid" gives, wound around a torus whose origin is that of "same".
        for axis, (n, k, s) in enumerate(zip(positions, window, stride, strict=True), start=1):
            wound = np.zeros((*expected.shape[:axis], n * s, *expected.shape[axis + 1 :]))
            for place in range(expected.shape[axis]):
                at = (slice(None),) * axis + ((place - max(k - s, 0) // 2) % (n * s),)
                wound[at] += expected[(slice(None),) * axis + (place,)]
            expected = wound
    assert expected.shape[1:] == layer.output_shape((*positions, 3), Units(2, 2))
    np.testing.assert_allclose(backend.to_numpy(y), expected.reshape(2, -1), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("positions", "window", "stride"), SHAPES)
def test_its_kernels_are_means_over_the_filter_of_explicit_products(
    positions: Any, window: Any, stride: Any, padding: Any
) -> None:
    layer = ConvTranspose(window, stride, padding, 1.3, 0.4)
    x = np.random.default_rng(0).standard_normal((3, *positions, 2))
    flat = x.reshape(3, -1, 2)
    products = np.einsum("nic,mjc->nmij", flat, flat) / 2
    each = [matrix @ products @ matrix.T for matrix in matrices(positions, layer)]
    nngp = 1.3**2 * sum(each) / math.prod(window) + 0.4**2
    for end, expected in (
        (Flatten(), np.trace(nngp, axis1=2, axis2=3) / nngp.shape[-1]),
        (GlobalAvgPool(), nngp.mean(axis=(2, 3))),
    ):
        for kernel in architecture_kernels(serial(layer, end), x):
            np.testing.assert_allclose(kernel, expected, rtol=1e-12)


def test_room_is_reckoned_with_the_positions_that_come_out() -> None:
    up = serial(Dense(), ConvTranspose(stride=(2, 3)), Activation("relu"))
    assert size(serial(up, Flatten()), (4, 5, 2)) == 8 * 15
    assert size(serial(up, GlobalAvgPool()), (4, 5, 2)) == (8 * 15) ** 2
    assert size(serial(GlobalAvgPool(), Dense()), (4, 5, 2)) == (4 * 5) ** 2
    assert size(serial(Dense()), (7,)) == 1


def test_a_window_of_other_axes_is_refused_in_one_line() -> None:
    message = (
        r"^layer 1 \(ConvTranspose\): a window of \(3, 3\) is for images \(N, H, W, C\), not for sequences .* 1 number$"
    )
    with pytest.raises(ValueError, match=message):
        architecture_kernels(serial(ConvTranspose(), Flatten()), np.ones((2, 4, 3)))
    with pytest.raises(ValueError, match=r"^ConvTranspose needs sequences .*, not vectors of shape"):
        finite(serial(ConvTranspose(), Flatten()), (3,), width=2)
