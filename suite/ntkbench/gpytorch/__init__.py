"""The kernel of an infinitely wide network as GPyTorch has kernels."""

try:
    import gpytorch as _gpytorch  # noqa: F401
except ModuleNotFoundError as _fault:
    raise ImportError("ntkbench.gpytorch needs GPyTorch: pip install 'ntkbench[gpytorch]'") from _fault

from ntkbench.gpytorch.kernel import NTKKernel

__all__ = ["NTKKernel"]
