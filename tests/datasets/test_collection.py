import dataclasses
import hashlib

import numpy as np
import pytest

from ntkbench.datasets.collection import Collection, Table, Tables
from ntkbench.errors import InputError


def table(n: int, d: int, seed: int = 0) -> Table:
    """Random samples of three classes, a quarter of them tested in each split."""
    rng = np.random.default_rng(seed)
    test = np.zeros((4, n), np.uint8)
    for split in test:
        split[rng.permutation(n)[: n // 4]] = 1
    return Table(
        rng.standard_normal((n, d)).astype(np.float32),
        (np.arange(n) % 3).astype(np.int16),
        test,
        (rng.permutation(n) < n // 2).astype(np.uint8),
    )


def test_each_split_has_every_sample_once():
    one = table(12, 2)
    halves = [*one.splits(), one.tuning()]
    for train, held_out in halves:
        assert sorted([*train, *held_out]) == list(range(12))
    assert [len(held_out) for _, held_out in halves] == [3, 3, 3, 3, 6]
    for marks, (_, held_out) in zip([*one.test, one.validation], halves, strict=True):
        assert marks[held_out].all()
        assert marks.sum() == len(held_out)
    assert one.n_classes == 3


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        ({"x": np.zeros((12, 2))}, r"x is float64\(12, 2\), not float32 with 2 axes"),
        ({"labels": np.zeros((12, 1), np.int16)}, r"labels is int16\(12, 1\), not int16 with 1 axes"),
        ({"validation": np.zeros(12, bool)}, r"validation is bool\(12,\), not uint8"),
        ({"test": np.zeros((4, 11), np.uint8)}, r"12 labels for 12 samples, splits of 11"),
        ({"x": np.zeros((11, 2), np.float32)}, r"12 labels for 11 samples"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(other, fault):
    with pytest.raises(InputError, match=fault):
        dataclasses.replace(table(12, 2), **other)


def test_tables_of_any_sizes_come_back_as_they_were():
    given = [table(12, 2), table(5, 7, seed=1), table(8, 1, seed=2)]
    found = list(Tables.of(given))
    assert len(found) == 3
    for a, b in zip(given, found, strict=True):
        for field in dataclasses.fields(Table):
            np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))


@pytest.fixture
def content() -> Tables:
    return Tables.of([table(12, 2), table(5, 7, seed=1)])


@pytest.fixture
def known(content) -> Collection:
    """The collection that pins the content."""
    names = ("shapes", "x", "labels", "test", "validation")
    hashes = [hashlib.sha256(getattr(content, name).tobytes()).hexdigest() for name in names]
    return Collection(
        name="small-tables",
        version="1",
        title="Small tables",
        licence="none",
        sources=("a test",),
        needs_network=True,
        tables=("one", "two"),
        arrays_sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
    )


def test_the_pinned_tables_have_no_mismatch(known, content):
    assert known.mismatch(content) is None
    assert known.made_of({name: getattr(content, name) for name in known.array_names}) == content


@pytest.mark.parametrize("name", ["shapes", "x", "labels", "test", "validation"])
def test_a_change_in_any_array_is_a_mismatch(known, content, name):
    changed = getattr(content, name).copy()
    changed.flat[-1] += 1
    fault = known.mismatch(dataclasses.replace(content, **{name: changed}))
    assert fault.startswith("its arrays have SHA-256 ")
    assert fault.endswith(f"…, not {known.sha256[:12]}…")
