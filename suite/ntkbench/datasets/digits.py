"""The 8x8 handwritten digits that scikit-learn carries: the smoke tier's data set, no network needed.

The file is ordered by writer (13 people, none of whom wrote for the whole of it), so the split takes the first 1297
images for training and the last 500 for testing: the test digits are mostly by hands the training set has not seen,
which is the honest question. A shuffled split would put every writer on both sides.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ntkbench.datasets.bundled import Bundled, scikit_learn_folder
from ntkbench.datasets.dataset import Arrays, Dataset, Hashes

_N_TRAIN = 1297
folder = partial(scikit_learn_folder, "digits")


def read() -> Arrays:
    """The digits: images uint8 (N, 8, 8, 1) with values 0..16, labels uint8. Raises InputError without scikit-learn."""
    folder()  # raises where scikit-learn is not installed
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # scikit-learn gives whole numbers as float64: uint8 holds them exactly.
    x = bunch.images.astype(np.uint8)[..., np.newaxis]
    y = bunch.target.astype(np.uint8)
    return Arrays(x_train=x[:_N_TRAIN], y_train=y[:_N_TRAIN], x_test=x[_N_TRAIN:], y_test=y[_N_TRAIN:])


DIGITS = Bundled(
    dataset=Dataset(
        name="digits",
        version="1",
        title="Optical recognition of handwritten digits, 8x8 (UCI, test part)",
        licence="CC BY 4.0 (UCI); travels with scikit-learn",
        hashes=Hashes(
            x_train="357bb3919a064442cba410ef9c1d6ba33786511364826799efafc69901097990",
            y_train="3780054f44184fcb9366c0145122aa98df16d3cd4da3929177bfafb8d662589f",
            x_test="7dd65d6b6e16ce62705efa1c5ccd4af0bf822869399077bc2b1519be63340250",
            y_test="21366e8b6fa7dbed5b9b389e1fae578da52473ab95cf7a00edb059eef76a43fa",
        ),
        image_shape=(8, 8, 1),
        n_train=_N_TRAIN,
        n_test=500,
        n_classes=10,
        sources=("scikit-learn, sklearn.datasets.load_digits",),
        needs_network=False,
    ),
    read=read,
    folder=folder,
)
