"""The w_std and b_std that predict best, found by the gradient of a validation loss.

`python tune_network.py`. From a poor start, on scikit-learn's digits, and beside the best of a grid.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

from ntkbench.kernels import fc_kernels
from ntkbench.solvers import cholesky_regression

RIDGE, STEPS, RATE = 1.0, 40, 0.15
digits, classes = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(digits))
pixels, targets = jnp.asarray(digits[order] / 16, "float32"), jnp.eye(10)[classes[order]] - 0.1
noise = 0.5 * np.random.default_rng(1).standard_normal((100, 10)).astype(np.float32)
train, held_out = (pixels[:100], targets[:100] + noise), (pixels[100:250], targets[100:250])


@jax.jit
@jax.value_and_grad
def loss(logarithms):
    """The mean squared error on the images held out, by the logarithms of w_std and b_std; and its slope."""
    w_std, b_std = jnp.exp(logarithms)
    network = {"depth": 2, "w_std": w_std, "b_std": b_std}
    k_train, k_test = fc_kernels(train[0], **network).ntk, fc_kernels(held_out[0], train[0], **network).ntk
    return jnp.mean((cholesky_regression(k_train, train[1], k_test, RIDGE).prediction - held_out[1]) ** 2)


def shown(logarithms):
    """The loss and where it is."""
    return "{:.5f} (w_std {:.2f}, b_std {:.2f})".format(float(loss(logarithms)[0]), *np.exp(logarithms))


grid = [jnp.log(jnp.asarray(point)) for point in itertools.product([0.5, 1.0, 2.0], [0.1, 0.5, 2.0])]
at, mean, square = jnp.log(jnp.asarray([0.3, 0.3])), jnp.zeros(2), jnp.zeros(2)
print("loss at the start:", shown(at))
for count in range(1, STEPS + 1):
    _, g = loss(at)
    mean, square = 0.8 * mean + 0.2 * g, 0.95 * square + 0.05 * g**2
    at = at - RATE * mean / (1 - 0.8**count) / jnp.sqrt(square / (1 - 0.95**count))
print("loss by gradient:", shown(at))
print("loss of the best of a grid:", shown(min(grid, key=lambda point: loss(point)[0])))
