"""Gram matrices, steady state, in float32: each kernel path on each backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backends import Prepared, images, opened, vectors


class _Kernel(Prepared):
    """Common to all: a Gram matrix of inputs that are on the device already."""

    version = "1"
    param_names: tuple[str, ...] = ("backend", "device")
    params: tuple[tuple[str, ...], ...] = (("numba", "jax", "torch"), ("cpu", "cuda"))

    def prepare(self, backend: str, device: str) -> None:
        self.backend = opened(backend, device)
        self.inputs()

    def inputs(self) -> None:
        """Make the inputs."""

    def gram(self) -> Any:
        """What is timed."""

    def time_gram(self, backend: str, device: str) -> None:
        """A Gram matrix, the device synchronised."""
        self.backend.synchronize(self.gram())


class CntkFlatten(_Kernel):
    """32 x 32 images, depth 11, flattened."""

    def inputs(self) -> None:
        self.x = self.backend.asarray(images(24), "float32")

    def gram(self) -> Any:
        from ntkbench.kernels import cntk

        return cntk(self.x, depth=11, pooling="flatten")


class CntkGap(_Kernel):
    """16 x 16 images, depth 5, global average pooling."""

    def inputs(self) -> None:
        self.x = self.backend.asarray(images(4, side=16), "float32")

    def gram(self) -> Any:
        from ntkbench.kernels import cntk

        return cntk(self.x, depth=5, pooling="gap")


class FullyConnected(_Kernel):
    """Vectors of 768 numbers, depth 10."""

    def inputs(self) -> None:
        self.x = self.backend.asarray(vectors(600, 768), "float32")

    def gram(self) -> Any:
        from ntkbench.kernels import fc_kernels

        return fc_kernels(self.x, depth=10)


class Empirical(_Kernel):
    """A network 784-256-256-10, all outputs traced, structured derivatives."""

    params = (("jax", "torch"), ("cpu", "cuda"))

    def inputs(self) -> None:
        from ntkbench.networks import Activation, Dense, finite, serial

        relu = Activation("relu")
        self.network = finite(serial(Dense(1.4), relu, Dense(1.4), relu, Dense()), (784,), width=256, outputs=10)
        self.parameters = self.network.init(np.random.default_rng(0), lambda a: self.backend.asarray(a, "float32"))
        self.x = self.backend.asarray(vectors(96, 784), "float32")

    def gram(self) -> Any:
        from ntkbench.kernels import empirical_ntk

        return empirical_ntk(self.network, self.parameters, self.x, trace=True)
