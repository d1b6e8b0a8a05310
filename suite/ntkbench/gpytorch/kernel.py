"""A kernel for GPyTorch's and BoTorch's Gaussian processes, with learnable scales."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from gpytorch.constraints import Interval, Positive
from gpytorch.kernels import Kernel
from gpytorch.priors import Prior

from ntkbench.arrays.array import Array
from ntkbench.errors import unknown
from ntkbench.kernels import Kernels, architecture_kernels
from ntkbench.networks import fully_connected
from ntkbench.networks.activations import Nonlinearity


class NTKKernel(Kernel):
    """The NTK or NNGP of an infinitely wide fully connected network, with learnable scales of weights and biases.

    Values and derivatives, by the scales and by the inputs, are computed in float64 and come in the dtype of the
    inputs. Where two inputs meet, the derivative of a ReLU network is the symmetric one.

    Args:
        depth: layers with weights, the readout among them; at least 2.
        activation: a name of `ntkbench.networks.activations.names()`, a nonlinearity, or a function of arrays.
        w_std: the scale of the weights at the beginning, positive.
        b_std: the scale of the biases at the beginning, positive.
        kernel: "ntk" or "nngp".
        w_std_constraint: of w_std; None: `Positive()`.
        b_std_constraint: of b_std; None: `Positive()`.
        w_std_prior: of w_std, if any.
        b_std_prior: of b_std, if any.
        options: of every kernel of GPyTorch: `batch_shape`, `active_dims`.

    Attributes:
        w_std: the scale of the weights, (*batch_shape, 1, 1); may be set.
        b_std: the scale of the biases, likewise.

    Raises:
        ValueError: for a depth, an activation, a scale or a kernel that is none.

    References:
        Jacot et al. 2018; Lee et al. 2018, Deep neural networks as Gaussian processes.
    """

    def __init__(
        self,
        depth: int = 3,
        activation: str | Nonlinearity | Callable[[Array], Array] = "relu",
        *,
        w_std: float = math.sqrt(2.0),
        b_std: float = 1.0,
        kernel: Literal["ntk", "nngp"] = "ntk",
        w_std_constraint: Interval | None = None,
        b_std_constraint: Interval | None = None,
        w_std_prior: Prior | None = None,
        b_std_prior: Prior | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if kernel not in Kernels._fields:
            raise unknown("kernel", str(kernel), Kernels._fields)
        fully_connected(depth, activation, w_std=w_std, b_std=b_std)
        if not b_std > 0:
            raise ValueError(f"b_std must be positive to be learnt, not {b_std!r}")
        self.depth, self.activation, self.kernel = depth, activation, kernel
        self._scale("w_std", w_std, w_std_constraint, w_std_prior)
        self._scale("b_std", b_std, b_std_constraint, b_std_prior)

    def _scale(self, name: str, value: float, constraint: Interval | None, prior: Prior | None) -> None:
        shape = (*self.batch_shape, 1, 1)
        self.register_parameter(f"raw_{name}", torch.nn.Parameter(torch.zeros(shape)))
        self.register_constraint(f"raw_{name}", Positive() if constraint is None else constraint)
        setattr(self, name, value)
        if prior is not None:
            self.register_prior(f"{name}_prior", prior, lambda m: getattr(m, name), lambda m, v: setattr(m, name, v))

    @property
    def w_std(self) -> torch.Tensor:
        """The scale of the weights, (*batch_shape, 1, 1)."""
        return self.raw_w_std_constraint.transform(self.raw_w_std)

    @w_std.setter
    def w_std(self, value: float | torch.Tensor) -> None:
        self._set("w_std", value)

    @property
    def b_std(self) -> torch.Tensor:
        """The scale of the biases, (*batch_shape, 1, 1)."""
        return self.raw_b_std_constraint.transform(self.raw_b_std)

    @b_std.setter
    def b_std(self, value: float | torch.Tensor) -> None:
        self._set("b_std", value)

    def _set(self, name: str, value: float | torch.Tensor) -> None:
        raw, constraint = getattr(self, f"raw_{name}"), getattr(self, f"raw_{name}_constraint")
        # Of the parameter's own dtype from the start: a plain number would pass through float32.
        wanted = torch.as_tensor(value, dtype=raw.dtype, device=raw.device)
        self.initialize(**{f"raw_{name}": constraint.inverse_transform(wanted)})

    def forward(self, x1: torch.Tensor, x2: torch.Tensor, diag: bool = False, **options: Any) -> torch.Tensor:
        """The Gram matrices of batches of inputs.

        Args:
            x1: inputs (*batch, n1, d).
            x2: inputs (*batch, n2, d).
            diag: whether only the kernel of each x1 with the x2 of the same place is wanted; n1 = n2.
            options: `last_dim_is_batch`: each feature is a batch of its own, of inputs of one feature.

        Returns:
            (*batch, n1, n2), or with `diag` (*batch, n1).
        """
        if options.get("last_dim_is_batch"):
            x1, x2 = (x.transpose(-1, -2).unsqueeze(-1) for x in (x1, x2))
        w_std, b_std = (scale[..., 0, 0].to(x1.dtype) for scale in (self.w_std, self.b_std))
        if diag:
            # A matrix of one entry for each pair.
            x1, x2 = x1.unsqueeze(-2), x2.unsqueeze(-2)
            w_std, b_std = w_std.unsqueeze(-1), b_std.unsqueeze(-1)
        batch = torch.broadcast_shapes(x1.shape[:-2], x2.shape[:-2], w_std.shape)
        shape = (*batch, x1.shape[-2], x2.shape[-2])
        inputs = [x.expand(*batch, *x.shape[-2:]).reshape(math.prod(batch), *x.shape[-2:]) for x in (x1, x2)]
        scales = [scale.expand(batch).reshape(-1) for scale in (w_std, b_std)]
        if 0 in batch:
            matrices = x1.new_zeros(shape)
        elif batch:
            matrices = torch.func.vmap(self._matrix)(*inputs, *scales)
        else:
            matrices = self._matrix(*(value[0] for value in (*inputs, *scales)))
        matrices = matrices.reshape(shape)
        return matrices[..., 0, 0] if diag else matrices

    def _matrix(self, x1: torch.Tensor, x2: torch.Tensor, w_std: torch.Tensor, b_std: torch.Tensor) -> torch.Tensor:
        """(n1, n2) of inputs (n1, d) and (n2, d) and scales of no dimensions."""
        network = fully_connected(self.depth, self.activation, w_std=w_std, b_std=b_std)
        matrix: torch.Tensor = getattr(architecture_kernels(network, x1, x2), self.kernel)
        return matrix
