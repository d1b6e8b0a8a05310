"""The table of nonlinearities by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from ntkbench.arrays.array import Array
from ntkbench.networks.activations.erf import SIGMOID_LIKE, Erf, Gelu
from ntkbench.networks.activations.exponentials import Exp, Gabor, Gaussian
from ntkbench.networks.activations.logistic import Sigmoid, Swish, Tanh
from ntkbench.networks.activations.monomials import Identity, Monomial
from ntkbench.networks.activations.nonlinearity import Nonlinearity
from ntkbench.networks.activations.rectified import Sign
from ntkbench.networks.activations.relu import Abs, LeakyRelu, Relu
from ntkbench.networks.activations.unnamed import Unnamed
from ntkbench.networks.activations.waves import Cos, Sin

_BY_NAME: dict[str, Nonlinearity] = {
    "abs": Abs(),
    "cos": Cos(),
    "erf": Erf(),
    "exp": Exp(),
    "gabor": Gabor(),
    "gaussian": Gaussian(b=-0.5),
    "gelu": Gelu(),
    "identity": Identity(),
    "leaky_relu": LeakyRelu(slope=0.0),
    "monomial": Monomial(degree=1),
    "relu": Relu(),
    "sigmoid": Sigmoid(),
    "sigmoid_like": SIGMOID_LIKE,
    "sign": Sign(),
    "sin": Sin(),
    "swish": Swish(),
    "tanh": Tanh(),
}


def nonlinearity_of(
    function: str | Nonlinearity | Callable[[Array], Array], *, slope: float = 0.0, degree: int = 1
) -> Nonlinearity:
    """The nonlinearity that an `Activation` means.

    Args:
        function: a name from this table, a nonlinearity itself, or any function of arrays.
        slope: of "leaky_relu", for negative inputs; others have none.
        degree: of "monomial"; others have none.

    Returns:
        A frozen value with its function and its dual activation.

    Raises:
        ValueError: for a name that is not in the table.
    """
    if isinstance(function, Nonlinearity):
        return function
    if callable(function):
        return Unnamed(function)
    if function not in _BY_NAME:
        near = difflib.get_close_matches(function, _BY_NAME, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"no activation is called {function!r}; the nearest is {near!r}, and there are {', '.join(names())}"
        )
    return _BY_NAME[function].with_options(slope, degree)


def names() -> list[str]:
    """The nonlinearities that have a name, in alphabetical order."""
    return sorted(_BY_NAME)
