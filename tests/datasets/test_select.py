import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ntkbench.datasets import select
from ntkbench.datasets.select import average_pool, channel_statistics, class_balanced, standardise, subset
from ntkbench.errors import InputError

few = settings(max_examples=50, deadline=None)
labels = hnp.arrays(np.uint8, st.integers(0, 12), elements=st.integers(0, 3))
pixels = hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(4), st.just(8), st.integers(1, 3)))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def allocations(y: np.ndarray, n: int) -> bool:
    """Whether n can be shared between the classes so that no two differ by more than one, by trying all ways."""
    ways = itertools.product(*(range(count + 1) for count in np.unique(y, return_counts=True)[1]))
    return any(sum(way) == n and max(way) - min(way) <= 1 for way in ways if way)


@few
@given(y=labels, n=st.integers(-1, 14), seed=st.integers(0, 5))
def test_a_balanced_choice_is_distinct_and_even_or_refused_when_there_is_none(y, n, seed):
    if n < 1 or not allocations(y, n):
        with pytest.raises(InputError, match=f"^cannot choose {n} "):
            class_balanced(y, n, rng(seed))
        return
    chosen = class_balanced(y, n, rng(seed))
    assert len(chosen) == len(set(chosen)) == n
    assert chosen.dtype == np.intp
    counts = [int(np.sum(y[chosen] == label)) for label in np.unique(y)]
    assert max(counts) - min(counts) <= 1
    np.testing.assert_array_equal(chosen, class_balanced(y, n, rng(seed)))


def test_a_balanced_choice_can_be_any_image_in_any_place():
    y = np.repeat([0, 1, 2], 4)
    choices = [class_balanced(y, 4, rng(seed)) for seed in range(200)]
    assert {int(i) for chosen in choices for i in chosen} == set(range(12))
    assert {int(y[chosen[0]]) for chosen in choices} == {0, 1, 2}
    # The odd one out is drawn, not always of the same class.
    assert {int(np.bincount(y[chosen]).argmax()) for chosen in choices} == {0, 1, 2}


def test_a_choice_of_all_is_a_permutation():
    y = np.tile(np.arange(5), 6)
    np.testing.assert_array_equal(np.sort(class_balanced(y, 30, rng())), np.arange(30))
    np.testing.assert_array_equal(np.sort(subset(30, 30, rng())), np.arange(30))


def test_a_refused_choice_says_what_there_is():
    with pytest.raises(InputError) as caught:
        class_balanced(np.array([0, 0, 0, 1]), 4, rng())
    assert str(caught.value) == "cannot choose 4 class-balanced images from 4: the smallest of 2 classes has 1"


@few
@given(total=st.integers(1, 30), data=st.data())
def test_a_subset_is_distinct_and_within(total, data):
    n = data.draw(st.integers(1, total))
    chosen = subset(total, n, rng(total))
    assert len(chosen) == len(set(chosen)) == n
    assert all(0 <= i < total for i in chosen)
    np.testing.assert_array_equal(chosen, subset(total, n, rng(total)))


def test_a_subset_can_be_any_image_in_any_place():
    choices = np.array([subset(5, 2, rng(seed)) for seed in range(200)])
    assert {tuple(c) for c in choices.tolist()} == set(itertools.permutations(range(5), 2))


@pytest.mark.parametrize("n", [-1, 0, 6])
def test_a_subset_that_cannot_be_is_refused(n):
    with pytest.raises(InputError, match=f"^cannot choose {n} of 5 images$"):
        subset(5, n, rng())


