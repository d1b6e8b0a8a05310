"""Errors of kernel regression on many training sets: what learning curves are made of."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import finite, host, uncompiled
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.regression import check_ridge
from ntkbench.theory.domains import Sample

Floats = npt.NDArray[np.float64]


class Errors(NamedTuple):
    """For each training set and target, (trials, targets), in NumPy."""

    test: Floats  # mean squared error on the test points, against targets without noise
    train: Floats  # mean squared error on the training points, against the labels
    learnability: Floats  # <f, prediction> / <f, f> over the test points

    @classmethod
    def joined(cls, parts: Iterable[Errors]) -> Errors:
        """Those of several samples one after another, as further trials.

        Args:
            parts: The errors of each sample.
        """
        return cls(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


@standard_settings
def regression_errors(
    k: Array,
    targets: Array,
    train_sets: Array,
    test: Array,
    *,
    ridge: float = 0.0,
    noise: Array | None = None,
    room: int = 0,
) -> Errors:
    """Kernel regression of every target from every training set, in float64.

    It takes memory for trials (n + n_test) n numbers.

    Args:
        k: The Gram matrix of m points, (m, m), of JAX, torch or NumPy.
        targets: The values at these points, (m, t), in NumPy as all that follow.
        train_sets: The points of each training set, (trials, n).
        test: The points of the test set, (n_test,).
        ridge: Added to the diagonal of each training Gram matrix.
        noise: Added to the training labels, (trials, n, t).
        room: The points that a library which compiles fills each training set up to, the further ones without weight:
            one program then serves several n.

    Returns:
        The errors of each training set and target.

    Raises:
        ValueError: Shapes or indices do not fit.
        LinAlgError: A training Gram matrix is singular, and there is no ridge.

    References:
        Simon et al. 2023 (arXiv:2110.03922) define the learnability.
    """
    check_ridge(ridge)
    targets, train_sets, test = np.asarray(targets, dtype=np.float64), np.asarray(train_sets), np.asarray(test)
    m = int(k.shape[0])
    if k.ndim != 2 or k.shape[1] != m or targets.ndim != 2 or targets.shape[0] != m:
        raise ValueError(f"k (m, m) and targets (m, t) are of the same points, not {tuple(k.shape)}, {targets.shape}")
    if train_sets.ndim != 2 or test.ndim != 1 or 0 in (train_sets.size, test.size):
        raise ValueError(
            f"train_sets must be (trials, n) and test (n_test,), not of shapes {train_sets.shape} and {test.shape}"
        )
    if min(train_sets.min(), test.min()) < 0 or max(train_sets.max(), test.max()) >= m:
        raise ValueError(f"points are numbered from 0 to {m - 1}")
    labels = targets[train_sets]
    if noise is not None:
        if np.shape(noise) != labels.shape:
            raise ValueError(f"noise must be (trials, n, t), {labels.shape}, not of shape {np.shape(noise)}")
        labels = labels + np.asarray(noise, dtype=np.float64)
    (k,) = uncompiled(k)
    execution, n = execution_for(k), train_sets.shape[1]
    count = n if execution.compiles and room else None
    filler = 0 if count is None else max(room - n, 0)
    train_sets = np.pad(train_sets, ((0, 0), (0, filler)))
    labels = np.pad(labels, ((0, 0), (0, filler), (0, 0)))
    with execution.double():
        rows, columns, wanted, given = (execution.from_numpy(a, k) for a in (test, train_sets, targets[test], labels))
        results = execution.compiled(_errors, ("execution",))(
            finite(execution, k, "k"), rows, columns, wanted, given, float(ridge), count,
            execution=execution,
        )  # fmt: skip
        errors = Errors(*(host(r) for r in results))
    if not np.isfinite(errors.train).all():
        # Where a library's solver says nothing of a zero pivot.
        raise np.linalg.LinAlgError("a training Gram matrix is singular; a ridge would help")
    return errors


@standard_settings
def regression_curve(
    grams: Iterable[Array],
    targets: Iterable[np.ndarray],
    samples: Iterable[Sample],
    counts: Sequence[int],
    *,
    ridge: float = 0.0,
    noise: Iterable[np.ndarray | None] = itertools.repeat(None),
) -> list[Errors]:
    """The errors of kernel regression after the first n points of every training set, for every n in `counts`.

    Each Gram matrix is asked for in its turn, so that one at a time need exist.

    Args:
        grams: For each sample the Gram matrix of its points, (m, m), of JAX, torch or NumPy.
        targets: For each sample the targets at its points, (m, t).
        samples: Points with training sets of n_max of them, and test points.
        counts: The numbers of training points, up to n_max.
        ridge: Added to the diagonal of each training Gram matrix.
        noise: For each sample what is added to the training labels, (trials, n_max, t); None for nothing.

    Returns:
        The errors at each n, the trials of all samples one after another.

    Raises:
        ValueError: As for `regression_errors`.
        LinAlgError: As for `regression_errors`.
    """
    parts: list[list[Errors]] = [[] for _ in counts]
    for k, values, sample, added in zip(grams, targets, samples, noise, strict=False):
        for part, n in zip(parts, counts, strict=True):
            some = None if added is None else added[:, :n]
            of_sample = (k, values, sample.train[:, :n], sample.test)
            part.append(regression_errors(*of_sample, ridge=ridge, noise=some, room=_room(n, max(counts))))
    return [Errors.joined(part) for part in parts]


@standard_settings
def group_errors(k: Array, groups: Sequence[np.ndarray], n: int, *, ridge: float = 0.0) -> list[float]:
    """The mean test error of each group of targets, learned from the first n points and tested on the others.

    Args:
        k: The Gram matrix of m points, (m, m), of JAX, torch or NumPy.
        groups: The targets of each group at these points, (m, targets).
        n: The number of training points, below m.
        ridge: Added to the diagonal of the training Gram matrix.

    Returns:
        The mean squared error on the other m - n points, one a group.

    Raises:
        ValueError: As for `regression_errors`.
        LinAlgError: As for `regression_errors`.
    """
    points = np.arange(int(k.shape[0]))
    errors = regression_errors(k, np.hstack(groups), points[None, :n], points[n:], ridge=ridge)
    ends = np.cumsum([group.shape[1] for group in groups])[:-1]
    return [float(part.mean()) for part in np.split(errors.test[0], ends)]


def _room(n: int, largest: int) -> int:
    """Few sizes for all n up to the largest, each a quarter of the next: solving costs the cube of them."""
    return _room(n, largest // 4) if n <= largest // 4 else largest


def _errors(
    k: Array,
    test: Array,
    train: Array,
    wanted: Array,
    labels: Array,
    ridge: Array,
    count: Array | None,
    *,
    execution: Execution,
) -> tuple[Array, Array, Array]:
    """The errors of training on the first `count` points, or on all."""
    xp = execution.xp
    inner = k[train[:, :, None], train[:, None, :]]
    cross = k[test[None, :, None], train[:, None, :]]
    eye = xp.eye(inner.shape[-1], dtype=inner.dtype, device=array_api_compat.device(inner))
    matrix = inner + ridge * eye
    if count is None:
        weights = xp.linalg.solve(matrix, labels)
    else:
        counted = xp.arange(inner.shape[-1]) < count
        # The weights of points that do not count, and their residuals, are zero.
        labels = xp.where(counted[:, None], labels, 0.0)
        weights = xp.linalg.solve(xp.where(counted[:, None] & counted, matrix, eye), labels)
        inner = xp.where(counted[:, None], inner, 0.0)
    prediction, residual = cross @ weights, inner @ weights - labels
    overlap = xp.mean(prediction * wanted[None, :, :], axis=1) / xp.mean(wanted**2, axis=0)
    on_train = xp.mean(residual**2, axis=1) * (1.0 if count is None else train.shape[1] / count)
    return xp.mean((prediction - wanted[None, :, :]) ** 2, axis=1), on_train, overlap
