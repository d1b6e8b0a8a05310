import dataclasses
import hashlib
import socket

import numpy as np
import pytest

from ntkbench import datasets
from ntkbench.datasets.dataset import ARRAY_NAMES
from ntkbench.datasets.digits import DIGITS
from ntkbench.errors import SystemFault


@pytest.fixture
def offline(monkeypatch):
    """Any attempt to open a socket fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """scikit-learn's own file, read without scikit-learn: 64 pixels and a label a row."""
    return np.loadtxt(datasets.path("digits") / "digits.csv.gz", delimiter=",")


@pytest.mark.usefixtures("offline")
def test_the_digits_are_the_bundled_file_split_by_its_order(table):
    digits = datasets.load("digits")
    x = table[:, :64].reshape(1797, 8, 8, 1)
    np.testing.assert_array_equal(digits.x_train, x[:1297])
    np.testing.assert_array_equal(digits.x_test, x[1297:])
    np.testing.assert_array_equal(digits.y_train, table[:1297, 64])
    np.testing.assert_array_equal(digits.y_test, table[1297:, 64])
    assert {getattr(digits, name).dtype for name in ARRAY_NAMES} == {np.dtype(np.uint8)}


def test_the_pinned_hashes_are_those_of_the_bundled_file(table):
    pixels, labels = table[:, :64].astype(np.uint8), table[:, 64].astype(np.uint8)
    parts = {"x_train": pixels[:1297], "y_train": labels[:1297], "x_test": pixels[1297:], "y_test": labels[1297:]}
    assert dict(DIGITS.dataset.hashes) == {k: hashlib.sha256(v.tobytes()).hexdigest() for k, v in parts.items()}


def test_what_is_said_of_the_digits_is_so(table):
    about = datasets.get("digits")
    assert (about.n_train, about.n_test, about.image_shape) == (1297, 500, (8, 8, 1))
    assert about.n_classes == len(np.unique(table[:, 64]))
    assert not about.needs_network


@pytest.mark.usefixtures("offline")
def test_there_is_nothing_to_fetch(tmp_path, capsys):
    assert datasets.is_cached("digits")
    assert datasets.fetch("digits", force=True) == datasets.path("digits")
    assert not (tmp_path / "cache").exists()
    assert capsys.readouterr() == ("", "")


def test_another_copy_than_the_pinned_one_is_refused():
    digits = DIGITS.read()
    wrong = dataclasses.replace(digits, x_test=digits.x_test + np.uint8(1))
    with pytest.raises(SystemFault) as caught:
        dataclasses.replace(DIGITS, read=lambda: wrong).load(None)
    message = str(caught.value)
    assert message.startswith(
        f"digits: the copy under {datasets.path('digits')} is not the pinned one: x_test has SHA-"
    )
