"""Training of a finite network: gradient descent on all of the data, a hundred steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backends import Prepared, opened, vectors


class Training(Prepared):
    """A network 64-256-256-1 on 128 points, float32."""

    version = "1"
    param_names = ("backend",)
    params = (("jax", "torch"),)

    def prepare(self, backend: str) -> None:
        """Data and parameters on the backend."""
        from ntkbench.networks import Activation, Dense, finite, serial

        self.backend = opened(backend)

        def asarray(a: Any) -> Any:
            return self.backend.asarray(a, "float32")

        relu = Activation("relu")
        self.network = finite(serial(Dense(1.4), relu, Dense(1.4), relu, Dense()), (64,), width=256)
        self.parameters = self.network.init(np.random.default_rng(0), asarray)
        self.x, self.y = asarray(vectors(128, 64)), asarray(np.sign(vectors(128, 1)))

    def time_hundred_steps(self, backend: str) -> None:
        """The loop is compiled; the curves' points are few."""
        from ntkbench.networks import train

        trained = train(self.network, self.parameters, self.x, self.y, steps=100, rate=1e-4, record=(0, 100))
        self.backend.synchronize(trained.params)
