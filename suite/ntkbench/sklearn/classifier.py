"""Classification by regression on classes, with the kernel of an infinitely wide network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from ntkbench.networks import Layer
from ntkbench.sklearn.model import KernelModel
from ntkbench.sklearn.network import B_STD, SQRT2, ActivationLike, KernelName
from ntkbench.sklearn.temperature import probabilities, sharpness


def _probability(classifier: NTKClassifier) -> bool:
    """Whether `predict_proba` is there, as `available_if` asks."""
    if not classifier.probability:
        raise AttributeError("there are probabilities only where NTKClassifier(probability=True) was fitted")
    return True


class NTKClassifier(ClassifierMixin, KernelModel):
    """Kernel ridge regression on the classes, with the NTK or NNGP of an infinitely wide network, in float64.

    The targets are 1 for a point's own class and -1 for others, as in scikit-learn's RidgeClassifier; the largest
    prediction wins. These are those of `ntkbench.solvers.kernel_regression`.

    Args:
        architecture: layers of `ntkbench.networks`; None: the fully connected network that the next ones describe.
        input_shape: the shape that the features of a row are put into for the architecture, such as (8, 8, 1) for
            images; None: rows stay vectors.
        depth: layers with weights, the readout among them; at least 2.
        activation: a name of `ntkbench.networks.activations.names()`, a nonlinearity, or a function of arrays.
        w_std: the scale of the weights.
        b_std: the scale of the biases.
        kernel: "ntk", which gradient descent follows, or "nngp".
        ridge: added to the diagonal of the Gram matrix: a number from 0, or "loo", the one of `ridges` with the least
            mean squared leave-one-out error, which takes one eigendecomposition for all.
        ridges: those to choose from; None: 1e-8 to 10 times the mean of the diagonal, two a decade.
        probability: whether to provide `predict_proba`: softmax of the predictions times one factor, fitted to the
            leave-one-out predictions of the training points.

    Attributes:
        classes_: the classes, ascending.
        ridge_: the ridge that was used.
        ridges_, loo_errors_: those that were tried, and the mean squared leave-one-out error of each.
        dual_coef_: the weights of the training points, (n,) for two classes and (n, k) for more.
        X_fit_: the training inputs (n, d).
        network_: the architecture and its kernel.
        sharpness_: the factor of the probabilities.

    References:
        Jacot et al. 2018; Arora et al. 2019; Guo et al. 2017, On calibration of modern neural networks, section 4.2.
    """

    def __init__(
        self,
        architecture: Layer | None = None,
        *,
        input_shape: tuple[int, ...] | None = None,
        depth: int = 3,
        activation: ActivationLike = "relu",
        w_std: float = SQRT2,
        b_std: float = B_STD,
        kernel: KernelName = "ntk",
        ridge: float | str = "loo",
        ridges: Iterable[float] | None = None,
        probability: bool = False,
    ) -> None:
        super().__init__(
            architecture,
            input_shape=input_shape,
            depth=depth,
            activation=activation,
            w_std=w_std,
            b_std=b_std,
            kernel=kernel,
            ridge=ridge,
            ridges=ridges,
        )
        self.probability = probability

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model.

        Args:
            X: inputs (n, d).
            y: classes (n,), of at least two kinds.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for inputs or parameters that make no sense.
            NotPositiveDefinite: where a given ridge is too small, with one that would do.
        """
        x, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, and y has one class: {self.classes_[0]!r}")
        targets = np.where(numbers[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        if len(self.classes_) == 2:
            targets = targets[:, 1]
        solved = self._solve(x, targets, held_out=self.probability)
        self.__dict__.pop("sharpness_", None)
        if self.probability and solved.held_out is not None:
            self.sharpness_ = sharpness(targets - solved.held_out, numbers)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """The regression on the classes at inputs (n, d): (n, k); for two classes (n,), of the second."""
        return self._scores(X)

    def predict(self, X: Any) -> np.ndarray:
        """The classes of inputs (n, d), (n,)."""
        scores = self.decision_function(X)
        winners = scores > 0 if scores.ndim == 1 else np.argmax(scores, axis=1)
        classes: np.ndarray = self.classes_[np.asarray(winners, dtype=np.intp)]
        return classes

    @available_if(_probability)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class at inputs (n, d), (n, k): the most probable is the one that is predicted."""
        scores = self._scores(X)
        if not hasattr(self, "sharpness_"):
            raise AttributeError("probability was set after the fit: fit again for probabilities")
        return probabilities(scores, self.sharpness_)
