"""One-pass SGD as it runs: streams of points with noisy labels, and what kernels and wide networks make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host
from ntkbench.arrays.descent import Descent
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.arrays.transforms import transforms_for
from ntkbench.arrays.trees import mapped
from ntkbench.networks.finite import Finite
from ntkbench.networks.parameters import Parameters
from ntkbench.theory.departure import student_t
from ntkbench.theory.descent.streaming import Floats, Stream
from ntkbench.theory.domains import Domain, Sphere

_BEYOND = 1e12  # a loss above it, of one step, is that of a training that diverges


class Streams(NamedTuple):
    """Several runs' streams over the same points."""

    points: Floats  # (N, d)
    picks: np.ndarray  # (T, R): the point that each run sees at each step
    test: np.ndarray  # the points over which errors are means


def draw_streams(domain: Domain, steps: int, runs: int, rng: np.random.Generator) -> list[Streams]:
    """Independent uniform points for each step of each run.

    Args:
        domain: Where the points are from.
        steps: The number of steps, T.
        runs: The number of runs.
        rng: Draws them.

    Returns:
        One item with all runs, tested on all points, of a finite domain; of the sphere one for each run, of new points.
    """
    if isinstance(domain, Sphere):
        samples = domain.samples(steps, runs, rng)
        return [Streams(sample.points, sample.train.T, sample.test) for sample in samples]
    (sample,) = domain.samples(1, 1, rng)
    return [Streams(sample.points, rng.integers(len(sample.points), size=(steps, runs)), sample.test)]


