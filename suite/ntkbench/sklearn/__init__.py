"""Kernels of infinitely wide networks as scikit-learn has kernels: a regressor, a classifier, and a GP kernel."""

from ntkbench.errors import NotInstalled as _NotInstalled

try:
    import sklearn.utils.validation as _validation
except ModuleNotFoundError as _fault:
    raise _NotInstalled("ntkbench.sklearn", "scikit-learn", "sklearn") from _fault
if not hasattr(_validation, "validate_data"):
    raise _NotInstalled("ntkbench.sklearn", "scikit-learn 1.6 or newer", "sklearn")

from ntkbench.sklearn.classifier import NTKClassifier
from ntkbench.sklearn.gaussian_process import NTKKernel
from ntkbench.sklearn.inference import gp_posterior
from ntkbench.sklearn.regressor import NTKRegressor

__all__ = ["NTKClassifier", "NTKKernel", "NTKRegressor", "gp_posterior"]
