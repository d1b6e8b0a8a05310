"""One-pass SGD as it runs: the same steps in NumPy, the exact recursion, and networks that are linear."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import architecture_kernels, empirical_ntk
from ntkbench.networks import Activation, Dense, finite, serial, to_backend
from ntkbench.theory import (
    Hypercube,
    KernelRuns,
    Sphere,
    Stream,
    draw_streams,
    kernel_runs,
    most_standard_errors,
    network_runs,
    shortened_streams,
    stream_errors,
    stream_inputs,
)

ONE_HIDDEN = serial(Dense(2**0.5), Activation("relu"), Dense())
LINEAR = serial(Dense(2**0.5))


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Any:
    return open_backend(request.param)


def test_a_stream_on_a_finite_domain_draws_its_points_anew_each_time() -> None:
    (streams,) = draw_streams(Hypercube(3), 4000, 2, np.random.default_rng(0))
    assert streams.points.shape == (8, 3)
    assert streams.picks.shape == (4000, 2)
    counts = np.bincount(streams.picks[:, 0], minlength=8)
    assert abs(counts - 500).max() < 4 * math.sqrt(500)
    assert (streams.picks[1:] == streams.picks[:-1]).mean() == pytest.approx(1 / 8, abs=0.02)
    np.testing.assert_array_equal(np.sort(streams.test), np.arange(8))


def test_a_stream_on_the_sphere_has_new_points_only() -> None:
    streams = draw_streams(Sphere(3), 20, 4, np.random.default_rng(0))
    assert len(streams) == 4
    for one in streams:
        assert one.picks.shape == (20, 1)
        assert len(set(one.picks[:, 0])) == 20
        assert not set(one.picks[:, 0]) & set(one.test)


@pytest.mark.parametrize("domain", [Hypercube(3), Sphere(3)], ids=str)
def test_shorter_streams_are_the_first_steps_of_the_first_runs(domain: Hypercube | Sphere) -> None:
    streams = draw_streams(domain, 20, 6, np.random.default_rng(0))
    short = shortened_streams(streams, 5, 4)
    (x, tested), (all_x, all_tested) = stream_inputs(short), stream_inputs(streams)
    assert (x.shape, tested.shape) == ((5, 4, 3), (len(streams[0].test), 4, 3))
    np.testing.assert_array_equal(x, all_x[:5, :4])
    np.testing.assert_array_equal(tested, all_tested[:, :4])
    run = 2 if len(streams) > 1 else 0
    column = 0 if len(streams) > 1 else 2
    np.testing.assert_array_equal(x[3, 2], streams[run].points[streams[run].picks[3, column]])
    np.testing.assert_array_equal(tested[1, 2], streams[run].points[streams[run].test[1]])


def test_groups_are_joined_run_by_run() -> None:
    parts = [
        KernelRuns(*(np.full(shape, value) for shape in ((3, n), (3, n, 2), (n, 5))))
        for value, n in ((1.0, 2), (2.0, 4))
    ]
    joined = KernelRuns.joined(parts)
    assert [field.shape for field in joined] == [(3, 6), (3, 6, 2), (6, 5)]
    np.testing.assert_array_equal(joined.errors[0], [1, 1, 2, 2, 2, 2])
    np.testing.assert_array_equal(joined.last[:, 0], joined.errors[0])


def test_the_most_standard_errors_are_those_of_the_worst_component() -> None:
    values = np.array([[[1.0, 0.0], [3.0, 1.0]], [[0.0, 5.0], [2.0, 7.0]]])  # symmetric about 2, 0.5, 1 and 6
    # Standard errors are 1, 0.5, 1 and 1: the last is 2 of them off, and skewed by nothing.
    assert most_standard_errors(values, np.array([[2.0, 1.0], [1.0, 4.0]])) == pytest.approx(2.0)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_runs_with_a_kernel_make_the_steps_that_their_streams_say(library: Any, momentum: float) -> None:
    rng, times = np.random.default_rng(0), [1, 3, 12]
    (streams,) = draw_streams(Hypercube(3), 12, 5, rng)
    streams = streams._replace(test=np.array([0, 2, 3]))
    k = architecture_kernels(ONE_HIDDEN, library.asarray(streams.points, "float64")).ntk
    start, functions, noise = rng.standard_normal(8), rng.standard_normal((3, 2)), rng.standard_normal((12, 5))
    found = kernel_runs(k, start, functions, streams, noise, Stream(0.1, momentum), times)
    matrix, error, moved = library.to_numpy(k), np.tile(start, (5, 1)), np.zeros((5, 8))
    for t in range(12):
        for run, point in enumerate(streams.picks[t]):
            moved[run] = momentum * moved[run] - 0.1 * matrix[:, point] * (error[run, point] - noise[t, run])
        error = error + moved
        if t + 1 in times:
            at, seen = times.index(t + 1), error[:, streams.test]
            np.testing.assert_allclose(found.errors[at], (seen**2).mean(axis=1), rtol=1e-12)
            np.testing.assert_allclose(found.shares[at], seen @ functions / 3, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found.last, error, rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_the_mean_of_many_runs_is_the_recursion(momentum: float) -> None:
    torch, rng, times = open_backend("torch"), np.random.default_rng(3), [1, 5, 40]
    (streams,) = draw_streams(Hypercube(3), 40, 4000, rng)
    k = architecture_kernels(ONE_HIDDEN, torch.asarray(streams.points, "float64")).ntk
    start, stream = rng.standard_normal(8), Stream(0.25 * (1 - momentum), momentum, 0.2)
    noise = math.sqrt(stream.noise) * rng.standard_normal((40, 4000))
    runs = kernel_runs(k, start, np.ones((8, 1)), streams, noise, stream, times).errors
    expected = stream_errors(torch.to_numpy(k), start, stream, times)
    errors = runs.std(axis=1, ddof=1) / math.sqrt(4000)
    assert (np.abs(runs.mean(axis=1) - expected) < 3 * errors + 1e-12).all()


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_a_network_that_is_linear_runs_as_its_kernel(library: Any, momentum: float) -> None:
    rng, runs, steps = np.random.default_rng(0), 3, 15
    (streams,) = draw_streams(Hypercube(3), steps, runs, rng)
    network = finite(LINEAR, (3,), width=1)
    starts = [to_backend(network.init(rng), library, "float64") for _ in range(runs)]
    x, target = library.asarray(streams.points, "float64"), rng.standard_normal(8)
    noise, stream = rng.standard_normal((steps, runs)), Stream(0.1, momentum)
    k = empirical_ntk(network, starts[0], x, trace=True)
    wanted = kernel_runs(k, -target, np.ones((8, 1)), streams, noise, stream, [steps]).last
    seen = library.asarray(streams.points[streams.picks], "float64")
    probe = library.asarray(np.tile(streams.points[:, None], (1, runs, 1)), "float64")
    found = network_runs(seen, target[streams.picks] + noise, network, starts, probe, stream)
    np.testing.assert_allclose(found.T - target, wanted, rtol=1e-10, atol=1e-12)


def test_a_wider_network_is_nearer_to_its_kernel(library: Any) -> None:
    rng, runs, steps, gaps = np.random.default_rng(0), 4, 20, []
    (streams,) = draw_streams(Hypercube(3), steps, runs, rng)
    target = Hypercube(3).functions(streams.points, 1, 1)[:, 0]
    stream, noise = Stream(0.25), np.zeros((steps, runs))
    k = architecture_kernels(ONE_HIDDEN, library.asarray(streams.points, "float64")).ntk
    wanted = kernel_runs(k, -target, np.ones((8, 1)), streams, noise, stream, [steps]).last
    seen = library.asarray(streams.points[streams.picks], "float32")
    probe = library.asarray(np.tile(streams.points[:, None], (1, runs, 1)), "float32")
    for width in (16, 2048):
        network = finite(ONE_HIDDEN, (3,), width=width)
        starts = [to_backend(network.init(rng), library, "float32") for _ in range(runs)]
        found = network_runs(seen, target[streams.picks], network, starts, probe, stream)
        gaps.append(float(np.sqrt(np.mean((found.T - target - wanted) ** 2))))
    assert gaps[1] < 0.05 < 4 * gaps[1] + 0.05 < gaps[0]


def test_a_rate_that_is_too_large_is_named(library: Any) -> None:
    network, rng = finite(LINEAR, (3,), width=1), np.random.default_rng(0)
    starts = [to_backend(network.init(rng), library, "float32")]
    x = library.asarray(np.ones((60, 1, 3)), "float32")
    with pytest.raises(ValueError, match=r"^training diverges: the rate 9\.0 is too large$"):
        network_runs(x, np.ones((60, 1)), network, starts, x[:1], Stream(9.0))


def test_streams_need_as_much_noise_as_points_and_times_within_them(library: Any) -> None:
    (streams,) = draw_streams(Hypercube(2), 5, 3, np.random.default_rng(0))
    k = library.asarray(np.eye(4), "float64")
    words = r"^these streams need noise \(5, 3\) and times from 1 to 5, not "
    for noise, times in ((np.zeros((5, 2)), [5]), (np.zeros((5, 3)), [6]), (np.zeros((5, 3)), [0, 5])):
        with pytest.raises(ValueError, match=words):
            kernel_runs(k, np.ones(4), np.ones((4, 1)), streams, noise, Stream(0.1), times)
