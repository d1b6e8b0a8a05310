"""Scripts of users of neural-tangents, with one import changed, in a process of their own: JAX as it comes."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("jax")

BEGINNING = """
import functools
import jax.numpy as jnp
from jax import grad, jit, random, vmap
from ntkbench.compat import neural_tangents as nt
from ntkbench.compat.neural_tangents import stax
"""

FIRST_STEPS = """
init_fn, apply_fn, kernel_fn = stax.serial(
    stax.Dense(64), stax.Relu(), stax.Dense(64), stax.Relu(), stax.Dense(1))
key1, key2 = random.split(random.PRNGKey(1))
x1, x2 = random.normal(key1, (10, 100)), random.normal(key2, (20, 100))
nngp, ntk = (kernel_fn(x1, x2, name) for name in ('nngp', 'ntk'))
both = kernel_fn(x1, x2, ('nngp', 'ntk'))
assert nngp.shape == ntk.shape == (10, 20)
assert (both.nngp == nngp).all() and (both.ntk == ntk).all()
kernel = kernel_fn(x1, x2)
deeper = stax.serial(*[stax.serial(stax.Dense(64), stax.Relu(), stax.Dense(64), stax.Relu(), stax.Dense(1))] * 2)[2]
assert jnp.allclose(kernel_fn(kernel).nngp, deeper(x1, x2, 'nngp'), rtol=1e-6)

y = random.uniform(key1, shape=(10, 1))
predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x1, y)
by_nngp, by_ntk = predict_fn(x_test=x2, get='nngp'), predict_fn(x_test=x2, get='ntk')
both = predict_fn(x_test=x2, get=('nngp', 'ntk'))
assert by_nngp.shape == by_ntk.shape == (20, 1)
assert (both.nngp == by_nngp).all() and (both.ntk == by_ntk).all()
for name, mean in (('nngp', by_nngp), ('ntk', by_ntk)):
    want = kernel_fn(x2, x1, name) @ jnp.linalg.solve(kernel_fn(x1, None, name), y)
    assert jnp.allclose(mean, want, atol=1e-4), abs(mean - want).max()

def block(channels, strides=(1, 1), channel_mismatch=False):
    main = stax.serial(stax.Relu(), stax.Conv(channels, (3, 3), strides, padding='SAME'),
                       stax.Relu(), stax.Conv(channels, (3, 3), padding='SAME'))
    shortcut = stax.Identity() if not channel_mismatch else stax.Conv(channels, (3, 3), strides, padding='SAME')
    return stax.serial(stax.FanOut(2), stax.parallel(main, shortcut), stax.FanInSum())

init_fn, apply_fn, kernel_fn = stax.serial(
    stax.Conv(4, (3, 3), padding='SAME'), block(4, (2, 2), True),
    stax.AvgPool((2, 2)), stax.Flatten(), stax.Dense(3, 1., 0.))
images = random.normal(key1, (2, 4, 4, 3))
shape, params = init_fn(key2, images.shape)
assert shape == (2, 3)
assert jit(apply_fn)(params, images).shape == shape
assert kernel_fn(images, None, 'ntk').shape == (2, 2)
"""

COOKBOOK = """
key, x_key, y_key = random.split(random.PRNGKey(10), 3)
train_xs = random.uniform(x_key, (5, 1), minval=-jnp.pi, maxval=jnp.pi)
train_ys = jnp.sin(train_xs) + 1e-1 * random.normal(y_key, (5, 1))
test_xs = jnp.linspace(-jnp.pi, jnp.pi, 8)[:, None]
init_fn, apply_fn, kernel_fn = stax.serial(
    stax.Dense(512, W_std=1.5, b_std=0.05), stax.Erf(),
    stax.Dense(512, W_std=1.5, b_std=0.05), stax.Erf(),
    stax.Dense(1, W_std=1.5, b_std=0.05))
apply_fn, kernel_fn = jit(apply_fn), jit(kernel_fn, static_argnames='get')

