import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ntkbench.datasets.dataset import ARRAY_NAMES, Arrays
from ntkbench.datasets.formats.mnist import read_idx
from ntkbench.datasets.sources.source import SourceError

FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def digits() -> Arrays:
    """Five grey images of 3x4 pixels for training, two for testing."""
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 256, (n, 3, 4, 1), np.uint8) for n in (5, 2)]
    labels = [rng.integers(0, 10, n, np.uint8) for n in (5, 2)]
    return Arrays(images[0], labels[0], images[1], labels[1])


@pytest.fixture
def files(digits) -> dict[str, bytes]:
    arrays = {name: getattr(digits, name) for name in FILES}
    return {"package.json": b"{}"} | {
        FILES[name]: idx(a[..., 0] if name.startswith("x") else a) for name, a in arrays.items()
    }


@pytest.fixture
def read(packed, tmp_path):
    """Pack members and read them."""

    def call(members: dict[str, bytes]) -> Arrays:
        file = tmp_path / "archive.tgz"
        file.write_bytes(packed(members))
        return read_idx(file, lambda *_: None)

    return call


def test_it_gives_the_images_that_were_packed_in_any_order(read, files, digits):
    for members in (files, dict(reversed(files.items()))):
        found = read(members)
        for name in ARRAY_NAMES:
            np.testing.assert_array_equal(getattr(found, name), getattr(digits, name))
            assert getattr(found, name).dtype == np.uint8


def test_an_image_lies_row_by_row_behind_sixteen_bytes(read, files):
    content = bytes.fromhex("00000803 00000002 00000002 00000003") + bytes([1, 2, 3, 4, 5, 6]) + bytes(range(6))
    found = read(
        files | {FILES["x_test"]: content, FILES["x_train"]: content, FILES["y_train"]: idx(np.zeros(2, "u1"))}
    )
    assert found.x_test[0, :, :, 0].tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("name", FILES.values())
def test_every_missing_file_is_named(read, files, name):
    with pytest.raises(SourceError, match=f"lacks {name}$"):
        read({n: c for n, c in files.items() if n != name})


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:7],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: content[:2] + b"\x0d" + content[3:],  # floats
        lambda content: content[:3] + b"\x02" + content[4:],  # two axes
        lambda content: content[:4] + b"\xff\xff\xff\xff" + content[8:],
    ],
)
def test_a_file_of_another_form_is_a_failure(read, files, name, damage):
    with pytest.raises(SourceError, match=f"{FILES[name]} is not an IDX file of bytes"):
        read(files | {FILES[name]: damage(files[FILES[name]])})


def test_as_many_labels_as_images_are_needed(read, files):
    with pytest.raises(SourceError, match="y_test has shape"):
        read(files | {FILES["y_test"]: idx(np.zeros(3, np.uint8))})


# The other fixtures do not change, so the examples may share them.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), inside=st.booleans(), cut=st.booleans())
def test_damage_of_any_kind_is_a_failure_of_the_source_or_harmless(packed, damaged, files, tmp_path, seed, inside, cut):
    content = packed(files)
    file = tmp_path / "archive.tgz"
    file.write_bytes(damaged(content, seed, inside=inside, cut=cut))
    reason = ""
    try:
        assert isinstance(read_idx(file, lambda *_: None), Arrays)
    except SourceError as error:
        reason = str(error)
    assert "\n" not in reason
