"""Kernels of finitely many random neurons: the random features model and the NTK of its first layer."""

from __future__ import annotations

from collections.abc import Callable

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution, execution_for, note
from ntkbench.arrays.inputs import check_pair, check_vectors
from ntkbench.arrays.settings import standard_settings


@standard_settings
def random_features_kernel(x1: Array, x2: Array, weights: Array, activation: Callable[[Array], Array]) -> Array:
    """phi(V x1) . phi(V x2) / k, with V = weights / sqrt(d): k neurons whose readout is trained.

    Args:
        x1: Inputs (n1, d), float32 or float64, of NumPy, torch or JAX.
        x2: Other inputs (n2, d) of the same kind.
        weights: Of the neurons, (k, d), of the same kind.
        activation: phi, which acts entry by entry on the library's arrays and can be hashed.

    Returns:
        The kernel (n1, n2), of the library, dtype and device of x1.

    Raises:
        ValueError: For shapes or dtypes that do not fit.
        TypeError: For arrays of two libraries, or of none that is known.

    References:
        Rahimi & Recht 2007; Bombari & Mondelli 2024, section 3.
    """
    return _apply(_features_gram, x1, x2, weights, activation)


@standard_settings
def first_layer_kernel(x1: Array, x2: Array, weights: Array, derivative: Callable[[Array], Array]) -> Array:
    """(x1 . x2 / d) (phi'(W x1) . phi'(W x2) / k), with W = weights / sqrt(d): k neurons whose own weights are trained.

    Args:
        x1: Inputs (n1, d), float32 or float64, of NumPy, torch or JAX.
        x2: Other inputs (n2, d) of the same kind.
        weights: Of the neurons, (k, d), of the same kind.
        derivative: phi', which acts entry by entry on the library's arrays and can be hashed.

    Returns:
        The kernel (n1, n2), of the library, dtype and device of x1.

    Raises:
        ValueError: For shapes or dtypes that do not fit.
        TypeError: For arrays of two libraries, or of none that is known.

    References:
        Bombari & Mondelli 2024, section 3: the features z (x) phi'(W z).
    """
    return _apply(_tangent_gram, x1, x2, weights, derivative)


def _apply(
    gram: Callable[..., Array], x1: Array, x2: Array, weights: Array, activation: Callable[[Array], Array]
) -> Array:
    for name, x in (("x1", x1), ("x2", x2), ("weights", weights)):
        check_vectors(x, name)
    check_pair(x1, x2)
    if weights.shape[1] != x1.shape[1] or weights.dtype != x1.dtype:
        raise ValueError(
            f"weights must be (k, {x1.shape[1]}) and {x1.dtype}, not {tuple(weights.shape)} {weights.dtype}"
        )
    execution = execution_for(x1, x2, weights)
    note(execution.name)
    compiled = execution.compiled(gram, ("execution", "activation"))
    return compiled(x1, x2, weights, execution=execution, activation=activation)


def _features_gram(
    x1: Array, x2: Array, weights: Array, *, execution: Execution, activation: Callable[[Array], Array]
) -> Array:
    scaled = execution.xp.matrix_transpose(weights) / x1.shape[1] ** 0.5
    features1, features2 = activation(x1 @ scaled), activation(x2 @ scaled)
    return features1 @ execution.xp.matrix_transpose(features2) / weights.shape[0]


def _tangent_gram(
    x1: Array, x2: Array, weights: Array, *, execution: Execution, activation: Callable[[Array], Array]
) -> Array:
    inner = x1 @ execution.xp.matrix_transpose(x2) / x1.shape[1]
    return inner * _features_gram(x1, x2, weights, execution=execution, activation=activation)