@pytest.mark.parametrize("factor", [1, 2, 3, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_pooling_takes_the_mean_of_each_square(factor, dtype):
    x = rng().integers(0, 256, (2, 6, 12, 3)).astype(dtype)
    pooled = average_pool(x, factor)
    assert pooled.dtype == np.float64
    assert pooled.shape == (2, 6 // factor, 12 // factor, 3)
    for n, i, j, c in np.ndindex(pooled.shape):
        square = [float(x[n, i * factor + a, j * factor + b, c]) for a, b in itertools.product(range(factor), repeat=2)]
        assert pooled[n, i, j, c] == pytest.approx(sum(square) / factor**2, rel=1e-14)


@few
@given(x=pixels)
def test_pooling_twice_is_pooling_by_the_product(x):
    # Exact: quarters and sixteenths of whole numbers have few binary digits.
    np.testing.assert_array_equal(average_pool(average_pool(x, 2), 2), average_pool(x, 4))


@pytest.mark.parametrize(("shape", "factor"), [((4, 6), 0), ((4, 6), -2), ((4, 6), 4), ((4, 6), 3), ((8, 8), 16)])
def test_pooling_by_what_does_not_divide_is_refused(shape, factor):
    with pytest.raises(InputError) as caught:
        average_pool(np.zeros((1, *shape, 1)), factor)
    expected = f"cannot pool {shape[0]}x{shape[1]} images by {factor}: it must divide both sides"
    assert str(caught.value) == expected


@pytest.mark.parametrize("block", [1, 7, 2**20])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_statistics_are_the_mean_and_deviation_over_all_pixels(monkeypatch, block, dtype):
    monkeypatch.setattr(select, "_BLOCK", block)
    x = rng().integers(0, 256, (5, 3, 4, 3)).astype(dtype)
    mean, std = channel_statistics(x)
    for c in range(3):
        values = [float(v) for v in x[..., c].ravel()]
        average = sum(values) / len(values)
        assert mean[c] == pytest.approx(average, rel=1e-14)
        assert std[c] == pytest.approx((sum((v - average) ** 2 for v in values) / len(values)) ** 0.5, rel=1e-13)
    assert mean.dtype == std.dtype == np.float64


def test_statistics_do_not_cancel_far_from_zero():
    x = (1e8 + np.array([0.0, 1.0] * 8)).reshape(4, 2, 2, 1)
    mean, std = channel_statistics(x)
    assert (mean[0], std[0]) == (1e8 + 0.5, 0.5)


@few
@given(value=st.floats(-1e6, 1e6), n=st.integers(1, 40))
def test_a_constant_channel_has_no_deviation_and_is_centred(value, n):
    x = np.full((n, 3, 3, 1), value)
    mean, std = channel_statistics(x)
    assert std[0] == 0.0
    np.testing.assert_allclose(standardise(x, mean, std), 0.0, atol=1e-12 * max(1.0, abs(value)))


@few
@given(x=pixels)
def test_standardised_channels_have_mean_zero_and_deviation_one_or_zero(x):
    flat = standardise(x, *channel_statistics(x)).reshape(-1, x.shape[-1])
    constant = x.reshape(-1, x.shape[-1]).std(axis=0) == 0
    np.testing.assert_allclose(flat.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(flat.std(axis=0), np.where(constant, 0.0, 1.0), atol=1e-12)


@few
@given(x=pixels, scale=st.integers(1, 64), shift=st.integers(-1000, 1000))
def test_standardising_forgets_scale_and_offset(x, scale, shift):
    if x.reshape(-1, x.shape[-1]).std(axis=0).min() == 0:
        return  # a constant channel keeps nothing to compare
    other = x.astype(np.float64) * scale + shift
    np.testing.assert_allclose(
        standardise(other, *channel_statistics(other)), standardise(x, *channel_statistics(x)), atol=1e-9
    )


def test_test_images_are_standardised_by_the_training_set():
    x = np.array([[10.0, 1.0], [30.0, 3.0]]).reshape(1, 1, 2, 2)
    result = standardise(x, np.array([20.0, 1.0]), np.array([5.0, 2.0]))
    np.testing.assert_array_equal(result.reshape(2, 2), [[-2.0, 0.0], [2.0, 1.0]])


def test_standardising_leaves_its_input_alone():
    x = np.ones((1, 2, 2, 1))
    standardise(x, np.ones(1), np.ones(1))
    np.testing.assert_array_equal(x, 1.0)


@pytest.mark.parametrize(("mean", "std"), [(1, 1), (1, 3), (3, 1), (4, 4)])
def test_statistics_of_another_number_of_channels_are_refused(mean, std):
    with pytest.raises(InputError) as caught:
        standardise(np.zeros((2, 4, 4, 3)), np.zeros(mean), np.ones(std))
    assert str(caught.value) == f"cannot standardise 3 channels with the statistics of {mean} and {std}"
