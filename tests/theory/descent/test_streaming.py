"""One-pass SGD in expectation: every path enumerated, the dense linear map, closed forms, and numbers of a pilot."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, serial
from ntkbench.theory import (
    Circle,
    Hypercube,
    Moments,
    Sphere,
    Stream,
    cosine_kernel,
    growth_threshold,
    level_errors,
    noise_gain,
    stable_rate,
    stream_errors,
    stream_floor,
    stream_growth,
)

DENSE = Dense(2**0.5)
TWO_HIDDEN = serial(DENSE, Activation("relu"), DENSE, Activation("relu"), Dense())
MOMENTA = [0.0, 0.6]


def cube(d: int) -> tuple[np.ndarray, np.ndarray]:
    """The points of the cube, and the NTK between them."""
    points = Hypercube(d).samples(1, 1, np.random.default_rng(0))[0].points
    return points, architecture_kernels(TWO_HIDDEN, points).ntk


def uneven(n: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """A kernel whose points are not alike, and an error."""
    rng = np.random.default_rng(1)
    a = rng.standard_normal((n, n))
    return a @ a.T / n, rng.standard_normal(n)


@pytest.mark.parametrize("momentum", MOMENTA)
def test_the_recursion_is_the_mean_over_all_paths(momentum: float) -> None:
    (k, start), rate, noise = uneven(), 0.3, 0.25
    stream = Stream(rate, momentum, noise)
    moments = Moments.start(start)
    for steps in (1, 2, 3):
        moments = moments.after(k, stream)
        total = [np.zeros((8, 8)) for _ in range(3)]
        # Noise of either sign, with equal chances, has the variance of the stream.
        for path in itertools.product(range(8), (-0.5, 0.5), repeat=steps):
            error, moved = start.copy(), np.zeros(8)
            for point, label_noise in zip(path[::2], path[1::2], strict=True):
                moved = momentum * moved - rate * k[:, point] * (error[point] - label_noise)
                error = error + moved
            for part, product in zip(
                total, (np.outer(error, error), np.outer(error, moved), np.outer(moved, moved)), strict=True
            ):
                part += product / 16**steps
        for mine, wanted in zip(moments, total, strict=True):
            np.testing.assert_allclose(mine, wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("domain", [Hypercube(4), Circle(9)], ids=str)
def test_levels_obey_the_recursion_of_the_points(domain: Hypercube | Circle, momentum: float) -> None:
    points = domain.samples(1, 1, np.random.default_rng(0))[0].points
    k, spectrum = architecture_kernels(TWO_HIDDEN, points).ntk, domain.spectrum(cosine_kernel(TWO_HIDDEN))
    start = 0.7 * domain.functions(points, 1, 1)[:, 0] - 2.0 * domain.functions(points, 3, 1)[:, 0]
    energies = np.zeros(len(spectrum.eigenvalues))
    energies[[1, 3]] = 0.49, 4.0
    stream, times = Stream(0.4 * (1 - momentum) / spectrum.trace, momentum, 0.3), [0, 1, 2, 7, 60]
    found = level_errors(spectrum, energies, stream, times)
    np.testing.assert_allclose(found.square.sum(axis=1), stream_errors(k, start, stream, times), rtol=1e-11)


def test_without_momentum_the_mean_of_a_level_decays_by_its_eigenvalue() -> None:
    spectrum, times = Hypercube(5).spectrum(cosine_kernel(TWO_HIDDEN)), [0, 1, 5, 90]
    mean = level_errors(spectrum, np.ones(6), Stream(0.1), times).mean
    np.testing.assert_allclose(mean, (1 - 0.1 * spectrum.eigenvalues) ** np.array(times)[:, None], rtol=1e-12)


@pytest.mark.parametrize("momentum", MOMENTA)
def test_growth_is_the_spectral_radius_of_the_whole_map(momentum: float) -> None:
    _, k = cube(3)
    spectrum, n = Hypercube(3).spectrum(cosine_kernel(TWO_HIDDEN)), 8
    stream = Stream(1.7 * (1 - momentum) / spectrum.trace, momentum)
    columns = []
    for place in range(3 * n * n):
        parts = np.zeros((3, n * n))
        parts.flat[place] = 1.0
        error, cross, step = parts.reshape(3, n, n)
        # `after` reads `error` and `step` as symmetric, and E V D' as the transpose of E D V'.
        image = Moments((error + error.T) / 2, cross, (step + step.T) / 2).after(k, stream)
        columns.append(np.concatenate([part.ravel() for part in image]))
    radius = np.abs(np.linalg.eigvals(np.array(columns).T)).max()
    assert stream_growth(spectrum, stream) == pytest.approx(radius, rel=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
def test_the_stable_range_ends_where_the_second_moments_grow(momentum: float) -> None:
    spectrum = Hypercube(6).spectrum(cosine_kernel(TWO_HIDDEN))
    limit = stable_rate(spectrum, momentum)
    assert noise_gain(spectrum, Stream(limit, momentum)) == pytest.approx(1.0, rel=1e-12)
    below, above = (stream_growth(spectrum, Stream(share * limit, momentum)) for share in (1 - 1e-4, 1 + 1e-4))
    assert below < 1 < above
    assert 2 * (1 - momentum) / spectrum.trace <= limit * (1 + 1e-15)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_threshold_of_growth_is_the_closed_form_also_where_the_spectrum_has_a_tail(momentum: float) -> None:
    kernel = cosine_kernel(serial(DENSE, Activation("relu"), Dense()))
    for spectrum in (Hypercube(5).spectrum(kernel), Sphere(4).spectrum(kernel)):
        assert growth_threshold(spectrum, momentum) == pytest.approx(stable_rate(spectrum, momentum), rel=1e-6)


def test_without_momentum_the_limit_is_two_over_the_diagonal() -> None:
    spectrum = Hypercube(6).spectrum(cosine_kernel(TWO_HIDDEN))
    assert stable_rate(spectrum) == pytest.approx(2 / spectrum.trace, rel=1e-14)


@pytest.mark.parametrize("momentum", MOMENTA)
def test_the_recursion_ends_at_the_floor(momentum: float) -> None:
    spectrum = Hypercube(4).spectrum(cosine_kernel(TWO_HIDDEN))
    stream = Stream(0.9 * (1 - momentum) / spectrum.trace, momentum, 0.2)
    end = level_errors(spectrum, np.eye(5)[1], stream, [20_000]).square.sum()
    assert end == pytest.approx(stream_floor(spectrum, stream), rel=1e-9)


def test_the_errors_of_the_pilot() -> None:
    # Computed beforehand by a program of its own: d = 6, eta K(x, x) = 0.5, noise 0.1.
    points, k = cube(6)
    start = Hypercube(6).functions(points, 1, 1)[:, 0] + Hypercube(6).functions(points, 2, 1)[:, 0]
    found = stream_errors(k, start, Stream(0.5 / k[0, 0], noise=0.1), [0, 10, 100, 1000])
    assert found == pytest.approx([2.0, 1.608, 0.3300, 0.03382], rel=5e-4)
    spectrum = Hypercube(6).spectrum(cosine_kernel(TWO_HIDDEN))
    assert stream_floor(spectrum, Stream(0.5 / k[0, 0], noise=0.1)) == pytest.approx(1 / 30, rel=1e-12)


def test_levels_that_the_kernel_does_not_see_neither_grow_nor_fall() -> None:
    # One hidden layer of ReLUs without biases sees no odd level from 3 on.
    one = Hypercube(6).spectrum(cosine_kernel(serial(DENSE, Activation("relu"), Dense())))
    assert one.eigenvalues[3] < 1e-15
    below, above = (stream_growth(one, Stream(share / one.trace)) for share in (1.9, 2.1))
    assert below < 1 < above
    square = level_errors(one, np.eye(7)[3], Stream(0.5 / one.trace), [50]).square[0]
    assert square[3] == pytest.approx(1.0, rel=1e-12)


def test_numbers_that_make_no_sense_are_refused() -> None:
    spectrum = Hypercube(3).spectrum(cosine_kernel(TWO_HIDDEN))
    with pytest.raises(ValueError, match=r"^the learning rate must be positive and finite, not 0$"):
        Stream(0)
    with pytest.raises(ValueError, match=r"^momentum must lie in \[0, 1\), not 1$"):
        Stream(0.1, 1)
    with pytest.raises(ValueError, match=r"^the noise's variance must be finite and not negative, not -1$"):
        Stream(0.1, noise=-1)
    with pytest.raises(ValueError, match=r"^for 3 points k must be square of that side, not \(2, 2\)$"):
        stream_errors(np.eye(2), np.ones(3), Stream(0.1), [0])
    with pytest.raises(ValueError, match=r"^times must ascend from 0 or more, not \[3, 1\]$"):
        stream_errors(np.eye(2), np.ones(2), Stream(0.1), [3, 1])
    with pytest.raises(ValueError, match=r"^the spectrum has 4 levels, not 2 as the energies$"):
        level_errors(spectrum, np.ones(2), Stream(0.1), [0])
    with pytest.raises(ValueError, match=rf"errors grow for ever: it must be below {2 / spectrum.trace:.6g}$"):
        stream_floor(spectrum, Stream(2.1 / spectrum.trace))
