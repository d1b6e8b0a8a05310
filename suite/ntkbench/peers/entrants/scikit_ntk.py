"""scikit-ntk: its NTK for scikit-learn's Gaussian processes, of networks with ReLU and without biases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NAME = "scikit-ntk"
KINDS = ("fc",)
PACKAGES = ("scikit-ntk", "scikit-learn", "numpy")


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """The NTK of ours: its `depth` counts layers of ReLU, one fewer than layers with weights.

    It starts from x.x', where ours has 2 x.x' / d, and divides the sum over layers by their number. Both kernels are
    homogeneous in x.x', so that scaled inputs make up for it.
    """
    from skntk import NeuralTangentKernel

    scale = (2 * workload["depth"] / workload["features"]) ** 0.5
    x = [(arrays[name] * scale).astype(arrays[name].dtype) for name in ("x1", "x2") if name in arrays]
    kernel = NeuralTangentKernel(depth=workload["depth"] - 1, bias=0.0)
    return lambda: kernel(*x)


def implementation() -> str:
    """Written with NumPy."""
    return "numpy"
