"""The kernel of an infinitely wide network as GPyTorch has kernels."""

from ntkbench.errors import NotInstalled as _NotInstalled

try:
    import gpytorch as _gpytorch  # noqa: F401
except ModuleNotFoundError as _fault:
    raise _NotInstalled("ntkbench.gpytorch", "GPyTorch", "gpytorch") from _fault

from ntkbench.gpytorch.inference import gp_posterior, in_float64
from ntkbench.gpytorch.kernel import NTKKernel

__all__ = ["NTKKernel", "gp_posterior", "in_float64"]
