"""The kernel for GPyTorch: values, batches and derivatives, and GPs against direct computations in float64."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import fully_connected

torch = pytest.importorskip("torch")
gpytorch = pytest.importorskip("gpytorch")

from ntkbench.gpytorch import NTKKernel  # noqa: E402


@pytest.fixture
def x() -> Any:
    """Seven inputs (7, 3), float64, of which two are equal."""
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((7, 3)))
    x[3] = x[2]
    return x


def reference(x1: np.ndarray, x2: np.ndarray, kernel: str = "ntk", **network: Any) -> np.ndarray:
    """Of NumPy arrays, by numba and not by torch."""
    return np.asarray(getattr(architecture_kernels(fully_connected(**network), x1, x2), kernel))


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_values_are_those_of_numpy(x: Any, activation: str, kernel: Any) -> None:
    ours = double(NTKKernel(4, activation, kernel=kernel), 1.3, 0.2)
    settings = {"depth": 4, "activation": activation, "w_std": 1.3, "b_std": 0.2, "kernel": kernel}
    with torch.no_grad():
        np.testing.assert_allclose(ours(x).to_dense(), reference(x.numpy(), x.numpy(), **settings), atol=1e-12)
        np.testing.assert_allclose(ours(x[:2], x).to_dense(), ours(x).to_dense()[:2], rtol=1e-12)
        np.testing.assert_allclose(ours(x, diag=True), ours(x).to_dense().diagonal(), rtol=1e-12)
        # Inputs of another dtype than the scales have.
        single = ours(x.float()).to_dense()
        assert single.dtype == torch.float32
        # w_std to the eighth power, itself rounded to float32.
        np.testing.assert_allclose(single, ours(x).to_dense(), rtol=8 * 1.2e-7, atol=1e-6)


def test_batches_of_inputs_and_of_scales_are_computed_one_by_one(x: Any) -> None:
    batch = torch.stack([x, 2.0 * x, x.flip(0)])
    ours = NTKKernel(batch_shape=torch.Size([3])).double()
    ours.w_std = torch.tensor([1.0, 1.3, 1.6], dtype=torch.float64).reshape(3, 1, 1)
    for inputs in (batch, x):
        matrices, diagonals = ours(inputs).to_dense(), ours(inputs, diag=True)
        assert matrices.shape == (3, 7, 7)
        for i, w_std in enumerate((1.0, 1.3, 1.6)):
            one = double(NTKKernel(), w_std, ours.b_std[0].item())
            rows = inputs[i] if inputs.ndim == 3 else inputs
            torch.testing.assert_close(matrices[i], one(rows).to_dense(), rtol=0.0, atol=1e-12)
            torch.testing.assert_close(diagonals[i], one(rows, diag=True), rtol=0.0, atol=1e-12)
    plain = NTKKernel().double()
    assert plain(batch[:, None], x).to_dense().shape == (3, 1, 7, 7)
    assert plain(x[:0], x).to_dense().shape == (0, 7)
    assert plain(batch[:0]).to_dense().shape == (0, 7, 7)
    with pytest.warns(DeprecationWarning, match="last_dim_is_batch"):
        features = plain(x, last_dim_is_batch=True).to_dense()
    torch.testing.assert_close(features[1], plain(x[:, 1:2]).to_dense())
    torch.testing.assert_close(NTKKernel(active_dims=(0, 2)).double()(x).to_dense(), plain(x[:, [0, 2]]).to_dense())


def double(kernel: Any, w_std: float, b_std: float) -> Any:
    """The kernel in float64, with scales that are set in it: softplus in float32 keeps seven digits."""
    kernel.double()
    kernel.w_std, kernel.b_std = w_std, b_std
    return kernel


class Model(gpytorch.models.ExactGP):  # type: ignore[misc]
    def __init__(self, x: Any, y: Any, kernel: Any) -> None:
        super().__init__(x, y, gpytorch.likelihoods.GaussianLikelihood())
        self.mean_module, self.covar_module = gpytorch.means.ZeroMean(), kernel

    def forward(self, x: Any) -> Any:
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def drawn(x: Any, kernel: Any) -> Any:
    """A model of seven targets with a noise of 0.1."""
    y = torch.from_numpy(np.random.default_rng(2).standard_normal(len(x)))
    model = Model(x, y, kernel).double()
    model.likelihood.noise = 0.1
    return model


def marginal_likelihood(model: Any) -> Any:
    """Of all targets together."""
    likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
    model.train()
    return likelihood(model(*model.train_inputs), model.train_targets) * len(model.train_targets)


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_a_gaussian_process_is_that_of_a_direct_computation(x: Any, activation: str) -> None:
    model = drawn(x, double(NTKKernel(3, activation), 1.2, 0.4))
    others = np.random.default_rng(1).standard_normal((5, 3))
    likelihood = marginal_likelihood(model).item()
    model.eval()
    with torch.no_grad():
        posterior = model(torch.from_numpy(others))
    first, y = x.numpy(), model.train_targets.numpy()
    settings = {"depth": 3, "activation": activation, "w_std": 1.2, "b_std": 0.4}
    k, cross, own = (reference(*pair, **settings) for pair in ((first, first), (others, first), (others, others)))
    inverse = np.linalg.inv(k + 0.1 * np.eye(7))
    np.testing.assert_allclose(posterior.mean, cross @ inverse @ y, atol=1e-6)
    np.testing.assert_allclose(posterior.covariance_matrix, own - cross @ inverse @ cross.T, atol=1e-6)
    expected = -0.5 * (y @ inverse @ y - np.linalg.slogdet(inverse)[1] + 7 * math.log(2 * math.pi))
    assert likelihood == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_the_marginal_likelihood_has_the_derivatives_of_central_differences(x: Any, activation: str) -> None:
    model = drawn(x, gpytorch.kernels.ScaleKernel(NTKKernel(3, activation, b_std=0.4)))
    kernel, step = model.covar_module.base_kernel, 1e-4
    marginal_likelihood(model).backward()
    for raw in (kernel.raw_w_std, kernel.raw_b_std):
        values = []
        for sign in (1.0, -2.0):
            with torch.no_grad():
                raw += sign * step
            values.append(marginal_likelihood(model).item())
        with torch.no_grad():
            raw += step
        assert raw.grad.item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5)


def test_learning_raises_the_marginal_likelihood(x: Any) -> None:
    model = drawn(x, NTKKernel())
    optimizer, before = torch.optim.Adam(model.parameters(), lr=0.1), marginal_likelihood(model).item()
    start = model.covar_module.w_std.item()
    for _ in range(15):
        optimizer.zero_grad()
        (-marginal_likelihood(model)).backward()
        optimizer.step()
    assert marginal_likelihood(model).item() > before + 1.0
    assert model.covar_module.w_std.item() != pytest.approx(start, rel=0.05)


def test_models_of_botorch_take_it(x: Any) -> None:
    botorch = pytest.importorskip("botorch")
    y = -(x**2).sum(-1, keepdim=True)
    model = botorch.models.SingleTaskGP(x, y, covar_module=NTKKernel(activation="erf").double())
    botorch.fit_gpytorch_mll(gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model))
    best = botorch.acquisition.PosteriorMean(model)
    bounds = torch.tensor([[-1.0] * 3, [1.0] * 3], dtype=torch.float64)
    found, value = botorch.optim.optimize_acqf(best, bounds, q=1, num_restarts=2, raw_samples=8)
    # No input of a grid is better than where the gradient led.
    grid = torch.cartesian_prod(*[torch.linspace(-1.0, 1.0, 9, dtype=torch.float64)] * 3)
    assert value.item() >= best(grid[:, None]).max().item() - 1e-3
    assert found.shape == (1, 3)


def test_scales_are_kept_positive_set_copied_and_saved(x: Any) -> None:
    prior = gpytorch.priors.GammaPrior(2.0, 1.0)
    ours = NTKKernel(w_std=1.5, b_std=0.3, w_std_prior=prior, b_std_constraint=gpytorch.constraints.Interval(0.1, 2.0))
    assert ours.w_std.item() == pytest.approx(1.5, rel=1e-6)
    assert ours.b_std.item() == pytest.approx(0.3, rel=1e-6)
    ours.w_std = 2.0
    with torch.no_grad():
        ours.raw_b_std -= 50.0
    assert ours.w_std.item() == pytest.approx(2.0, rel=1e-6)
    assert 0.1 <= ours.b_std.item() < 0.11
    ((name, _, prior_, closure, setting),) = ours.named_priors()
    assert (name, prior_) == ("w_std_prior", prior)
    setting(ours, 0.7)
    assert closure(ours).item() == pytest.approx(0.7, rel=1e-6)
    other = NTKKernel(b_std_constraint=gpytorch.constraints.Interval(0.1, 2.0), w_std_prior=prior)
    other.load_state_dict(ours.state_dict())
    plain = NTKKernel(activation="erf", w_std=0.7)
    for pair in ((ours, other), (ours, copy.deepcopy(ours)), (plain, pickle.loads(pickle.dumps(plain)))):
        first, second = (kernel.double()(x).to_dense() for kernel in pair)
        torch.testing.assert_close(first, second, rtol=0.0, atol=0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "nngpp"}, "unknown kernel 'nngpp'; did you mean 'nngp'?"),
        ({"depth": 1}, "depth must be a whole number from 2"),
        ({"activation": "errf"}, "the nearest is 'erf'"),
        ({"b_std": 0.0}, "b_std must be positive to be learnt, not 0.0"),
        ({"w_std": -1.0}, "w_std must be positive"),
    ],
)
def test_what_makes_no_sense_is_told_when_it_is_made(options: Any, message: str) -> None:
    with pytest.raises(ValueError) as fault:  # noqa: PT011 (the message is compared below)
        NTKKernel(**options)
    assert message in str(fault.value)


def test_without_gpytorch_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['gpytorch'] = None; import ntkbench.gpytorch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ntkbench.errors.NotInstalled: ntkbench.gpytorch needs GPyTorch: pip install 'ntkbench[gpytorch]'"
    )
