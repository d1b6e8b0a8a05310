"""The tables that scikit-learn carries, against its own files read without it."""

import dataclasses

import numpy as np
import pytest

from ntkbench import datasets
from ntkbench.datasets.bundled_tables import TABLES
from ntkbench.datasets.collection import Table
from ntkbench.errors import SystemFault

FOLDER = datasets.path("bundled-tables")


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return dict(datasets.load_collection("bundled-tables"))


@pytest.mark.parametrize(
    ("name", "file", "head", "shape"),
    [
        ("breast-cancer", "breast_cancer.csv", 1, (569, 30)),
        ("digits", "digits.csv.gz", 0, (1797, 64)),
        ("iris", "iris.csv", 1, (150, 4)),
        ("wine", "wine_data.csv", 1, (178, 13)),
    ],
)
def test_a_table_is_that_of_the_file(tables, name, file, head, shape) -> None:
    rows = np.loadtxt(FOLDER / file, delimiter=",", skiprows=head)
    assert rows[:, :-1].shape == shape
    np.testing.assert_array_equal(tables[name].x, rows[:, :-1].astype(np.float32))
    np.testing.assert_array_equal(tables[name].labels, rows[:, -1])


def test_of_diabetes_the_labels_are_values_as_they_were_measured(tables) -> None:
    x, y = (np.loadtxt(FOLDER / f"diabetes_{part}.csv.gz") for part in ("data_raw", "target"))
    np.testing.assert_array_equal(tables["diabetes"].x, x.astype(np.float32))
    np.testing.assert_array_equal(tables["diabetes"].labels, y)


def test_each_sample_is_tested_in_one_split_and_classes_in_all(tables) -> None:
    for name, table in tables.items():
        assert table.test.shape[0] == 4
        np.testing.assert_array_equal(table.test.sum(axis=0), 1)
        for train, test in table.splits():
            assert not set(train) & set(test)
            assert name == "diabetes" or set(table.labels[test]) == set(table.labels[train])


def test_another_copy_than_the_pinned_one_is_refused() -> None:
    content = TABLES.read()
    wrong = dataclasses.replace(content, labels=content.labels + np.int16(1))
    with pytest.raises(SystemFault, match=r"^bundled-tables: the copy under .* is not the pinned one: its arrays have"):
        dataclasses.replace(TABLES, read=lambda: wrong).load(None)
