"""Gram matrices, steady state, in float32: each kernel path on each backend, of few inputs and of many."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from .backends import Prepared, images, opened, vectors
from .modules import residual_network

CPU_AND_GPU = ("cpu", "cuda")


class _Kernel(Prepared):
    """Common to all: a Gram matrix of `size` inputs that are on the device already.

    Few take about as long as is spent outside of the kernel's inner loops, many as long as is spent in them.
    """

    version = "1"
    rounds = 2  # on a crowded machine one process may take half as long again as the next
    param_names: tuple[str, ...] = ("backend", "device", "size")
    params: tuple[tuple[str, ...], tuple[str, ...], tuple[int, int]]

    def prepare(self, backend: str, device: str, size: int) -> None:
        """Inputs on the backend; few are computed several times a sample."""
        self.backend = opened(backend, device)
        self.number = 20 if size == self.params[2][0] else 1
        self.inputs(size)

    def inputs(self, size: int) -> None:
        """Make the inputs."""

    def gram(self) -> Any:
        """What is timed."""

    def time_gram(self, backend: str, device: str, size: int) -> None:
        """A Gram matrix, the device synchronised."""
        self.backend.synchronize(self.gram())


class CntkFlatten(_Kernel):
    """32 x 32 images, depth 11, flattened."""

    params = (("numba", "jax", "torch"), CPU_AND_GPU, (8, 48))

    def inputs(self, size: int) -> None:
        self.x = self.backend.asarray(images(size), "float32")

    def gram(self) -> Any:
        from ntkbench.kernels import cntk

        return cntk(self.x, depth=11, pooling="flatten")


class CntkGradient(Prepared):
    """32 x 32 images, depth 5, flattened: the gradient by the images of half the sum of squares, beside the matrix."""

    version = "1"
    param_names: tuple[str, ...] = ("backend", "device")
    params = (("jax", "torch"), CPU_AND_GPU)
    timeout = 600

    def prepare(self, backend: str, device: str) -> None:
        """A hundred images."""
        self.backend = opened(backend, device)
        self.x = self.backend.asarray(images(100), "float32")

    def kernel(self, x: Any) -> Any:
        """The Gram matrix."""
        from ntkbench.kernels import cntk

        return cntk(x, depth=5, pooling="flatten")

    def gradient(self, backend: str) -> Any:
        """That by the images, (100, 32, 32, 3)."""
        if backend == "jax":
            import jax

            return jax.grad(lambda x: (self.kernel(x) ** 2).sum() / 2)(self.x)
        import torch

        with torch.enable_grad():  # earlier commits switch it off
            x = self.x.detach().requires_grad_()
            return torch.autograd.grad((self.kernel(x) ** 2).sum() / 2, x)[0]

    def time_gradient(self, backend: str, device: str) -> None:
        """The gradient, the device synchronised."""
        self.backend.synchronize(self.gradient(backend))

    def track_ratio(self, backend: str, device: str) -> float:
        """How many times as long as the matrix it takes, by the clock: 6 at most is the goal."""
        best = {"kernel": math.inf, "gradient": math.inf}
        for _ in range(4):  # the first compiles
            for name, function, given in (("kernel", self.kernel, self.x), ("gradient", self.gradient, backend)):
                start = time.perf_counter()
                self.backend.synchronize(function(given))
                best[name] = min(best[name], time.perf_counter() - start)
        return best["gradient"] / best["kernel"]

    track_ratio.unit = "1"  # type: ignore[attr-defined]


class CntkGap(_Kernel):
    """16 x 16 images, depth 5, global average pooling."""

    params = (("numba", "jax", "torch"), CPU_AND_GPU, (2, 10))

    def inputs(self, size: int) -> None:
        self.x = self.backend.asarray(images(size, side=16), "float32")

    def gram(self) -> Any:
        from ntkbench.kernels import cntk

        return cntk(self.x, depth=5, pooling="gap")


class FullyConnected(_Kernel):
    """Vectors of 768 numbers, depth 10."""

    params = (("numba", "jax", "torch"), CPU_AND_GPU, (100, 800))

    def inputs(self, size: int) -> None:
        self.x = self.backend.asarray(vectors(size, 768), "float32")

    def gram(self) -> Any:
        from ntkbench.kernels import fc_kernels

        return fc_kernels(self.x, depth=10)


class Empirical(_Kernel):
    """A network 784-256-256-10, all outputs traced, structured derivatives."""

    params = (("jax", "torch"), CPU_AND_GPU, (16, 192))

    def inputs(self, size: int) -> None:
        from ntkbench.networks import Activation, Dense, finite, serial

        relu = Activation("relu")
        self.network = finite(serial(Dense(1.4), relu, Dense(1.4), relu, Dense()), (784,), width=256, outputs=10)
        self.parameters = self.network.init(np.random.default_rng(0), lambda a: self.backend.asarray(a, "float32"))
        self.x = self.backend.asarray(vectors(size, 784), "float32")

    def gram(self) -> Any:
        from ntkbench.kernels import empirical_ntk

        return empirical_ntk(self.network, self.parameters, self.x, trace=True)


class StructuredModule(Prepared):
    """A residual network of torch, 8 x 8 images, all pairs of 32 outputs: structured derivatives, and contraction."""

    version = "1"
    param_names: tuple[str, ...] = ("device",)
    params = (CPU_AND_GPU,)

    def prepare(self, device: str) -> None:
        """Eight images, and a network of two blocks after a first layer, batch normalised in eval mode."""
        self.backend = opened("torch", device)
        self.x = self.backend.asarray(images(8, side=8).transpose(0, 3, 1, 2), "float32")
        self.module = residual_network(32, 32).to(self.x.device)

    def gram(self, method: str) -> Any:
        """The kernel of the images with themselves."""
        from ntkbench.kernels import empirical_ntk

        return empirical_ntk(self.module, self.x, method=method)

    def time_gram(self, device: str) -> None:
        """Structured derivatives, the device synchronised."""
        self.backend.synchronize(self.gram("structured"))

    def track_ratio(self, device: str) -> float:
        """Which part of the time of contraction they take, by the clock."""
        best = {"contraction": math.inf, "structured": math.inf}
        for _ in range(4):
            for method in best:
                start = time.perf_counter()
                self.backend.synchronize(self.gram(method))
                best[method] = min(best[method], time.perf_counter() - start)
        return best["structured"] / best["contraction"]

    track_ratio.unit = "1"  # type: ignore[attr-defined]