prior = kernel_fn(test_xs, test_xs, 'nngp')
many = vmap(lambda key: apply_fn(init_fn(key, (-1, 1))[1], test_xs))(random.split(key, 100))
variances = jnp.mean(many[..., 0] ** 2, axis=0)
spread = jnp.std(many[..., 0] ** 2, axis=0) / jnp.sqrt(100)
assert (abs(variances - jnp.diag(prior)) < 3 * spread).all()

predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, train_xs, train_ys, diag_reg=1e-4)
ends = [predict_fn(x_test=test_xs, get=name, compute_cov=True) for name in ('nngp', 'ntk')]
assert all(mean.shape == (8, 1) and covariance.shape == (8, 8) for mean, covariance in ends)

def losses(ys, t, xs=None):
    mean, cov = predict_fn(t=t, get='ntk', x_test=xs, compute_cov=True)
    mean, variance = mean.reshape(mean.shape[:1] + (-1,)), jnp.diagonal(cov, axis1=1, axis2=2)
    return 0.5 * jnp.mean(ys.reshape(1, -1) ** 2 - 2 * mean * ys.reshape(1, -1) + variance + mean ** 2, axis=1)

ts = jnp.arange(0, 50, 10 ** -1)
of_train, of_test = losses(train_ys, ts), losses(jnp.sin(test_xs), ts, test_xs)
assert of_train.shape == of_test.shape == (500,)
want = 0.5 * jnp.mean(train_ys[:, 0] ** 2 + jnp.diag(kernel_fn(train_xs, None, 'nngp')))
assert jnp.allclose(of_train[0], want, rtol=1e-4)

# One network, trained by many small steps, stays on the way of its own kernel.
_, params = init_fn(key, (-1, 1))
loss = lambda params, x, y: 0.5 * jnp.mean((apply_fn(params, x) - y) ** 2)
step = jit(lambda p: [tuple(w - 0.1 * d for w, d in zip(a, b)) for a, b in zip(p, grad(loss)(p, train_xs, train_ys))])
linear = nt.linearize(apply_fn, params)
ntk_fn = nt.empirical_ntk_fn(apply_fn, trace_axes=())
flow = nt.predict.gradient_descent_mse(ntk_fn(train_xs, None, params), train_ys, learning_rate=0.1, trace_axes=())
trained = params
for _ in range(100):
    trained = step(trained)
start = apply_fn(params, train_xs), apply_fn(params, test_xs)
train, test = flow(100., *start, ntk_fn(test_xs, train_xs, params))
assert abs(train - start[0]).max() > 0.3
assert abs(train - apply_fn(trained, train_xs)).max() < 0.05 and abs(test - apply_fn(trained, test_xs)).max() < 0.05
assert abs(linear(trained, test_xs) - test).max() < 0.05
assert nt.predict.max_learning_rate(ntk_fn(train_xs, None, params), train_ys.size) > 0.1

block = stax.serial(
    stax.FanOut(2),
    stax.parallel(stax.serial(stax.Erf(), stax.Dense(512, W_std=1.1, b_std=0)), stax.Identity()),
    stax.FanInSum())
init_fn, apply_fn, kernel_fn = stax.serial(
    stax.Dense(512, W_std=1, b_std=0), block, block, stax.Erf(), stax.Dense(1, W_std=1.5, b_std=0))
assert nt.batch(kernel_fn, batch_size=4)(test_xs, None, 'ntk').shape == (8, 8)
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", [FIRST_STEPS, COOKBOOK], ids=["first steps", "cookbook"])
def test_a_script_runs(script: str) -> None:
    words = [sys.executable, "-W", "error", "-c", textwrap.dedent(BEGINNING + script)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_jax_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['jax'] = None; import ntkbench.compat.neural_tangents"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    message = "ImportError: ntkbench.compat.neural_tangents needs JAX: pip install 'ntkbench[jax]'"
    assert done.stderr.splitlines()[-1] == message
