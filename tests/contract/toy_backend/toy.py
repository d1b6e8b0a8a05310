"""A fourth backend, all of it: NumPy's arrays in a class of their own, which no other code knows.

It is what a file in `suite/ntkbench/backends/` has to say, with a library that is as small as can be.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from ntkbench._vendor.array_api_compat import numpy as standard
from ntkbench.arrays.eager import Eager
from ntkbench.arrays.execution import register
from ntkbench.backends.protocol import Capability, Cuda
from ntkbench.errors import InputError

# The library: an array type and a namespace, as the array API asks for.


class Array:
    """NumPy's array, hidden: NumPy does not take it for one of its own."""

    __array_ufunc__ = None
    device = "cpu"

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return NAMESPACE

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __getattr__(self, name: str) -> Any:
        if name not in ("shape", "ndim", "dtype", "size", "T", "mT"):
            raise AttributeError(name)
        return shown(getattr(self.values, name))

    def __getitem__(self, key: Any) -> Any:
        return shown(self.values[hidden(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.values[hidden(key)] = hidden(value)

    def __len__(self) -> int:
        return len(self.values)

    def __float__(self) -> float:
        return float(self.values)

    def __int__(self) -> int:
        return int(self.values)

    def __index__(self) -> int:
        return operator.index(self.values[()])

    def __bool__(self) -> bool:
        return bool(self.values)


def shown(value: Any) -> Any:
    """A result of NumPy's as the library shows it."""
    if isinstance(value, np.ndarray | np.generic):
        return Array(np.asarray(value))
    if isinstance(value, tuple) and not all(isinstance(v, int) for v in value):
        return type(value)(*map(shown, value)) if hasattr(value, "_fields") else tuple(map(shown, value))
    return value


def hidden(value: Any) -> Any:
    """An argument as NumPy wants it."""
    if isinstance(value, Array):
        return value.values
    return type(value)(map(hidden, value)) if isinstance(value, list | tuple) else value


def method(name: str) -> Callable[..., Any]:
    """An operator."""

    def act(self: Array, *others: Any) -> Any:
        if not all(isinstance(other, Array | int | float) for other in others):
            return NotImplemented
        return shown(getattr(self.values, name)(*map(hidden, others)))

    return act


UNARY = ("neg", "pos", "abs", "invert")
BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
REFLECTED = tuple(f"{side}{name}" for name in BINARY for side in ("", "r", "i"))
for name in (*UNARY, *REFLECTED, *COMPARISONS):
    setattr(Array, f"__{name}__", method(f"__{name}__"))
Array.__hash__ = None  # type: ignore[assignment]


class Namespace:
    """A module of the array API's functions that takes and gives `Array`."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.__name__ = "toy"

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        if isinstance(found, ModuleType):
            return Namespace(found)
        if isinstance(found, type) or not callable(found):
            return found

        def function(*arguments: Any, **options: Any) -> Any:
            return shown(found(*map(hidden, arguments), **{key: hidden(v) for key, v in options.items()}))

        return function


NAMESPACE = Namespace(standard)

# The backend.

EXECUTION = Eager("toy", NAMESPACE)
register(lambda xp: xp is NAMESPACE, lambda: EXECUTION)


class Toy:
    """The toy library on the processor."""

    name: ClassVar[str] = "toy"
    library: ClassVar[str] = "numpy"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"float64"})
    packages: ClassVar[tuple[str, ...]] = ("array-toy",)
    variables: ClassVar[tuple[str, ...]] = ("ARRAY_TOY_THREADS",)
    cuda: ClassVar[Cuda | None] = None

    def __init__(self, device: str) -> None:
        if device != "cpu":
            raise InputError(f"backend 'toy' runs on cpu, not on {device!r}")
        self.device = device
        self.execution = EXECUTION

    def asarray(self, x: Any, dtype: str) -> Array:
        return Array(np.array(x, dtype=dtype, order="C"))

    def to_numpy(self, x: Array) -> np.ndarray:
        return self.execution.to_numpy(x)

    def synchronize(self, value: Any) -> None:
        self.execution.wait(value)

    def start_timer(self) -> Callable[[], float] | None:
        return None

    def peak_memory(self) -> int | None:
        return None

    def reset_peak_memory(self) -> None:
        pass

    def release_memory(self) -> bool:
        return True

    def is_out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, MemoryError)

    def describe(self) -> Mapping[str, str]:
        return {"toy": "1.0"}


BACKEND = Toy
