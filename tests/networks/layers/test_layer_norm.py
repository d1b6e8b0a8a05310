"""Layer normalisation over channels alone, and over channels and positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm, finite, serial
from ntkbench.networks.layers.layer import Units

X = np.random.default_rng(0).standard_normal((3, 3, 4, 2))


@pytest.mark.parametrize(("axis", "same"), [(-1, (3,)), (3, (3,)), ((1, -1), (1, 3)), ((3, 2, 1), (1, 2, 3))])
def test_features_have_mean_zero_and_variance_one(backend: Backend, axis: Any, same: tuple[int, ...]) -> None:
    y = backend.to_numpy(LayerNorm(0.0, axis).forward(backend.asarray(X, "float64"), lambda h: h))
    np.testing.assert_allclose(y.mean(axis=same), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(axis=same), 1, rtol=1e-12)
    spread = np.sqrt(X.var(axis=same, keepdims=True))
    np.testing.assert_allclose(y, (X - X.mean(axis=same, keepdims=True)) / spread, rtol=1e-12)


@pytest.mark.parametrize("axis", [(1, 3), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("end", [Flatten(), GlobalAvgPool()])
def test_the_variance_is_the_mean_over_positions(axis: tuple[int, ...], end: Any) -> None:
    epsilon, biased = 0.3, Dense(1.2, 0.4)
    nngp = architecture_kernels(serial(biased, LayerNorm(epsilon, axis), end, Dense()), X).nngp
    field = 1.2**2 * np.einsum("nhwc,mijc->nmhwij", X, X) / 2 + 0.4**2
    variances = np.einsum("nnhwhw->nhw", field)
    variances = variances.mean(axis=tuple(k for k in axis if k < 3), keepdims=True) + epsilon
    variances = np.broadcast_to(variances, (3, 3, 4))
    field = field / np.sqrt(variances[:, None, :, :, None, None] * variances[None, :, None, None])
    pairs = field.mean(axis=(2, 3, 4, 5)) if isinstance(end, GlobalAvgPool) else np.einsum("nmhwhw->nm", field) / 12
    np.testing.assert_allclose(nngp, pairs, rtol=1e-12)


def test_a_vector_has_its_channels_alone() -> None:
    x = X[:, 0, 0]
    one, same = (serial(Dense(), LayerNorm(axis=axis), Activation("relu"), Dense()) for axis in (-1, (1,)))
    np.testing.assert_array_equal(architecture_kernels(one, x).ntk, architecture_kernels(same, x).ntk)


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ((), r"axis must be a whole number or a tuple of them, not \(\)"),
        (1.0, "axis must be a whole number or a tuple of them, not 1.0"),
        ([1, 3], r"axis must be a whole number or a tuple of them, not \[1, 3\]"),
        ((0, 3), "axis must not be 0: an input's features do not depend on other inputs"),
    ],
)
def test_what_are_no_axes_is_refused(axis: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LayerNorm(axis=axis)


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ((1, 2), r"axis \(1, 2\) leaves out the channels, which are axis 3 or -1"),
        ((3, 4), r"axis \(3, 4\) is not one of the inputs, which have 4"),
        ((-4, -1), r"axis \(-4, -1\) is not one of the inputs, which have 4"),
    ],
)
def test_axes_that_the_inputs_do_not_have_are_refused_by_name(axis: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"layer 2 \(LayerNorm\): " + message):
        architecture_kernels(serial(Conv(), LayerNorm(axis=axis), Flatten()), X)
    with pytest.raises(ValueError, match="LayerNorm: " + message):
        finite(serial(Conv(), LayerNorm(axis=axis), Flatten()), X.shape[1:], width=2)
    with pytest.raises(ValueError, match="LayerNorm: " + message):
        LayerNorm(axis=axis).output_shape((3, 4, 2), Units(1, 1))
