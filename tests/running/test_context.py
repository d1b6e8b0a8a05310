from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ntkbench import Context, Curve, Metric, Task, Tier, task
from ntkbench.backends import open_backend
from ntkbench.errors import InputError


@task(
    title="T",
    source="none",
    metrics=[Metric("error", "1"), Metric("time", "s")],
    curves=[Curve("path", x="x", y="y"), Curve("loss", x="x", y="y")],
    tiers=[Tier("smoke", n=1)],
)
def sample(ctx: Context, *, n: int) -> None: ...


class Lists:
    """A backend of another library: its arrays are lists."""

    name = "lists"

    def asarray(self, x: Any, dtype: str) -> Any:
        return [dtype, np.asarray(x, dtype=dtype).tolist()]

    def to_numpy(self, x: Any) -> Any:
        return np.asarray(x[1], dtype=x[0])

    def synchronize(self, value: Any) -> None:
        self.waited_for = value

    def start_timer(self) -> None:
        return None


def context(precision: str = "float32", seed: int = 0, task: Task = sample, backend: Any = None, event=None) -> Context:
    return Context(task, backend or open_backend("numba"), precision, seed, event)


def draw(ctx: Context, purpose: str = "weights") -> list[int]:
    return ctx.rng(purpose=purpose).integers(2**32, size=4).tolist()


def test_random_numbers_are_the_same_for_every_backend_and_precision() -> None:
    assert draw(context()) == draw(context("float64", backend=Lists()))


def test_random_numbers_repeat_for_one_purpose_and_differ_between_purposes() -> None:
    ctx = context()
    assert draw(ctx) == draw(ctx) != draw(ctx, "labels")


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"task": replace(sample, version=2)}, {"task": replace(sample, name="other")}]
)
def test_random_numbers_differ_with_seed_version_and_task(other: dict[str, Any]) -> None:
    assert draw(context(**other)) != draw(context())


digits = load_digits()
TRAIN = digits.images[:1297, :, :, None]
IMAGES = {"train": TRAIN, "test": digits.images[1297:, :, :, None]}
LABELS = {"train": digits.target[:1297], "test": digits.target[1297:]}


def origins(x: np.ndarray, part: str, pool: int = 1) -> list[int]:
    """Which image of the part each row of `x` is, by undoing the standardisation of the whole training set."""

    def pooled(images: np.ndarray) -> np.ndarray:
        return sum(images[:, i::pool, j::pool] for i in range(pool) for j in range(pool)) / pool**2

    mean, std = pooled(TRAIN).mean(), pooled(TRAIN).std()
    raw, found = x * std + mean, pooled(IMAGES[part])
    rows = [int(np.abs(found - image).max(axis=(1, 2, 3)).argmin()) for image in raw]
    np.testing.assert_allclose(raw, found[rows], atol=1e-5)
    return rows


