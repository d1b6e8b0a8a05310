"""Training any function of parameters by a rule of descent, by Adam, and with the logistic loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.arrays.transforms import transforms_for
from ntkbench.arrays.trees import leaves, mapped
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters
from ntkbench.theory.descent.rules import Floats, Rule

Loss = Literal["squared", "logistic", "margin"]
_LOSSES: tuple[Loss, ...] = get_args(Loss)


@dataclass(frozen=True)
class Adam:
    """Kingma & Ba 2015 (arXiv:1412.6980), algorithm 1.

    Args:
        rate: The learning rate, positive.
        first: The decay of the mean slope, within [0, 1).
        second: The decay of the mean squared slope, within [0, 1).
        small: What keeps the quotient finite, positive.

    Raises:
        ValueError: A number makes no sense.
    """

    rate: float
    first: float = 0.9
    second: float = 0.999
    small: float = 1e-8

    def __post_init__(self) -> None:
        for name, value in (("the learning rate", self.rate), ("small", self.small)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive and finite, not {value}")
        for name, value in (("first", self.first), ("second", self.second)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} must lie in [0, 1), not {value}")


class Descent(NamedTuple):
    """What a training was like: NumPy, but for the parameters."""

    outputs: Floats  # (steps + 1, n): at all training points, after each step
    params: Any  # in the end
    probe: Floats  # (n_probe,): outputs at other points in the end


@dataclass(frozen=True)
class FirstOutput:
    """The first output of a network as a function of its parameters and inputs."""

    network: Finite

    def __call__(self, params: Parameters, x: Array) -> Array:
        """Outputs (n,)."""
        return self.network.apply(params, x)[:, 0]


def linear(params: Array, x: Array) -> Array:
    """A function that is linear in its parameters.

    Args:
        params: (p,).
        x: Features, (n, p).

    Returns:
        The products of both, (n,).
    """
    return x @ params


def antisymmetric(params: Parameters) -> Parameters:
    """The start of a network of two layers at which its outputs are zero, with the NTK of half as many hidden units.

    Args:
        params: Weights of the hidden layer (d, m) and of the readout (m, 1), of an even width m, without biases.

    Returns:
        The same with a second half of hidden units that are the first again, read out with the opposite sign.

    Raises:
        ValueError: There are other layers or biases, or the width is odd.

    References:
        Chizat, Oyallon & Bach 2019 (arXiv:1812.07956), section 2.
    """
    shapes = [{name: tuple(x.shape) for name, x in layer.items()} for layer in params]
    if len(shapes) != 2 or any(set(shape) != {"weight"} for shape in shapes) or shapes[1]["weight"][0] % 2:
        raise ValueError(f"an antisymmetric start needs two layers without biases, of even width, not {shapes}")
    hidden, readout = (layer["weight"] for layer in params)
    half, xp = shapes[1]["weight"][0] // 2, execution_for(hidden).xp
    twice = xp.concat([hidden[:, :half], hidden[:, :half]], axis=1)
    return {"weight": twice}, {"weight": xp.concat([readout[:half, :], -readout[:half, :]], axis=0)}


@standard_settings
def descend(
    x: Array,
    y: Array,
    function: Callable[[Any, Array], Array],
    params: Any,
    rule: Rule | Adam,
    *,
    steps: int,
    loss: Loss = "squared",
    picks: np.ndarray | None = None,
    probe: Array | None = None,
) -> Descent:
    """Train f(x) = function(params, x) step by step; the whole loop is compiled where the library compiles.

    Args:
        x: Training inputs, (n, ...), of JAX or torch.
        y: Targets, (n,); of the logistic loss -1 and 1.
        function: Of parameters and inputs, with outputs (n,); it is hashable, and equal where it does the same.
        params: Its parameters at the start, an array or nested tuples and dicts of them.
        rule: What each step does. Exact line search takes the rate that is exact for the function's linearisation.
        steps: The number of steps.
        loss: "squared": (1/2) |f(x) - y|^2; "logistic": sum log(1 + exp(-y f(x))); "margin": log sum exp(-y f(x)),
            whose slope is that of the exponential loss over this loss, so that steps do not fade as margins grow.
        picks: The points that each step sees, (steps, batch); None: all. Slopes are sums over them.
        probe: Other inputs, (n_probe, ...).

    Returns:
        Outputs after each step, and in the end the parameters and the outputs of the other inputs.

    Raises:
        ValueError: Targets do not fit, there is no step, or the loss is unknown. The rule is a line search by halving,
            which is known in closed form on a kernel alone (`kernel_descents`), or exact line search with another loss
            than the squared one or with picks.
    """
    execution, n = execution_for(x), int(x.shape[0])
    if tuple(y.shape) != (n,) or steps < 1:
        raise ValueError(f"for these inputs targets must be ({n},) and steps 1 or more, not {tuple(y.shape)}, {steps}")
    if loss not in _LOSSES:
        raise ValueError(f"loss must be one of {', '.join(_LOSSES)}, not {loss!r}")
    exact = isinstance(rule, Rule) and rule.search == "exact"
    if isinstance(rule, Rule) and rule.search == "armijo":
        raise ValueError("halving is for kernels alone: use kernel_descents")
    if exact and (loss != "squared" or picks is not None):
        raise ValueError("exact line search needs the squared loss of all points")
    if isinstance(rule, Adam):
        numbers = [rule.rate, rule.first, rule.second, rule.small]
    else:
        numbers = [rule.rate, rule.momentum or 0.0, float(rule.momentum is None), float(rule.nesterov)]
    # Numbers, the loss's among them, come as an array, so that one compiled loop serves all of them.
    numbers.append(float(_LOSSES.index(loss)))
    options = {"function": function, "adam": isinstance(rule, Adam), "exact": exact, "execution": execution}
    dtype = execution.to_numpy(y).dtype
    with execution.double():

        def there(values: Any) -> Array:
            return execution.from_numpy(np.ascontiguousarray(values, dtype=dtype), y)

        masks = np.ones((steps, n))
        if picks is not None:
            masks[:] = 0.0
            np.add.at(masks, (np.arange(steps)[:, None], picks), 1.0)
        # From NumPy: libraries would compile a program for each shape.
        zeros = mapped(lambda w: there(np.zeros(tuple(w.shape))), params)
        state = (params, zeros, zeros if isinstance(rule, Adam) else (), there(np.zeros((steps + 1, n))))
        beside = x[:0, ...] if probe is None else probe
        arrays = (x, y, beside, there(numbers), there(np.arange(1.0, steps + 2)), there(masks))
        outputs, params, probed = execution.compiled(_descend, tuple(options))(state, *arrays, **options)
        return Descent(host(outputs), params, host(probed))


def _descend(
    state: Any, x: Array, y: Array, probe: Array, numbers: Array, times: Array, masks: Array, *,
    function: Callable[[Any, Array], Array], adam: bool, exact: bool, execution: Execution,
) -> tuple[Array, Any, Array]:  # fmt: skip
    xp, transforms = execution.xp, transforms_for(x)
    places = times[:, None]

    def of(params: Any) -> tuple[Array, Array]:
        found = function(params, x)
        return found, found

    def slope_at(params: Any, mask: Array) -> Any:
        back, found = transforms.vjp(of, params)
        return back(_error(xp, found, y, numbers[4]) * mask)

    def step(state: Any, now: Any) -> Any:
        params, moved, squared, seen = state
        t, mask = now
        if adam:
            slope = slope_at(params, mask)
            rate, first, second, small = (numbers[i] for i in range(4))
            moved = mapped(lambda m, g: first * m + (1.0 - first) * g, moved, slope)
            squared = mapped(lambda s, g: second * s + (1.0 - second) * g * g, squared, slope)
            one, two = 1.0 - first**t, 1.0 - second**t
            change = mapped(lambda m, s: -rate * (m / one) / (xp.sqrt(s / two) + small), moved, squared)
        else:
            momentum = numbers[1] + numbers[2] * (t - 1.0) / (t + 2.0)
            slope = slope_at(mapped(lambda w, v: w + numbers[3] * momentum * v, params, moved), mask)
            rate = numbers[0]
            if exact:
                along = transforms.jvp(lambda p: function(p, x), params, slope)
                square = sum(xp.sum(g * g) for g in leaves(slope))
                rate = square / xp.where(square > 0.0, xp.sum(along * along), 1.0)
            moved = change = mapped(lambda v, g: momentum * v - rate * g, moved, slope)
        # Computed anew, for Nesterov's slope is taken elsewhere than where the step begins.
        seen = xp.where(places == t, function(params, x)[None, :], seen)
        return mapped(lambda w, c: w + c, params, change), moved, squared, seen

    params, _, _, seen = execution.scan(step, state, (times[:-1], masks))
    return xp.where(places == times[-1], function(params, x)[None, :], seen), params, function(params, probe)


def _error(xp: Any, found: Array, y: Array, loss: Array) -> Array:
    """The derivative by the outputs (n,) of the loss of this number in `_LOSSES`."""
    margins = y * found
    weights = xp.exp(xp.min(margins) - margins)
    of_margins = xp.where(loss == 1.0, 1.0 / (1.0 + xp.exp(margins)), weights / xp.sum(weights))
    return xp.where(loss == 0.0, found - y, -y * of_margins)


@standard_settings
def gradient_features(function: Callable[[Any, Array], Array], params: Any, x: Array) -> Array:
    """The features of a function's linearisation: the derivatives of its outputs by all of its parameters.

    Args:
        function: Of parameters and inputs, with outputs (n,).
        params: Where it is linearised.
        x: Inputs, (n, ...), of JAX or torch.

    Returns:
        The derivatives, (n, p); their products are the empirical NTK.
    """
    execution = execution_for(x)
    with execution.double():
        options = {"function": function, "execution": execution}
        found: Array = execution.compiled(_features, tuple(options))(params, x, **options)
        return found


def _features(params: Any, x: Array, *, function: Callable[[Any, Array], Array], execution: Execution) -> Array:
    n = x.shape[0]
    slopes = leaves(transforms_for(x).jacobian(lambda p: function(p, x))(params))
    return execution.xp.concat([execution.xp.reshape(slope, (n, -1)) for slope in slopes], axis=1)
