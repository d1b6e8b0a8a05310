"""The cache: what is fetched, kept, checked and repaired, with sources that are stand-ins."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from ntkbench.datasets.dataset import ARRAY_NAMES, Arrays
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.sources.source import SourceError
from ntkbench.errors import SystemFault


class Source:
    """Gives arrays, or raises; counts how often it is asked."""

    def __init__(self, label: str, gives: Arrays | BaseException):
        self.label, self.gives, self.asked = label, gives, 0

    def build(self, scratch: Path, progress) -> Arrays:
        self.asked += 1
        progress(f"building from {self.label}", 0, None)
        assert scratch.is_dir()
        (scratch / "remains").write_text("of a download")
        if isinstance(self.gives, BaseException):
            raise self.gives
        return self.gives


@pytest.fixture
def source(images) -> Source:
    return Source("first", images)


@pytest.fixture
def small(pinned, images, source) -> Fetched:
    return Fetched(dataset=pinned(images), sources=lambda: [source])


def quiet(*_: object) -> None:
    pass


def cached(small: Fetched) -> list[str]:
    """The files of the data set's folder, which hold it whole."""
    return sorted(p.name for p in small.path().iterdir())


WHOLE = sorted(f"{name}.npy" for name in ARRAY_NAMES)


def test_the_folder_is_in_the_cache_and_not_made_for_asking(small, tmp_path):
    assert small.path() == tmp_path / "cache" / "datasets" / "small-1"
    assert not small.is_cached()
    assert not (tmp_path / "cache").exists()


def test_what_is_loaded_is_what_the_source_gives_mapped_and_read_only(small, images):
    found = small.load(quiet)
    for name in ARRAY_NAMES:
        array = getattr(found, name)
        np.testing.assert_array_equal(array, getattr(images, name))
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_a_fetch_leaves_four_arrays_and_no_remains(small):
    assert small.fetch(force=False, progress=quiet) == small.path()
    assert cached(small) == WHOLE
    assert sorted(p.name for p in small.path().parent.iterdir()) == ["small-1", "small-1.lock"]
    assert small.is_cached()
    np.testing.assert_array_equal(np.load(small.path() / "y_test.npy"), small.sources()[0].gives.y_test)


def test_what_is_cached_is_not_fetched_again_and_says_nothing(small, source, capsys):
    small.load(quiet)
    small.load(None)
    small.fetch(force=False, progress=None)
    assert source.asked == 1
    assert capsys.readouterr() == ("", "")


def test_force_fetches_again(small, source):
    small.load(quiet)
    small.fetch(force=True, progress=quiet)
    assert source.asked == 2


def test_a_forced_fetch_that_fails_keeps_what_was_there(small, source, images):
    small.load(quiet)
    source.gives = SourceError("down")
    with pytest.raises(SystemFault):
        small.fetch(force=True, progress=quiet)
    np.testing.assert_array_equal(small.load(quiet).x_train, images.x_train)
    assert cached(small) == WHOLE


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ARRAY_NAMES)
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(flip, id="a bit"),
        pytest.param(lambda file: file.write_bytes(file.read_bytes()[:-1]), id="cut"),
        pytest.param(lambda file: file.write_bytes(b""), id="empty"),
        pytest.param(lambda file: file.write_bytes(b"PK\x03\x04" + bytes(100)), id="zip"),
        pytest.param(lambda file: file.unlink(), id="gone"),
        pytest.param(lambda file: np.save(file, np.zeros(3)), id="another array"),
    ],
)
def test_a_cached_array_that_is_damaged_is_fetched_again(small, source, images, name, damage):
    small.load(quiet)
    damage(small.path() / f"{name}.npy")
    found = small.load(quiet)
    assert source.asked == 2
    np.testing.assert_array_equal(getattr(found, name), getattr(images, name))


def test_damage_to_any_byte_of_a_header_is_fetched_again(small, source, images):
    small.load(quiet)
    file = small.path() / "y_train.npy"
    good = file.read_bytes()
    # Brackets and quotes that are not closed make NumPy's parser fail in its own ways; the rest of a header is blanks.
    for position in range(80):
        for value in b'("':
            damaged = bytearray(good)
            damaged[position] = value
            file.write_bytes(damaged)
            np.testing.assert_array_equal(small.load(quiet).y_train, images.y_train)
    assert source.asked > 100


