import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ntkbench.datasets.dataset import ARRAY_NAMES, Arrays
from ntkbench.datasets.formats.cifar10 import read_binary, read_png_rows
from ntkbench.datasets.sources.source import SourceError


@pytest.fixture(params=["binary", "png"])
def form(request, binary_files, png_files):
    """Either form: the function that makes its members and the function that reads it."""
    return {"binary": (binary_files, read_binary), "png": (png_files, read_png_rows)}[request.param]


@pytest.fixture
def read(packed, tmp_path: Path):
    """Pack members and read them."""

    def call(reader, files: dict[str, bytes]) -> Arrays:
        file = tmp_path / "archive.tgz"
        file.write_bytes(packed(files))
        return reader(file, lambda *_: None)

    return call


def png(pixels: np.ndarray, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def equal(a: Arrays, b: Arrays) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ARRAY_NAMES)


def test_both_forms_give_the_images_that_were_packed(form, read, images):
    files, reader = form
    found = read(reader, files(images))
    assert equal(found, images)
    assert {getattr(found, name).dtype for name in ARRAY_NAMES} == {np.dtype(np.uint8)}


def test_the_order_of_the_members_does_not_matter(form, read, images):
    files, reader = form
    assert equal(read(reader, dict(reversed(files(images).items()))), images)


def test_batches_may_differ_in_size(form, read, images):
    files, reader = form
    members = files(images)
    # The first batch gets the test images besides its own three.
    if reader is read_binary:
        members["data_batch_1.bin"] += members["test_batch.bin"]
    else:
        rows = np.concatenate([images.x_train[:3], images.x_test])
        members["data_batch_1.png"] = png(rows.reshape(7, 1024, 3))
        labels = [*images.y_train[:3].tolist(), *images.y_test.tolist(), *images.y_train[3:].tolist()]
        members["train_lables.json"] = json.dumps(labels).encode()
    found = read(reader, members)
    for name in ("x", "y"):
        train, test = getattr(images, f"{name}_train"), getattr(images, f"{name}_test")
        np.testing.assert_array_equal(getattr(found, f"{name}_train"), np.concatenate([train[:3], test, train[3:]]))


def test_a_binary_record_is_a_label_and_three_planes(read, binary_files, images):
    record = bytes([7]) + bytes([1] * 1024) + bytes([2] * 1023) + bytes([9]) + bytes([3] * 1024)
    found = read(read_binary, binary_files(images) | {"test_batch.bin": record})
    assert found.y_test.tolist() == [7]
    assert found.x_test[0, 0, 0].tolist() == [1, 2, 3]
    assert found.x_test[0, 31, 31].tolist() == [1, 9, 3]


def test_a_png_row_is_an_image_row_by_row(read, png_files, images):
    rows = np.zeros((1, 1024, 3), np.uint8)
    rows[0, 32 * 2 + 5] = [10, 20, 30]  # third row, sixth column
    found = read(read_png_rows, png_files(images) | {"test_batch.png": png(rows), "test_lables.json": b"[3]"})
    assert found.x_test[0, 2, 5].tolist() == [10, 20, 30]
    assert found.x_test.sum() == 60


def test_every_missing_member_is_named(form, read, images):
    files, reader = form
    members = files(images)
    for name in [n for n in members if "batch_" in n or "_batch" in n or "lables" in n]:
        with pytest.raises(SourceError, match=f"lacks {name}$"):
            read(reader, {n: c for n, c in members.items() if n != name})


@pytest.mark.parametrize("content", [b"\0", bytes(3072), bytes(3 * 3073 - 1)])
def test_a_binary_batch_of_broken_records_is_a_failure(read, binary_files, images, content):
    with pytest.raises(SourceError, match=r"^cannot read archive\.tgz "):
        read(read_binary, binary_files(images) | {"data_batch_2.bin": content})


@pytest.mark.parametrize("shape", [(3, 1023, 3), (3, 3072, 3), (10_001, 1024, 3)])
def test_a_png_of_another_size_is_a_failure(read, png_files, images, shape):
    found = f"data_batch_2.png is {shape[1]} x {shape[0]}, not 1024 x at most 10000"
    with pytest.raises(SourceError, match=found):
        read(read_png_rows, png_files(images) | {"data_batch_2.png": png(np.zeros(shape, np.uint8))})


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_a_png_of_another_mode_is_a_failure(read, png_files, images, mode):
    content = png(np.zeros((3, 1024, 3), np.uint8), mode)
    with pytest.raises(SourceError, match=f"data_batch_2.png is {mode}, not RGB"):
        read(read_png_rows, png_files(images) | {"data_batch_2.png": content})


def test_a_png_that_claims_to_be_huge_is_refused_before_it_is_decoded(read, png_files, images):
    content = bytearray(png(np.zeros((3, 1024, 3), np.uint8)))
    content[16:24] = (2**31 - 1).to_bytes(4, "big") * 2
    with pytest.raises(SourceError, match="is 2147483647 x 2147483647, not"):
        read(read_png_rows, png_files(images) | {"test_batch.png": bytes(content)})


def test_another_picture_format_is_a_failure(read, png_files, images):
    buffer = io.BytesIO()
    Image.new("RGB", (1024, 3)).save(buffer, "BMP")
    with pytest.raises(SourceError, match=r"^cannot read archive\.tgz "):
        read(read_png_rows, png_files(images) | {"test_batch.png": buffer.getvalue()})


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[1, 2", b"{}", b'"1234"', b"\xff\xfe", b"[1, 2, 3]", b"[1, 2, 3, 4, 5]", b"[[1, 2, 3, 4]]"),
        *(b"[1, 2, 3, 256]", b"[1, 2, 3, -1]", b"[1, 2, 3, 4.0]", b"[1, 2, 3, true]", b"[1, 2, 3, null]"),
    ],
)
def test_labels_that_are_not_one_small_number_an_image_are_a_failure(read, png_files, images, content):
    with pytest.raises(SourceError, match=r"^cannot read archive\.tgz "):
        read(read_png_rows, png_files(images) | {"test_lables.json": content})


# The other fixtures do not change, so the examples may share them.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), inside=st.booleans(), cut=st.booleans())
def test_damage_of_any_kind_is_a_failure_of_the_source_or_harmless(
    form, packed, damaged, images, tmp_path, seed: int, inside: bool, cut: bool
):
    files, reader = form
    content = packed(files(images))
    file = tmp_path / "archive.tgz"
    file.write_bytes(damaged(content, seed, inside=inside, cut=cut))
    reason = ""
    try:
        assert isinstance(reader(file, lambda *_: None), Arrays)
    except SourceError as error:
        reason = str(error)
    assert "\n" not in reason
