"""A kernel for scikit-learn's Gaussian processes, with hyper-parameters and their analytic gradient."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from ntkbench.networks import Layer
from ntkbench.sklearn.gradient import gradient
from ntkbench.sklearn.network import B_STD, SQRT2, ActivationLike, KernelName, described

Bounds = tuple[float, float] | Literal["fixed"]


class NTKKernel(Kernel):
    """The NTK or NNGP of an infinitely wide network, for `GaussianProcessRegressor` and `GaussianProcessClassifier`.

    Args:
        w_std: the scale of the weights, positive.
        b_std: the scale of the biases, positive; 0 where its bounds are "fixed".
        w_std_bounds: between which w_std is searched for, or "fixed".
        b_std_bounds: likewise for b_std.
        depth: layers with weights, the readout among them; at least 2.
        activation: a name of `ntkbench.networks.activations.names()`, a nonlinearity, or a function of arrays. The
            gradient by others than "relu" takes torch or JAX.
        kernel: "ntk" or "nngp".
        architecture: layers of `ntkbench.networks` in the place of the fully connected network; it has no
            hyper-parameters of its own (ConstantKernel() * NTKKernel(architecture=...) has one).
        input_shape: the shape that the features of a row are put into for the architecture, such as (8, 8, 1) for
            images; None: rows stay vectors.

    References:
        Jacot et al. 2018; Lee et al. 2018, Deep neural networks as Gaussian processes.
    """

    def __init__(
        self,
        w_std: float = SQRT2,
        b_std: float = B_STD,
        *,
        w_std_bounds: Bounds = (1e-2, 1e2),
        b_std_bounds: Bounds = (1e-3, 1e2),
        depth: int = 3,
        activation: ActivationLike = "relu",
        kernel: KernelName = "ntk",
        architecture: Layer | None = None,
        input_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.w_std = w_std
        self.b_std = b_std
        self.w_std_bounds = w_std_bounds
        self.b_std_bounds = b_std_bounds
        self.depth = depth
        self.activation = activation
        self.kernel = kernel
        self.architecture = architecture
        self.input_shape = input_shape

    @property
    def hyperparameter_b_std(self) -> Hyperparameter:
        """The scale of the biases, first in `theta`, which scikit-learn orders by name."""
        return self._hyperparameter("b_std", self.b_std_bounds)

    @property
    def hyperparameter_w_std(self) -> Hyperparameter:
        """The scale of the weights."""
        return self._hyperparameter("w_std", self.w_std_bounds)

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """The Gram matrix.

        Args:
            X: inputs (n1, d).
            Y: other inputs (n2, d); None for X with itself.
            eval_gradient: whether to return the derivatives by `theta`, too; with Y None alone.

        Returns:
            (n1, n2), and with `eval_gradient` (n1, n1, p) for p hyper-parameters that are not fixed.

        Raises:
            ValueError: for inputs or parameters that make no sense.
        """
        if eval_gradient and Y is not None:
            raise ValueError("the gradient is that of X with itself: leave Y out, or eval_gradient")
        x = np.atleast_2d(np.asarray(X, dtype=np.float64))
        network = described(self)
        if Y is not None:
            return network.matrix(x, np.atleast_2d(np.asarray(Y, dtype=np.float64)))
        matrix = network.matrix(x)
        return (matrix, self._gradient(x)) if eval_gradient else matrix

    def diag(self, X: Any) -> np.ndarray:
        """The kernel of each of the inputs (n, d) with itself, (n,)."""
        return described(self).diagonal(np.atleast_2d(np.asarray(X, dtype=np.float64)))

    def is_stationary(self) -> bool:
        """Whether it depends on differences of inputs alone: it does not."""
        return False

    def __repr__(self) -> str:
        scales = f"w_std={self.w_std:.3g}, b_std={self.b_std:.3g}, depth={self.depth}, activation={self.activation!r}"
        network = scales if self.architecture is None else f"architecture={self.architecture!r}"
        return f"NTKKernel({network}, kernel={self.kernel!r})"

    def _hyperparameter(self, name: str, bounds: Bounds) -> Hyperparameter:
        bounds = bounds if self.architecture is None else "fixed"
        if isinstance(bounds, str) and bounds != "fixed":
            raise ValueError(f'{name}_bounds must be a pair of numbers or "fixed", not {bounds!r}')
        if not isinstance(bounds, str) and not getattr(self, name) > 0:
            raise ValueError(
                f'{name} must be positive to be searched for, not {getattr(self, name)!r}; or set {name}_bounds="fixed"'
            )
        return Hyperparameter(name, "numeric", bounds)

    def _gradient(self, x: np.ndarray) -> np.ndarray:
        free = [h.name for h in self.hyperparameters if not h.fixed]
        if not free:
            return np.empty((len(x), len(x), 0))
        both = gradient(
            x, depth=self.depth, activation=self.activation, w_std=self.w_std, b_std=self.b_std, kernel=self.kernel
        )
        return both[..., [("w_std", "b_std").index(name) for name in free]]
