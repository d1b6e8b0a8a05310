"""Many networks of one architecture at once: narrower ones by padding, and copies that are trained side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.arrays.transforms import Transforms, transforms_for
from ntkbench.arrays.trees import mapped
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters
from ntkbench.networks.trainable import check_parameters


def narrow_parameters(
    network: Finite, widths: Sequence[int], count: int, rng: np.random.Generator, asarray: Callable[[Any], Array]
) -> Parameters:
    """Parameters with which a network of dense layers computes what narrower ones compute, for many of them.

    One program then serves all widths. Units that a narrower network has not are never seen: weights from them are
    zero. The other weights make up for the larger fan-in.

    Args:
        network: Of dense layers in the "ntk" parametrisation, at least as wide.
        widths: Of the hidden layers of the narrower networks.
        count: How many networks.
        rng: Draws the parameters.
        asarray: Turns a NumPy array into another library's.

    Returns:
        As `network.init` gives them, each array with a first axis of length `count`.

    Raises:
        ValueError: For widths that do not fit into the network.
    """
    shapes = [linear.weight_shape for linear in network.linear_layers]
    units = [*widths, network.outputs]
    if len(units) != len(shapes) or any(not 1 <= n <= shape[1] for n, shape in zip(units, shapes, strict=True)):
        most = tuple(shape[1] for shape in shapes[:-1])
        raise ValueError(f"widths must be within 1 and {most}, one for each hidden layer, not {tuple(widths)}")
    params, before = [], shapes[0][0]
    for linear, (fan_in, full), n in zip(network.linear_layers, shapes, units, strict=True):
        weight = np.zeros((count, fan_in, full))
        weight[:, :before, :n] = (fan_in / before) ** 0.5 * rng.standard_normal((count, before, n))
        layer = {"weight": asarray(weight)}
        if linear.has_bias:
            layer["bias"] = asarray(rng.standard_normal((count, *linear.parameter_shapes["bias"])))
        params.append(layer)
        before = n
    return tuple(params)


@standard_settings
def outputs_of_all(x: Array, params: Parameters, *, network: Finite) -> Array:
    """The outputs of many networks.

    Args:
        x: Inputs (n, ...), of the library and dtype of the parameters.
        params: Of all networks, each array with a first axis for them.
        network: What each of them is.

    Returns:
        (networks, n, outputs).
    """
    options = {"network": network, "transforms": transforms_for(x)}
    found: Array = execution_for(x).compiled(_outputs, tuple(options))(params, x, **options)
    return found


def _outputs(params: Parameters, x: Array, *, network: Finite, transforms: Transforms) -> Array:
    found: Array = transforms.vmap(network.apply, (0, None))(params, x)
    return found


@dataclass(frozen=True)
class Copies:
    """Networks of one architecture side by side, trained at once: a `Trainable` whose outputs are all of theirs.

    The loss of all is the sum of their losses, so that none sees the others.

    Args:
        network: What each of them is.
        count: How many there are, at least 1.

    Raises:
        ValueError: For a count that is none.
    """

    network: Finite
    count: int

    def __post_init__(self) -> None:
        if type(self.count) is not int or self.count < 1:
            raise ValueError(f"count must be a positive whole number, not {self.count!r}")

    @property
    def output_size(self) -> int:
        """The outputs of the first network, then those of the second, and so on."""
        return self.count * self.network.output_size

    def init(self, rng: np.random.Generator, asarray: Callable[[Any], Array] | None = None) -> Parameters:
        """Initial parameters, all from N(0, 1) for a network in the "ntk" parametrisation.

        Args:
            rng: Draws them, network by network.
            asarray: Turns each NumPy array into another library's; None: leaves them.

        Returns:
            As the network has them, each array with a first axis of length `count`.
        """
        drawn = [self.network.init(rng) for _ in range(self.count)]
        params = mapped(lambda *arrays: np.stack(arrays), *drawn)
        stacked: Parameters = params if asarray is None else mapped(asarray, params)
        return stacked

    def apply(self, params: Parameters, x: Array) -> Array:
        """The outputs (n, `output_size`) of inputs (n, ...).

        Args:
            params: As `init` gives them, of JAX or torch.
            x: Inputs of the same library and dtype.

        Returns:
            The outputs.

        Raises:
            ValueError: When shapes or dtypes do not fit.
        """
        self.check(params, x)
        xp = execution_for(x).xp
        found = _outputs(params, x, network=self.network, transforms=transforms_for(x))
        return xp.reshape(xp.permute_dims(found, (1, 0, 2)), (x.shape[0], self.output_size))

    def check(self, params: Parameters, x: Array) -> None:
        """Raise ValueError unless inputs and parameters have its shapes, and one dtype."""
        if tuple(x.shape[1:]) != self.network.input_shape:
            wanted = ", ".join(map(str, self.network.input_shape))
            raise ValueError(f"inputs must be (n, {wanted}), not of shape {tuple(x.shape)}")
        if len(params) != len(self.network.linear_layers):
            raise ValueError(f"params must be for {len(self.network.linear_layers)} linear layers, not {len(params)}")
        layers = [linear.parameter_shapes for linear in self.network.linear_layers]
        shapes = [{name: (self.count, *shape) for name, shape in layer.items()} for layer in layers]
        check_parameters(shapes, params, x)

    def split(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """The parameters of trained layers, and those of the others."""
        return self.network.split(params)