def test_a_folder_removed_by_hand_is_fetched_again(small, source):
    small.load(quiet)
    shutil.rmtree(small.path().parent)
    small.load(quiet)
    assert source.asked == 2


def test_the_first_source_that_gives_the_pinned_arrays_is_taken(small, images):
    wrong = dataclasses.replace(images, y_test=images.y_test + np.uint8(1))
    sources = [Source("down", SourceError("down")), Source("wrong", wrong), Source("good", images), Source("x", images)]
    several = dataclasses.replace(small, sources=lambda: sources)
    np.testing.assert_array_equal(several.load(quiet).y_test, images.y_test)
    assert [s.asked for s in sources] == [1, 1, 1, 0]
    assert cached(small) == WHOLE


def test_when_every_source_fails_one_line_says_what_was_tried_and_what_needs_no_network(small, images):
    wrong = dataclasses.replace(images, y_test=images.y_test + np.uint8(1))
    sources = [Source("files.example.org", SourceError("HTTP 404 Not Found")), Source("npm images@1", wrong)]
    with pytest.raises(SystemFault) as caught:
        dataclasses.replace(small, sources=lambda: sources).load(quiet)
    fault = small.dataset.mismatch(wrong)
    assert str(caught.value) == (
        "No source reachable for dataset 'small' (tried files.example.org: HTTP 404 Not Found;"
        f" npm images@1: {fault}); the smoke tier of every task needs no network"
    )
    assert not small.is_cached()
    # What the sources left stays, for the next attempt to resume.
    assert (small.path().with_name("small-1.partial") / "remains").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemFault("cannot write"), RuntimeError("a bug")])
def test_any_other_error_stops_the_fetch_and_lets_the_lock_go(small, source, images, error):
    source.gives = error if isinstance(error, BaseException) else error()
    with pytest.raises(type(source.gives)):
        small.load(quiet)
    assert not small.is_cached()
    source.gives = images
    small.load(quiet)
    assert cached(small) == WHOLE


def test_a_disk_that_fills_up_leaves_whole_arrays_or_none(small, source, images, full_after):
    # The images do not fit, and they come first.
    with full_after(40_000), pytest.raises(SystemFault, match=r"^cannot write to .*; make room or set NTKBENCH_CACHE"):
        small.load(quiet)
    assert cached(small) == []
    small.load(quiet)
    assert cached(small) == WHOLE


def test_what_a_process_killed_while_writing_left_is_cleared(small, images):
    small.path().mkdir(parents=True)
    np.save(small.path() / "x_train.npy", images.x_train)
    for name in ARRAY_NAMES:
        (small.path() / f".{name}.npy.0123.tmp").write_bytes(b"half")
    small.load(quiet)
    assert cached(small) == WHOLE


@pytest.mark.parametrize("in_the_way", [".", "datasets", "datasets/small-1", "datasets/small-1.partial"])
def test_a_cache_that_cannot_be_written_is_one_clear_line(small, tmp_path, in_the_way):
    file = tmp_path / "cache" / in_the_way
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a file where a folder must be")
    with pytest.raises(SystemFault) as caught:
        small.load(quiet)
    message = str(caught.value)
    assert message.startswith(f"cannot write to {tmp_path / 'cache'}")
    assert message.endswith("make room or set NTKBENCH_CACHE to a folder that can be written")
    assert "\n" not in message
    assert file.read_text() == "a file where a folder must be"


def test_a_lock_that_cannot_be_made_is_one_clear_line(small):
    small.path().with_name("small-1.lock").mkdir(parents=True)
    with pytest.raises(SystemFault, match=r"^cannot write to .*NTKBENCH_CACHE"):
        small.load(quiet)


def test_cached_arrays_are_read_without_writing(small, source):
    small.load(quiet)
    lock = small.path().with_name("small-1.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()  # now no lock can be had
    small.load(quiet)
    assert source.asked == 1


def test_arrays_that_cannot_be_read_back_are_reported(small, monkeypatch):
    monkeypatch.setattr(Fetched, "_write", lambda self, arrays: None)
    with pytest.raises(SystemFault, match=r"^small: the arrays under .* cannot be read back$"):
        small.load(quiet)
