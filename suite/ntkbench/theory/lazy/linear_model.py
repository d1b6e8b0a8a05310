"""Networks made of a network: its linear model around a start, and the difference of two copies of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntkbench.arrays.array import Array
from ntkbench.arrays.transforms import transforms_for
from ntkbench.arrays.trees import mapped
from ntkbench.networks.parameters import Parameters, merge
from ntkbench.networks.trainable import Trainable


@dataclass(frozen=True)
class Linearised:
    """A network in first order around a start, f(w_0, x) + Df(w_0, x) (w - w_0): what `train` and kernels take.

    Its parameters are those of the network twice: w, of which the network's own are trained, and w_0, which stays.

    Args:
        network: A network, or another function with parameters.

    References:
        Lee et al. 2019 (arXiv:1902.06720), equation 5.
    """

    network: Trainable

    @property
    def output_size(self) -> int:
        """That of the network."""
        return self.network.output_size

    def around(self, params: Parameters) -> Parameters:
        """The parameters that stand at a start.

        Args:
            params: The network's parameters there, of JAX or torch.

        Returns:
            The same, twice.
        """
        return (*params, *params)

    def apply(self, params: Parameters, x: Array) -> Array:
        """The outputs of the linear model, (n, `output_size`)."""
        now, start = _halves(params)
        at, fixed = self.network.split(start)
        direction = mapped(lambda a, b: a - b, self.network.split(now)[0], at)

        def outputs(trained: Parameters) -> Array:
            return self.network.apply(merge(trained, fixed), x)

        return outputs(at) + transforms_for(x).jvp(outputs, at, direction)

    def check(self, params: Parameters, x: Array) -> None:
        """Raise ValueError unless inputs and both halves of the parameters fit the network."""
        for half in _halves(params):
            self.network.check(half, x)

    def split(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """The parameters of w that the network trains, and all others."""
        now, start = _halves(params)
        trained, fixed = self.network.split(now)
        return (*trained, *({} for _ in start)), (*fixed, *start)


@dataclass(frozen=True)
class Difference:
    """(f(u, x) - f(v, x)) / sqrt(2) of two copies of a network: from u = v its outputs are zero and its NTK is f's.

    Args:
        network: A network, or another function with parameters.

    References:
        Chizat, Oyallon & Bach 2019 (arXiv:1812.07956), section 1.1: an unbiased start.
    """

    network: Trainable

    @property
    def output_size(self) -> int:
        """That of the network."""
        return self.network.output_size

    def doubled(self, params: Parameters) -> Parameters:
        """The antisymmetric start.

        Args:
            params: The network's parameters, for both copies.

        Returns:
            u and v, equal.
        """
        return (*params, *params)

    def apply(self, params: Parameters, x: Array) -> Array:
        """The outputs, (n, `output_size`)."""
        one, other = _halves(params)
        return (self.network.apply(one, x) - self.network.apply(other, x)) * math.sqrt(0.5)

    def check(self, params: Parameters, x: Array) -> None:
        """Raise ValueError unless inputs and the parameters of both copies fit the network."""
        for half in _halves(params):
            self.network.check(half, x)

    def split(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """What the network trains of both copies, and the rest."""
        (one, one_fixed), (other, other_fixed) = map(self.network.split, _halves(params))
        return (*one, *other), (*one_fixed, *other_fixed)


def _halves(params: Parameters) -> tuple[Parameters, Parameters]:
    half, odd = divmod(len(params), 2)
    if odd:
        raise ValueError(f"parameters are those of the network twice, an even number of dicts, not {len(params)}")
    return params[:half], params[half:]
