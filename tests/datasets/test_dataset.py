import dataclasses
import hashlib
from typing import Any

import numpy as np
import pytest

from ntkbench.datasets.dataset import ARRAY_NAMES, Arrays, Dataset, Hashes, array_sha256
from ntkbench.errors import InputError

HEX = hashlib.sha256(b"").hexdigest()


def arrays(**other: Any) -> Arrays:
    given = {
        "x_train": np.zeros((3, 4, 5, 2), np.uint8),
        "y_train": np.zeros(3, np.uint8),
        "x_test": np.zeros((2, 4, 5, 2), np.uint8),
        "y_test": np.zeros(2, np.uint8),
    }
    return Arrays(**given | other)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_a_hash_is_that_of_the_bytes_in_c_order(dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    for view in (array, array.transpose(2, 0, 1), array[:, ::2], np.asfortranarray(array)):
        assert array_sha256(view) == hashlib.sha256(view.tobytes(order="C")).hexdigest()


def test_a_hash_changes_with_any_bit():
    array = np.zeros(16, np.uint8)
    seen = {array_sha256(array)}
    for i in range(16):
        for bit in range(8):
            changed = array.copy()
            changed[i] = 1 << bit
            seen.add(array_sha256(changed))
    assert len(seen) == 1 + 16 * 8


def test_hashes_are_given_in_the_order_of_the_arrays_and_combine_to_one():
    given = {name: hashlib.sha256(name.encode()).hexdigest() for name in ARRAY_NAMES}
    hashes = Hashes(**given)
    assert list(hashes) == [(name, given[name]) for name in ("x_train", "y_train", "x_test", "y_test")]
    joined = given["x_train"] + given["y_train"] + given["x_test"] + given["y_test"]
    assert hashes.combined == hashlib.sha256(joined.encode()).hexdigest()


@pytest.mark.parametrize("name", ARRAY_NAMES)
@pytest.mark.parametrize("value", ["", HEX[1:], HEX + "0", HEX.upper(), "g" + HEX[1:], HEX + "\n"])
def test_what_is_no_sha256_is_refused(name, value):
    with pytest.raises(ValueError, match=f"^{name}: .* is not a SHA-256 in lower-case hex$"):
        Hashes(**dict.fromkeys(ARRAY_NAMES, HEX) | {name: value})


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"y_train": np.zeros(3, np.int64)},
        {"x_train": np.zeros((3, 4, 5, 2), np.float32), "x_test": np.zeros((2, 4, 5, 2), np.float32)},
        {"x_test": np.zeros((0, 4, 5, 2), np.uint8), "y_test": np.zeros(0, np.uint8)},
    ],
)
def test_arrays_that_fit_together_are_taken(other):
    made = arrays(**other)
    assert all(getattr(made, name) is value for name, value in other.items())


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        ({"x_train": np.zeros((3, 4, 5), np.uint8)}, "x_train is uint8(3, 4, 5), not uint8 or float (N, H, W, C)"),
        ({"x_test": np.zeros((2, 4, 5, 2), np.int64)}, "x_test is int64(2, 4, 5, 2), not uint8 or float"),
        ({"x_train": np.zeros((3, 4, 5, 2), np.uint8, order="F")}, "x_train is uint8(3, 4, 5, 2), not"),
        ({"y_train": np.zeros(3, np.float64)}, "y_train is float64, not uint8 or int64"),
        ({"y_test": np.zeros(2, np.int32)}, "y_test is int32, not uint8 or int64"),
        ({"y_train": np.zeros(4, np.uint8)}, "y_train has shape (4,) for 3 images"),
        ({"y_test": np.zeros((2, 1), np.uint8)}, "y_test has shape (2, 1) for 2 images"),
        ({"x_test": np.zeros((2, 4, 4, 2), np.uint8)}, "x_train and x_test differ in image shape or dtype"),
        ({"x_test": np.zeros((2, 4, 5, 2), np.float32)}, "x_train and x_test differ in image shape or dtype"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(other, fault):
    with pytest.raises(InputError) as caught:
        arrays(**other)
    assert fault in str(caught.value)


@pytest.mark.parametrize("name", ["digits", "fashion-mnist", "a.b_c", "1"])
def test_plain_names_are_taken(pinned, name):
    assert dataclasses.replace(pinned(arrays()), name=name).name == name


@pytest.mark.parametrize("field", ["name", "version"])
@pytest.mark.parametrize("value", ["", "../up", "a/b", "Upper", "with space", ".hidden", "a\n"])
def test_names_that_are_no_folder_names_are_refused(pinned, field, value):
    with pytest.raises(ValueError, match=f"^{field} "):
        dataclasses.replace(pinned(arrays()), **{field: value})


@pytest.mark.parametrize(
    "other",
    [
        {"title": ""},
        {"licence": ""},
        {"sources": ()},
        {"image_shape": (4, 5)},
        {"image_shape": (4, 0, 2)},
        {"n_train": 0},
        {"n_test": -1},
        {"n_classes": 0},
    ],
)
def test_fields_that_make_no_sense_are_refused(pinned, other):
    with pytest.raises(ValueError, match=r"^small: "):
        dataclasses.replace(pinned(arrays()), **other)


def test_the_data_set_has_one_hash_over_all_arrays(pinned):
    dataset: Dataset = pinned(arrays())
    assert dataset.sha256 == dataset.hashes.combined


def test_the_pinned_arrays_have_no_mismatch(pinned, images):
    assert pinned(images).mismatch(images) is None


@pytest.mark.parametrize("name", ARRAY_NAMES)
def test_a_change_in_any_array_is_a_mismatch_that_names_it(pinned, images, name):
    changed = getattr(images, name).copy()
    changed.flat[-1] ^= 1
    fault = pinned(images).mismatch(dataclasses.replace(images, **{name: changed}))
    expected = array_sha256(getattr(images, name))[:12]
    assert fault == f"{name} has SHA-256 {array_sha256(changed)[:12]}…, not {expected}…"


def test_missing_images_are_a_mismatch_that_gives_both_shapes(pinned, images):
    fewer = dataclasses.replace(images, x_test=images.x_test[:3], y_test=images.y_test[:3])
    assert pinned(images).mismatch(fewer) == "x_test has shape (3, 32, 32, 3), not (4, 32, 32, 3)"


def test_the_same_bytes_in_another_shape_are_a_mismatch(pinned, images):
    turned = dataclasses.replace(
        images, x_train=images.x_train.reshape(15, 64, 16, 3), x_test=images.x_test.reshape(4, 64, 16, 3)
    )
    assert "has shape" in pinned(images).mismatch(turned)
