"""The derivatives of a kernel by the logarithms of the scales of its network."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from ntkbench.arrays.execution import execution_for
from ntkbench.errors import InputError
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import fully_connected
from ntkbench.networks.activations import nonlinearity_of
from ntkbench.sklearn.network import ActivationLike, KernelName
from ntkbench.sklearn.relu_gradient import relu_gradient


def gradient(
    x: np.ndarray, *, depth: int, activation: ActivationLike, w_std: float, b_std: float, kernel: KernelName
) -> np.ndarray:
    """The derivatives of a fully connected network's kernel by log w_std and by log b_std.

    In closed form for ReLU; for others by automatic differentiation, on torch or else on JAX.

    Args:
        x: inputs (n, d), float64.
        depth: layers with weights, at least 2.
        activation: a name, a nonlinearity, or a function of arrays.
        w_std: positive.
        b_std: not negative.
        kernel: "ntk" or "nngp".

    Returns:
        (n, n, 2).

    Raises:
        InputError: without torch and JAX, for another activation than ReLU.
    """
    if nonlinearity_of(activation) == nonlinearity_of("relu"):
        return relu_gradient(x, depth, w_std, b_std)[("nngp", "ntk").index(kernel)]
    scales = np.array([w_std, b_std])

    def matrix(inputs: Any, scale: Any) -> Any:
        network = fully_connected(depth, activation, w_std=scale[0], b_std=scale[1])
        return getattr(architecture_kernels(network, inputs), kernel)

    for library, differentiated in (("torch", _by_torch), ("jax", _by_jax)):
        if find_spec(library) is not None:
            slopes: np.ndarray = differentiated(matrix, x, scales) * scales
            return slopes
    raise InputError(
        "derivatives by w_std and b_std take torch or JAX for other activations than 'relu': "
        "pip install 'ntkbench[torch]', or set w_std_bounds and b_std_bounds to 'fixed'"
    )


def _by_torch(matrix: Any, x: np.ndarray, scales: np.ndarray) -> np.ndarray:
    import torch

    inputs, point = torch.tensor(x), torch.tensor(scales)
    slopes: np.ndarray = torch.func.jacfwd(lambda scale: matrix(inputs, scale))(point).detach().numpy()
    return slopes


def _by_jax(matrix: Any, x: np.ndarray, scales: np.ndarray) -> np.ndarray:
    import jax

    with execution_for(jax.numpy.zeros(0)).double():
        inputs, point = jax.numpy.asarray(x), jax.numpy.asarray(scales)
        return np.array(jax.jacfwd(lambda scale: matrix(inputs, scale))(point))
