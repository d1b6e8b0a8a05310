"""Small tables that scikit-learn carries: four to classify, and one, `diabetes`, whose values are to be predicted.

Nobody has published splits of them: the samples i with i = k modulo 4 are tested in split k, and those with odd i are
held out to choose hyper-parameters.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ntkbench.datasets.bundled import Bundled, scikit_learn_folder
from ntkbench.datasets.collection import Collection, Table, Tables

NAME = "bundled-tables"
_SPLITS = 4
_folder = partial(scikit_learn_folder, NAME)


def read() -> Tables:
    """The tables as they are distributed. Raises InputError without scikit-learn."""
    _folder()  # raises where scikit-learn is not installed
    from sklearn import datasets

    # The values of `diabetes` are whole numbers, which int16 holds.
    bunches = [
        datasets.load_breast_cancer(),
        datasets.load_diabetes(scaled=False),
        datasets.load_digits(),
        datasets.load_iris(),
        datasets.load_wine(),
    ]
    return Tables.of([_table(bunch) for bunch in bunches])


def _table(bunch: Any) -> Table:
    number = np.arange(len(bunch.target))
    tested = np.stack([number % _SPLITS == split for split in range(_SPLITS)])
    return Table(
        bunch.data.astype(np.float32),
        bunch.target.astype(np.int16),
        tested.astype(np.uint8),
        (number % 2).astype(np.uint8),
    )


TABLES = Bundled(
    dataset=Collection(
        name=NAME,
        version="1",
        title="Breast cancer, diabetes, digits, iris and wine, as scikit-learn has them",
        licence="CC BY 4.0 (UCI); diabetes: Efron et al. 2004; travel with scikit-learn",
        tables=("breast-cancer", "diabetes", "digits", "iris", "wine"),
        arrays_sha256="278fa982704204190692217c91bc5a4dc89ed516dac4dd9a6cd6acd62cd03907",
        sources=("scikit-learn, sklearn.datasets",),
        needs_network=False,
    ),
    read=read,
    folder=_folder,
)
