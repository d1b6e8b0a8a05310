"""What a task sees of the suite: its data, its backend, its stopwatch, and where its results go."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkbench import datasets
from ntkbench.backends.protocol import Backend
from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError, brief, unknown
from ntkbench.experiment.spec import Task
from ntkbench.running.account import BETWEEN_CALLS, DATA, Account
from ntkbench.running.stopwatch import Timing, measure
from ntkbench.running.whole_set import channel_statistics

if TYPE_CHECKING:
    from ntkbench.arrays.array import Array
    from ntkbench.running.sharing import SharedMapper

StageEvent = Callable[[str, float | None], None]
"""Told the stage that runs and the share of it that is done, where known."""


@dataclass(frozen=True)
class Split:
    """Training and test data.

    Attributes:
        x_train: Standardised images (n_train, H, W, C) on the backend, in the run's precision.
        labels_train: Their classes (n_train,), NumPy's int64.
        x_test: Images (n_test, H, W, C) likewise.
        labels_test: Their classes (n_test,).
        n_classes: The number of classes.
    """

    x_train: Array
    labels_train: np.ndarray
    x_test: Array
    labels_test: np.ndarray
    n_classes: int


class Context:
    """One run's view of the suite; a task gets it as its first argument."""

    def __init__(
        self,
        task: Task,
        backend: Backend,
        precision: str,
        seed: int,
        event: StageEvent | None = None,
        mapper: SharedMapper | None = None,
        account: Account | None = None,
    ) -> None:
        """`event` hears of the stages; `mapper` has others compute blocks; `account` gets what takes time beside."""
        self.backend = backend
        self.precision = precision
        self.seed = seed
        self.timings: list[Timing] = []
        self.metrics: dict[str, tuple[float, float | None]] = {}
        self.curves: dict[str, tuple[list[float], list[float]]] = {}
        self.checkpoints: list[str] = []
        self._mapper = mapper
        self._account = account or Account()
        self._task = task
        self._event: StageEvent = event or (lambda stage, share: None)
        self._stage = ""

    def rng(self, *, purpose: str) -> np.random.Generator:
        """A generator that depends on the task, its version, the seed and the purpose; on no backend or precision.

        Args:
            purpose: What is drawn, with the parameters that the draw depends on.
        """
        text = canonical_json([self._task.name, self._task.version, purpose])
        words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype="<u4")
        return np.random.default_rng(np.random.SeedSequence([*words.tolist(), self.seed]))

    def dataset(self, name: str, *, n_train: int, n_test: int, pool: int = 1) -> Split:
        """A class-balanced training subset and a random test subset (or the whole test set), ready for kernels.

        Images are standardised with each channel's mean and standard deviation over the whole training set. They are
        the same for every backend, and another training subset for another seed.

        Args:
            name: A data set of the catalogue.
            n_train: The number of training images.
            n_test: The number of test images.
            pool: Images are averaged over squares of pool x pool pixels.

        Raises:
            InputError: There are not enough images.
        """
        self._enter("data")
        with self._account.part(DATA):
            return self._split(name, n_train, n_test, pool)

    def _split(self, name: str, n_train: int, n_test: int, pool: int) -> Split:
        arrays = datasets.load(name)
        train = datasets.class_balanced(arrays.y_train, n_train, self.rng(purpose=f"train {name} {n_train}"))
        test = np.arange(len(arrays.y_test))
        if n_test != len(test):
            test = datasets.subset(len(test), n_test, self.rng(purpose=f"test {name} {n_test}"))
        mean, std = channel_statistics(name, pool)

        def ready(x: np.ndarray) -> Array:
            chosen = x if pool == 1 else datasets.average_pool(x, pool)
            # float32 for every precision: the same numbers, whatever is then done with them.
            return self.asarray(datasets.standardise(chosen, mean, std).astype(np.float32))

        return Split(
            x_train=ready(arrays.x_train[train]),
            labels_train=arrays.y_train[train].astype(np.int64),
            x_test=ready(arrays.x_test[test]),
            labels_test=arrays.y_test[test].astype(np.int64),
            n_classes=datasets.images(name).n_classes,
        )

    def tables(self, name: str) -> Mapping[str, datasets.Table]:
        """The tables of a collection by name, as NumPy arrays.

        Args:
            name: A collection of the catalogue, such as "uci90".
        """
        self._enter("data")
        return datasets.load_collection(name)

    def asarray(self, x: Any) -> Array:
        """A NumPy array on the backend, in the run's precision."""
        return self.backend.asarray(x, self.precision)

    def to_numpy(self, x: Array) -> np.ndarray:
        """The backend's array as a NumPy array."""
        found: np.ndarray = self.backend.to_numpy(x)
        return found

    def stage(self, name: str, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        """Call a function as a timed stage, and again while that is cheap.

        Args:
            name: The stage's name.
            function: A pure function.
            args: Its arguments.
            options: Its keyword arguments.

        Returns:
            What the function returns.

        Raises:
            InputError: A stage of this name has been timed before; their samples would be mixed.
        """
        return self._timed(name, lambda: function(*args, **options))

    def gram(
        self, name: str, kernel: Callable[..., Any], x_train: Array, x_test: Array, *, side: int, **options: Any
    ) -> tuple[Array, Array]:
        """Two Gram matrices as one stage: `kernel(x_train, **options)` and `kernel(x_test, x_train, **options)`.

        With more than `side` inputs they are computed in blocks. Blocks outlive a killed run, and other processes may
        compute some of them; a warning says how many were found. The time of the stage is then what all blocks took,
        whoever computed them and when, without reading, writing and waiting for them. The task declares
        `checkpoints=True`.

        Args:
            name: The stage's name.
            kernel: A pure function of a module, whose numbers are the same for any rows and columns; it takes
                `progress` beside `options`.
            x_train: Training inputs (n, ...).
            x_test: Test inputs (n_test, ...).
            side: Rows and columns of a block.
            options: Further arguments of `kernel`.

        Returns:
            The matrices (n, n) and (n_test, n).

        Raises:
            InputError: The task does not declare `checkpoints=True`, a stage of this name has been timed before, or
                blocks cannot be kept (see `checkpoints.checkpoints_of`).
        """
        if not self._task.checkpoints:
            raise InputError(f"task {self._task.name!r} calls ctx.gram: declare it with @task(..., checkpoints=True)")
        # The kernels take as long to import as all else: most commands need none.
        from ntkbench.kernels.gram.blocks import train_test
        from ntkbench.running.stored_gram import StoredGram

        if max(x_train.shape[0], x_test.shape[0]) <= side:
            small: tuple[Array, Array] = self._timed(
                name, lambda: train_test(kernel, x_train, x_test, progress=self.progress, **options)
            )
            return small
        pairs = ((x_train, None), (x_test, x_train))
        gram = StoredGram(self.backend, kernel, pairs, side, options, self._mapper)
        k_train, k_test = self._timed(name, lambda: gram.compute(self.progress), clock=gram.clock)
        self.checkpoints += gram.to_discard
        if gram.restored:
            told = f"stage {name!r} resumed: {gram.restored} of {gram.total} blocks were computed earlier"
            warnings.warn(told, stacklevel=2)
        return k_train, k_test

    def _timed(self, name: str, call: Callable[[], Any], **clock: Callable[[], float]) -> Any:
        if name in {t.stage for t in self.timings}:
            raise InputError(f"stage {name!r} is timed twice; give each stage its own name")
        self._enter(name)
        timer = self.backend.start_timer
        timings: list[Timing] = []
        with self._account.around(BETWEEN_CALLS, lambda: sum(timing.seconds for timing in timings)):
            result, timings = measure(name, call, self.backend.synchronize, start_timer=timer, **clock)
        self.timings += timings
        return result

    def progress(self, done: int, total: int) -> None:
        """Report how far the present stage has come."""
        self._event(self._stage, done / total if total else None)

    def record(self, **metrics: float | tuple[float, float]) -> None:
        """Record metrics.

        Args:
            metrics: By name, a value, or a value and its standard error.

        Raises:
            InputError: The task does not declare the metric, or it is recorded twice; a value is no finite number, or a
                standard error is negative.
        """
        for name, given in metrics.items():
            value, stderr = given if isinstance(given, tuple) else (given, None)
            if name not in self._task.metric_names:
                raise unknown(f"metric of task {self._task.name!r}:", name, self._task.metric_names)
            if name in self.metrics:
                raise InputError(f"metric {name!r} is recorded twice")
            number = _finite(f"metric {name!r}", value)
            error = None if stderr is None else _finite(f"standard error of metric {name!r}", stderr)
            if error is not None and error < 0:
                raise InputError(f"standard error of metric {name!r} is negative: {error:g}")
            self.metrics[name] = (number, error)

    def curve(self, name: str, x: Any, y: Any) -> None:
        """Record a curve.

        Args:
            name: The curve's name.
            x: Numbers (n,).
            y: Numbers (n,).

        Raises:
            InputError: The task does not declare the curve, or it is recorded twice; the numbers are not finite, or not
                equally many.
        """
        declared = [c.name for c in self._task.curves]
        if name not in declared:
            raise unknown(f"curve of task {self._task.name!r}:", name, declared)
        if name in self.curves:
            raise InputError(f"curve {name!r} is recorded twice")
        xs, ys = (np.asarray(v, dtype=np.float64).ravel() for v in (x, y))
        if len(xs) != len(ys) or not (np.isfinite(xs).all() and np.isfinite(ys).all()):
            raise InputError(f"curve {name!r}: x and y must be finite and equally long")
        self.curves[name] = (xs.tolist(), ys.tolist())

    def _enter(self, name: str) -> None:
        self._stage = name
        self._event(name, None)


def _finite(what: str, value: Any) -> float:
    try:
        finite = math.isfinite(value)
    except (TypeError, ValueError, RuntimeError) as error:  # the last is torch's, for more than one number
        raise InputError(f"{what} must be a number, not {brief(value)}") from error
    if not finite:
        raise InputError(f"{what} is {float(value)}")
    return float(value)