@pytest.mark.parametrize("pool", [1, 2])
def test_a_data_set_is_balanced_and_standardised_over_the_whole_training_set(pool: int) -> None:
    data = context(seed=3).dataset("digits", n_train=60, n_test=40, pool=pool)
    assert data.x_train.shape == (60, 8 // pool, 8 // pool, 1)
    train, test = origins(data.x_train, "train", pool), origins(data.x_test, "test", pool)
    assert len(set(train)) == 60
    assert len(set(test)) == 40
    np.testing.assert_array_equal(data.labels_train, LABELS["train"][train])
    np.testing.assert_array_equal(data.labels_test, LABELS["test"][test])
    assert set(Counter(data.labels_train.tolist()).values()) == {6}
    assert (data.labels_train.dtype, data.labels_test.dtype, data.n_classes) == (np.int64, np.int64, 10)


def test_the_whole_test_set_comes_in_its_own_order() -> None:
    data = context().dataset("digits", n_train=10, n_test=500)
    assert origins(data.x_test, "test") == list(range(500))


def test_every_backend_and_precision_sees_the_same_images() -> None:
    numba = context().dataset("digits", n_train=20, n_test=10)
    lists = context("float64", backend=Lists()).dataset("digits", n_train=20, n_test=10)
    assert numba.x_train.dtype == np.float32
    assert lists.x_train[0] == "float64"
    np.testing.assert_array_equal(np.asarray(lists.x_train[1]), numba.x_train)
    np.testing.assert_array_equal(np.asarray(lists.x_test[1]), numba.x_test)


def test_another_seed_draws_other_training_images() -> None:
    rows = [origins(context(seed=s).dataset("digits", n_train=50, n_test=10).x_train, "train") for s in (0, 1)]
    assert set(rows[0]) != set(rows[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_train": 5000, "n_test": 10}, "cannot choose 5000 class-balanced images"),
        ({"n_train": 0, "n_test": 10}, "cannot choose 0 images"),
        ({"n_train": 10, "n_test": 501}, "cannot choose 501 of 500 images"),
        ({"n_train": 10, "n_test": 10, "pool": 3}, "cannot pool 8x8 images by 3"),
        ({"n_train": 10, "n_test": 10, "pool": 0}, "cannot pool 8x8 images by 0"),
    ],
)
def test_a_data_set_that_cannot_be_cut_so_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        context().dataset("digits", **options)


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(InputError, match="unknown dataset 'digit'; did you mean 'digits'"):
        context().dataset("digit", n_train=10, n_test=10)


def test_arrays_go_to_the_backend_in_the_runs_precision_and_back() -> None:
    ctx = context("float64", backend=Lists())
    assert ctx.asarray([1, 2]) == ["float64", [1.0, 2.0]]
    np.testing.assert_array_equal(ctx.to_numpy(ctx.asarray([1, 2])), [1.0, 2.0])


def test_a_stage_is_called_with_its_arguments_timed_and_waited_for() -> None:
    ctx = context(backend=Lists())
    assert ctx.stage("power", pow, 2, 3, mod=5) == 3
    assert ctx.backend.waited_for == 3
    assert {t.stage for t in ctx.timings} == {"power"}
    assert [t.phase for t in ctx.timings] == ["first"] + ["steady"] * 5


def test_a_stage_cannot_be_timed_twice() -> None:
    ctx = context()
    ctx.stage("kernel", int)
    with pytest.raises(InputError, match="stage 'kernel' is timed twice; give each stage its own name"):
        ctx.stage("kernel", int)


def test_stages_and_their_progress_are_told() -> None:
    told: list[Any] = []
    ctx = context(event=lambda *what: told.append(what))
    ctx.dataset("digits", n_train=10, n_test=10)
    ctx.stage("kernel", int)
    ctx.progress(1, 4)
    ctx.progress(0, 0)
    assert told == [("data", None), ("kernel", None), ("kernel", 0.25), ("kernel", None)]


def test_metrics_are_kept_with_their_standard_errors() -> None:
    ctx = context()
    ctx.record(error=np.float32(0.5), time=(np.array(2), 0.25))
    assert ctx.metrics == {"error": (0.5, None), "time": (2.0, 0.25)}
    assert {type(v) for v, _ in ctx.metrics.values()} == {float}


NAN = float("nan")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"eror": 1.0}, "unknown metric of task 'sample': 'eror'; did you mean 'error'?"),
        ({"error": NAN}, "metric 'error' is nan"),
        ({"error": np.inf}, "metric 'error' is inf"),
        ({"error": "0.5"}, "metric 'error' must be a number, not '0.5'"),
        ({"error": None}, "metric 'error' must be a number, not None"),
        ({"error": [1.0]}, "metric 'error' must be a number, not [1.0]"),
        ({"error": np.ones(2)}, "metric 'error' must be a number, not array([1., 1.])"),
        ({"error": (1.0, NAN)}, "standard error of metric 'error' is nan"),
        ({"error": (1.0, -0.5)}, "standard error of metric 'error' is negative: -0.5"),
        ({"error": (1.0, "small")}, "standard error of metric 'error' must be a number, not 'small'"),
    ],
)
def test_what_is_no_metric_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        context().record(**given)
    assert str(caught.value) == message


def test_a_metric_is_recorded_once() -> None:
    ctx = context()
    ctx.record(error=1.0)
    with pytest.raises(InputError, match="metric 'error' is recorded twice"):
        ctx.record(error=1.0)


def test_curves_are_kept_as_numbers() -> None:
    ctx = context()
    ctx.curve("path", range(3), np.array([[0.5], [1.5], [2.5]], dtype=np.float32))
    assert ctx.curves == {"path": ([0.0, 1.0, 2.0], [0.5, 1.5, 2.5])}


@pytest.mark.parametrize(
    ("name", "x", "y", "message"),
    [
        ("pth", [0], [0], "unknown curve of task 'sample': 'pth'; did you mean 'path'"),
        ("path", [0, 1], [0], "curve 'path': x and y must be finite and equally long"),
        ("path", [0, 1], [0, NAN], "curve 'path': x and y must be finite and equally long"),
        ("path", [0, np.inf], [0, 1], "curve 'path': x and y must be finite and equally long"),
    ],
)
def test_what_is_no_curve_is_refused(name: str, x: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        context().curve(name, x, y)


def test_a_curve_is_recorded_once() -> None:
    ctx = context()
    ctx.curve("path", [0], [1])
    ctx.curve("loss", [0], [1])
    with pytest.raises(InputError, match="curve 'path' is recorded twice"):
        ctx.curve("path", [0], [2])
