"""Ensembles of soft decision trees: at each node an input goes to both sides, by shares that its splits decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.special import special
from ntkbench.arrays.trees import mapped
from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.parameters import Parameters
from ntkbench.networks.trainable import check_parameters

DEEPEST = 20
"""The deepest finite tree, of a million leaves."""


@dataclass(frozen=True)
class SoftTrees:
    """Perfect binary trees whose nodes send the share (1 + erf(alpha w . x)) / 2 to the left and the rest to the right.

    A tree gives the sum of its leaves, each times the share that reaches it, and the ensemble the sum over trees,
    divided by the root of their number.

    Args:
        inputs: d, the numbers of an input.
        depth: of each tree: the nodes on the way to a leaf, from 1 to 20.
        alpha: how hard the splits are, positive.
        trees: how many there are.
        oblivious: whether all nodes of one level share their split.

    Raises:
        ValueError: for numbers that make no sense.

    References:
        Kanoh & Sugiyama 2022 (arXiv:2109.04983).
    """

    inputs: int
    depth: int
    alpha: float
    trees: int
    oblivious: bool = False

    def __post_init__(self) -> None:
        for name in ("inputs", "depth", "trees"):
            size = getattr(self, name)
            if type(size) is not int or size < 1:
                raise ValueError(f"{name} must be a positive whole number, not {size!r}")
        if self.depth > DEEPEST:
            raise ValueError(f"depth must be at most {DEEPEST}, not {self.depth}; the kernel takes any")
        if not (self.alpha > 0 and math.isfinite(self.alpha)):
            raise ValueError(f"alpha must be positive and finite, not {self.alpha!r}")

    @property
    def output_size(self) -> int:
        """The length of the output vector of an input: 1."""
        return 1

    @property
    def parameter_shapes(self) -> list[dict[str, Shape]]:
        """The splits (trees, nodes, inputs), level by level, and the leaves (trees, 2^depth)."""
        nodes = self.depth if self.oblivious else 2**self.depth - 1
        return [{"splits": (self.trees, nodes, self.inputs), "leaves": (self.trees, 2**self.depth)}]

    def init(self, rng: np.random.Generator, asarray: Callable[[Any], Array] | None = None) -> Parameters:
        """Initial parameters, all from N(0, 1).

        Args:
            rng: draws them; whatever the library, the numbers are the same.
            asarray: turns each NumPy array into another library's, as `Context.asarray` does; None: leaves them.

        Returns:
            One dict of float64 arrays, "splits" and "leaves".
        """
        (shapes,) = self.parameter_shapes
        params = ({name: rng.standard_normal(shape) for name, shape in shapes.items()},)
        return params if asarray is None else tuple(mapped(asarray, params))

    def apply(self, params: Parameters, x: Array) -> Array:
        """What the ensemble gives; JAX, torch.func and autograd can compile, map and differentiate it.

        Args:
            params: as `init` gives them, of NumPy, JAX or torch.
            x: inputs (n, d) of the same library and dtype.

        Returns:
            The outputs, (n, 1).

        Raises:
            ValueError: when shapes or dtypes do not fit.
        """
        self.check(params, x)
        xp, n = array_api_compat.array_namespace(x), x.shape[0]
        splits, leaves = params[0]["splits"], params[0]["leaves"]
        weights = xp.reshape(splits, (-1, self.inputs))
        products = xp.reshape(x @ xp.matrix_transpose(weights), (n, self.trees, -1))
        # erfc keeps the digits of small shares.
        left, right = (0.5 * special(xp, "erfc")(sign * self.alpha * products) for sign in (-1.0, 1.0))
        reached = xp.ones_like(left[:, :, :1])
        for level in range(self.depth):
            nodes = slice(level, level + 1) if self.oblivious else slice(2**level - 1, 2 ** (level + 1) - 1)
            sides = [reached * left[:, :, nodes], reached * right[:, :, nodes]]
            reached = xp.reshape(xp.stack(sides, axis=-1), (n, self.trees, -1))
        outputs = xp.sum(reached * leaves, axis=(1, 2)) / math.sqrt(self.trees)
        return outputs[:, None]

    def check(self, params: Parameters, x: Array) -> None:
        """Raise ValueError unless inputs and parameters have its shapes, and one dtype."""
        if tuple(x.shape[1:]) != (self.inputs,):
            raise ValueError(f"inputs must be (n, {self.inputs}), not of shape {tuple(x.shape)}")
        if len(params) != 1:
            raise ValueError(f"params must be one dict of splits and leaves, not {len(params)}")
        check_parameters(self.parameter_shapes, params, x)

    def split(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """All parameters, as all are trained, and an empty dict."""
        return params, ({},)
