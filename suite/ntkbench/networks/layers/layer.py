"""What every layer answers: to a network of finite width, and to the recursion of infinite width."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features

if TYPE_CHECKING:
    from ntkbench.networks.layers.linear import Linear

Shape = tuple[int, ...]
"""Of one input's features, its channels last: (d,), (T, C), (H, W, C) or (D, H, W, C)."""

LinearFunction = Callable[[Array], Array]
"""The input of the next of a network's linear layers, in the order of `linear_layers` -> its output."""


class Units(NamedTuple):
    """How many units linear layers have: those that another one follows, and the last."""

    hidden: int
    last: int

    def followed(self) -> Units:
        """For layers that a linear layer follows."""
        return Units(self.hidden, self.hidden)


class Recursion(Protocol):
    """What the recursion of infinite width does for a layer that stands in it."""

    @property
    def xp(self) -> Any:
        """The namespace of the arrays' library."""

    def inner(self, layer: Layer, before: Covariance) -> Covariance:
        """The covariance after a layer inside this one; with the variances that those that mix positions lose."""

    def chain(self, layers: tuple[Layer, ...], before: Covariance) -> Covariance:
        """The covariance after layers one after another, repeated blocks of them compiled once."""


class Layer(ABC):
    """A layer: a frozen dataclass, hashable and checked when it is made, since it is part of what is compiled for.

    One with a setting that is an array, to be differentiated, is no part of that: it is computed with as it is.

    Another one is a file in this folder, a line in its `__init__` and a row in `tests/contract/test_layers.py`. It
    answers how shapes change, how a finite network computes it, and how covariances of infinitely wide features do.
    """

    def inside(self) -> tuple[Layer, ...]:
        """The layers that this one is made of, in the order of computation.

        Unless a layer says otherwise, as `Serial` does, they are taken for paths that all begin at its input.
        """
        return ()

    @property
    def has_weights(self) -> bool:
        """Whether it is or holds a linear layer."""
        return any(layer.has_weights for layer in self.inside())

    # Of finite width

    @abstractmethod
    def output_shape(self, shape: Shape, units: Units) -> Shape:
        """The shape that comes out for one input of `shape`. Raises ValueError where the layer does not fit."""

    def linear_layers(self, shape: Shape, units: Units) -> tuple[Linear, ...]:
        """Its linear layers with their shapes, in the order of computation, for inputs of `shape`."""
        return tuple(linear for path in self.inside() for linear in path.linear_layers(shape, units))

    @abstractmethod
    def forward(self, x: Array, linear: LinearFunction) -> Array:
        """The layer of inputs x (n, ...) of any library; it calls `linear` once for each of `linear_layers`."""

    # Of infinite width

    @abstractmethod
    def features(self, before: Features, place: str) -> Features:
        """What is known of the features behind the layer.

        Raises ValueError, beginning with `place`, the layer's name in its architecture, where it cannot stand there.
        """

    @abstractmethod
    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """The covariances behind the layer; where it mixes positions, without variances: the recursion adds them."""

    @property
    def mixes_positions(self) -> bool:
        """Whether it itself averages over positions, so that their correlations matter."""
        return False

    @property
    def needs_variances(self) -> bool:
        """Whether `covariance` needs the variances of its inputs, as what normalises does."""
        return False

    @property
    def draws_anew(self) -> bool:
        """Whether it itself draws something for each input, such that equal inputs differ behind it."""
        return False

    def all_pairs_before(self, all_pairs_after: bool) -> bool:
        """Whether it needs the covariance of all pairs of positions, given whether what follows does.

        If not, that of each position with itself is enough.
        """
        paths = self.inside()
        if paths:
            return any(path.all_pairs_before(all_pairs_after) for path in paths)
        return self.mixes_positions or all_pairs_after

    def uncorrelated(self, before: bool) -> bool:
        """Whether its output is uncorrelated with the input of a block in which it stands.

        Fresh weights, symmetric about zero, make it so. `before`: whether the layer's own input is.
        """
        paths = self.inside()
        return all(path.uncorrelated(before) for path in paths) if paths else before

    def independent(self, before: bool) -> bool:
        """Whether its output does not depend on the input of a block in which it stands, as behind fresh weights.

        `before`: whether the layer's own input does not.
        """
        paths = self.inside()
        return all(path.independent(before) for path in paths) if paths else before

    @property
    def working_fields(self) -> int:
        """How many arrays of the size of the covariance live at once while `covariance` computes."""
        return max((layer.working_fields for layer in self.inside()), default=16)
