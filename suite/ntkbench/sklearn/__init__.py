"""Kernels of infinitely wide networks as scikit-learn has kernels: a regressor, a classifier, and a GP kernel."""

try:
    import sklearn.utils.validation as _validation
except ModuleNotFoundError as _fault:
    raise ImportError("ntkbench.sklearn needs scikit-learn: pip install 'ntkbench[sklearn]'") from _fault
if not hasattr(_validation, "validate_data"):
    raise ImportError("ntkbench.sklearn needs scikit-learn 1.6 or newer: pip install 'ntkbench[sklearn]'")

from ntkbench.sklearn.classifier import NTKClassifier
from ntkbench.sklearn.gaussian_process import NTKKernel
from ntkbench.sklearn.regressor import NTKRegressor

__all__ = ["NTKClassifier", "NTKKernel", "NTKRegressor"]
