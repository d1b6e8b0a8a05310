"""What counts as right: by finite differences, closed forms and the chain rule, and how far off is too far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ntkbench.errors import InputError
from ntkbench.kernels import fc_kernels
from ntkbench.peers.reference import Errors, errors, reference
from ntkbench.peers.workloads import WORKLOADS, inputs

SMALL = {w.name: w.shrunk() for w in WORKLOADS}


def test_the_empirical_reference_is_the_sum_of_products_of_derivatives() -> None:
    work = SMALL["empirical_10"]
    arrays = {name: array.astype(np.float64) for name, array in inputs(work).items()}
    names = ("w0", "w1", "w2")

    def outputs(flat: np.ndarray) -> np.ndarray:
        h, start = arrays["x1"], 0
        for name in names:
            weight = flat[start : start + arrays[name].size].reshape(arrays[name].shape)
            start += arrays[name].size
            h = h @ weight * np.sqrt(2 / len(weight))
            h = h if name == "w2" else np.maximum(h, 0)
        return h

    flat, step = np.concatenate([arrays[name].ravel() for name in names]), 1e-6
    jacobian = []
    for k in range(len(flat)):
        ahead, behind = flat.copy(), flat.copy()
        ahead[k] += step
        behind[k] -= step
        jacobian.append((outputs(ahead) - outputs(behind)) / (2 * step))
    expected = np.einsum("wio,wjo->ij", jacobian, jacobian) / 10
    np.testing.assert_allclose(reference(work, arrays)[0], expected, rtol=1e-7)


def test_the_fc_reference_has_the_exact_diagonal() -> None:
    work = SMALL["fc"]
    arrays = inputs(work)
    nngp, ntk = reference(work, arrays)
    # With w_std^2 = 2 the variance is kept: twice the mean square, and depth times it for the NTK.
    variance = 2 * np.mean(arrays["x1"].astype(np.float64) ** 2, axis=1)
    np.testing.assert_allclose(np.diag(nngp), variance, rtol=1e-12)
    np.testing.assert_allclose(np.diag(ntk), 3 * variance, rtol=1e-12)


def test_errors_on_and_off_the_diagonal_are_told_apart() -> None:
    work = SMALL["fc"]
    right = reference(work, inputs(work))
    wrong = right.copy()
    wrong[1, 2, 2] *= 1.01
    wrong[0, 1, 3] *= 1 - 3e-6
    found = errors(work, wrong, right)
    assert found.diagonal == pytest.approx(0.01, rel=1e-9)
    assert found.elsewhere == pytest.approx(3e-6, rel=1e-6)
    assert found.agree
    wrong[0, 1, 3] *= 1.001
    assert not errors(work, wrong, right).agree


@pytest.mark.parametrize("row", [0, 99])
def test_of_a_large_matrix_the_first_and_the_last_row_are_looked_at(row) -> None:
    work = replace(SMALL["fc"], params={**SMALL["fc"].params, "n": 100})
    right = reference(work, inputs(work))
    assert right.shape == (2, 64, 100)
    whole = np.stack(fc_kernels(inputs(work)["x1"].astype(np.float64), depth=3)[:2])
    assert errors(work, whole, right).agree
    assert errors(work, whole, right).diagonal < 1e-12
    whole[1, row, 40] *= 1.25
    found = errors(work, whole, right)
    assert (found.elsewhere, found.agree) == (pytest.approx(0.25), False)
    assert found.where == f"NTK[{row}, 40] is {whole[1, row, 40]:.9g}, not {whole[1, row, 40] / 1.25:.9g}"


def test_the_ntk_alone_and_a_row_of_predictions_are_results_too() -> None:
    work = SMALL["fc"]
    right = reference(work, inputs(work))
    assert errors(work, right[1:], right) == Errors(0.0, 0.0)
    # That of the NNGP is no NTK.
    assert not errors(work, right[:1], right).agree
    work = SMALL["regression"]
    right = reference(work, inputs(work))
    assert errors(work, right[:, :, 0], right) == Errors(0.0, None)


def test_two_sets_of_inputs_have_no_diagonal() -> None:
    work = SMALL["cntk_flatten_cross"]
    right = reference(work, inputs(work))
    wrong = right.copy()
    wrong[0, 1, 1] *= 1.5
    assert errors(work, wrong, right) == Errors(pytest.approx(0.5), None)


@pytest.mark.parametrize(("entry", "value"), [((0, 0), np.nan), ((1, 2), np.inf)])
def test_a_result_that_is_not_finite_is_refused(entry, value) -> None:
    work = SMALL["empirical_1"]
    right = reference(work, inputs(work))
    wrong = right.copy()
    wrong[0][entry] = value
    with pytest.raises(InputError, match="NaN or infinity"):
        errors(work, wrong, right)


def test_a_result_of_another_shape_is_refused() -> None:
    work = SMALL["empirical_1"]
    right = reference(work, inputs(work))
    with pytest.raises(InputError, match=r"of shape \(1, 4, 5\), not \(1, 5, 5\)"):
        errors(work, right[:, :4], right)


@pytest.mark.parametrize("name", SMALL)
def test_inputs_are_the_same_each_time_and_of_one_precision(name) -> None:
    one, two = inputs(SMALL[name]), inputs(SMALL[name])
    for key, array in one.items():
        assert array.dtype == SMALL[name].precision
        np.testing.assert_array_equal(array, two[key])
