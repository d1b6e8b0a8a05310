"""Training of a finite network: gradient descent on all of the data, a hundred steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backends import opened, vectors


class Training:
    """A network 64-512-512-1 on 256 points, float32."""

    param_names = ("backend",)
    params = (("jax", "torch"),)
    number = 1
    repeat = (4, 10, 3.0)
    processes = 2
    timeout = 300

    def setup(self, backend: str) -> None:
        """Data and parameters on the backend, and one training."""
        from ntkbench.networks import Activation, Dense, finite, serial

        self.backend = opened(backend)

        def asarray(a: Any) -> Any:
            return self.backend.asarray(a, "float32")

        relu = Activation("relu")
        self.network = finite(serial(Dense(1.4), relu, Dense(1.4), relu, Dense()), (64,), width=512)
        self.parameters = self.network.init(np.random.default_rng(0), asarray)
        self.x, self.y = asarray(vectors(256, 64)), asarray(np.sign(vectors(256, 1)))
        self.time_hundred_steps(backend)

    def time_hundred_steps(self, backend: str) -> None:
        """The loop is compiled; the curves' points are few."""
        from ntkbench.networks import train

        trained = train(self.network, self.parameters, self.x, self.y, steps=100, rate=1e-4, record=(0, 100))
        self.backend.synchronize(trained.params)
