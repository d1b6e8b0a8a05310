"""Ten images that stand for 900: kernel inducing points on scikit-learn's digits. Nguyen et al. 2021 (ICLR).

`python distil_digits.py`. Images that are noise at first, one for each class, are moved by gradient descent through
kernel regression with the NTK, until regression from these ten alone knows the digits.
"""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

from ntkbench.kernels import fc_kernels
from ntkbench.solvers import kernel_regression

RIDGE, STEPS, RATE = 1e-3, 120, 0.1
digits, classes = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(digits))
pixels = jnp.asarray((digits[order] - 4.9) / 6, "float32")  # mean 0, variance 1
targets = jnp.eye(10)[classes[order]] - 0.1
train, rest = (pixels[:900], targets[:900]), (pixels[900:], targets[900:])


@jax.jit
def predicted(images, inputs):
    """Regression from the ten images, at other inputs."""
    k_images, k_inputs = fc_kernels(images, depth=2).ntk, fc_kernels(inputs, images, depth=2).ntk
    return kernel_regression(k_images, jnp.eye(10) - 0.1, k_inputs, RIDGE).prediction


def loss(images):
    """The mean squared error on the training set."""
    inputs, labels = train
    return jnp.mean((predicted(images, inputs) - labels) ** 2)


@jax.jit
def step(state, count):
    """One step of Adam."""
    images, mean, square = state
    slope = jax.grad(loss)(images)
    mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
    move = mean / (1 - 0.9**count) / jnp.sqrt(square / (1 - 0.99**count) + 1e-12)
    return images - RATE * move, mean, square


def accuracy(images):
    """In percent, on images that took no part."""
    inputs, labels = rest
    return 100 * float(jnp.mean(predicted(images, inputs).argmax(1) == labels.argmax(1)))


images = jnp.asarray(np.random.default_rng(1).standard_normal((10, 64)), "float32")
print(f"accuracy from ten images of noise: {accuracy(images):.1f} %")
state = (images, 0 * images, 0 * images)
for count in range(1, STEPS + 1):
    state = step(state, float(count))
print(f"accuracy from ten distilled images: {accuracy(state[0]):.1f} %")