def shortened_streams(streams: Sequence[Streams], steps: int, runs: int) -> list[Streams]:
    """The first steps of the first runs.

    Args:
        streams: As `draw_streams` gives them.
        steps: The number of steps.
        runs: The number of runs.

    Returns:
        Fewer streams, or shorter ones.
    """
    one = streams[0].picks.shape[1]
    return [s._replace(picks=s.picks[:steps, :runs]) for s in streams[: -(-runs // one)]]


def stream_inputs(streams: Sequence[Streams]) -> tuple[Floats, Floats]:
    """What the runs see, and what they are tested on.

    Args:
        streams: Of equally many steps and test points.

    Returns:
        The points of each step and run, (T, R, d), and the test points of each run, (n_test, R, d).
    """
    seen = [s.points[s.picks] for s in streams]
    tested = [np.repeat(s.points[s.test][:, None], s.picks.shape[1], axis=1) for s in streams]
    return np.concatenate(seen, axis=1), np.concatenate(tested, axis=1)


class KernelRuns(NamedTuple):
    """Runs of one-pass SGD with a kernel, in NumPy."""

    errors: Floats  # (times, R): the mean square of f - f* over the test points
    shares: Floats  # (times, R, q): the mean of (f - f*) times each of q functions
    last: Floats  # (R, N): f - f* after the last step, at all points

    @classmethod
    def joined(cls, parts: Sequence[KernelRuns]) -> KernelRuns:
        """All runs of several groups, with equally many points, as one group."""
        return cls(
            *(np.concatenate(field, axis=axis) for field, axis in zip(zip(*parts, strict=True), (1, 1, 0), strict=True))
        )


def most_standard_errors(values: Floats, means: Floats) -> float:
    """The largest distance of a mean over runs from what it should be, in standard errors (`student_t`).

    Args:
        values: By time, run and perhaps component, (times, R, ...).
        means: Their expectations, (times, ...).

    Returns:
        The number.
    """
    runs = np.moveaxis(values, 1, -1).reshape(-1, values.shape[1])
    return max(abs(student_t(one, float(mean))) for one, mean in zip(runs, means.ravel(), strict=True))


@standard_settings
def kernel_runs(
    k: Array, start: Floats, functions: Floats, streams: Streams, noise: Floats, stream: Stream, times: Sequence[int]
) -> KernelRuns:
    """One-pass SGD with a kernel, all runs at once, on the library of the kernel and in float64.

    Args:
        k: The kernel of all points, (N, N).
        start: f_0 - f* at these points, (N,).
        functions: Their values at the test points, (n_test, q).
        streams: The points that each run sees.
        noise: The noise of each label, (T, R).
        stream: What each step does; its noise is not drawn from.
        times: Numbers of steps, from 1 to T.

    Returns:
        Errors and shares at these times, and the end.

    Raises:
        ValueError: There is not one number of noise for each point that is seen, or a time is beyond the steps.
    """
    execution = execution_for(k)
    n, moments = len(streams.points), np.asarray(times)
    steps, runs = streams.picks.shape
    if noise.shape != streams.picks.shape or moments.min() < 1 or moments.max() > steps:
        raise ValueError(
            f"these streams need noise {streams.picks.shape} and times from 1 to {steps}, not {noise.shape} and "
            f"{moments.tolist()}"
        )
    marks = (np.arange(1, steps + 1)[:, None] == moments).astype(np.float64)
    weights = np.zeros((n, 1 + functions.shape[1]))
    weights[streams.test] = np.column_stack([np.ones(len(streams.test)), functions]) / len(streams.test)
    with execution.double():

        def there(x: np.ndarray) -> Array:
            return execution.from_numpy(np.ascontiguousarray(x), k)

        matrix = execution.xp.astype(k, execution.xp.float64)
        numbers, seen = np.array([stream.rate, stream.momentum]), np.zeros((len(moments), runs, weights.shape[1]))
        given = (np.eye(n), np.tile(start, (runs, 1)), seen, weights, noise, marks, numbers)
        arrays = [there(np.asarray(x, dtype=np.float64)) for x in given]
        found = execution.compiled(_run, ("execution",))(matrix, there(streams.picks), *arrays, execution=execution)
        means, last = (host(x) for x in found)
    return KernelRuns(means[:, :, 0], means[:, :, 1:], last)


def _run(
    k: Array, picks: Array, one: Array, start: Array, seen: Array, weights: Array, noise: Array, marks: Array,
    numbers: Array, *, execution: Execution,
) -> tuple[Array, Array]:  # fmt: skip
    xp, rate, momentum = execution.xp, numbers[0], numbers[1]
    n = k.shape[0]
    # A row of the kernel beside one of the identity: what a point does to all others, and which one it is.
    table = xp.concat([k, one], axis=1)

    def step(state: Any, now: Any) -> Any:
        error, moved, seen = state
        pick, label_noise, mark = now
        rows = xp.take(table, pick, axis=0)
        at_pick = xp.sum(error * rows[:, n:], axis=1) - label_noise
        moved = momentum * moved - rate * at_pick[:, None] * rows[:, :n]
        error = error + moved
        means = xp.concat([(error * error) @ weights[:, :1], error @ weights[:, 1:]], axis=1)
        return error, moved, seen + mark[:, None, None] * means

    last, _, seen = execution.scan(step, (start, xp.zeros_like(start), seen), (picks, noise, marks))
    return seen, last


@dataclass(frozen=True)
class _Together:
    """Networks of one shape as one function: its r-th output is what the r-th network makes of the r-th input."""

    network: Finite

    def __call__(self, trained: Parameters, fixed: Parameters, x: Array) -> Array:
        """Outputs (n, R) of inputs (n, R, d)."""
        execution = execution_for(x)
        each = transforms_for(x).vmap(self._one, (0, 1))
        found: Array = execution.xp.matrix_transpose(each(trained, x))
        return found

    def _one(self, params: Parameters, x: Array) -> Array:
        return self.network.apply(params, x)[:, 0]


@standard_settings
def network_runs(
    x: Array, y: Floats, network: Finite, starts: Sequence[Parameters], probe: Array, stream: Stream
) -> Floats:
    """One-pass SGD on networks, each on a stream of its own; what is trained is f - f_0.

    Args:
        x: The points that each run sees, (T, R, d), of JAX or torch.
        y: Their labels, (T, R).
        network: A network with one output, all of whose layers are trained.
        starts: The parameters of each run at the start, of the library and dtype of x.
        probe: Points (n, R, d), those of each run.
        stream: What each step does; its noise is not drawn from.

    Returns:
        f - f_0 at these points in the end, (n, R).

    Raises:
        ValueError: A training diverges.
    """
    execution, function, steps = execution_for(x), _Together(network), int(x.shape[0])
    params = mapped(lambda *arrays: execution.xp.stack(arrays), *starts)
    order = np.arange(steps)[:, None]

    def loop(labels: Floats) -> Any:
        targets = execution.from_numpy(labels.astype(execution.to_numpy(probe).dtype), x)
        descent = Descent(function, x, targets, order, stream.rate, stream.momentum, 1.0)
        return execution.descend(descent, params, ())

    before = loop(np.zeros_like(y))
    training = loop(y + before.outputs(x))
    diverged = training.advance(0, steps, _BEYOND)
    found = training.outputs(probe) - before.outputs(probe)
    if diverged is not None or not np.isfinite(found).all():
        raise ValueError(f"training diverges: the rate {stream.rate} is too large")
    return np.asarray(found, dtype=np.float64)
