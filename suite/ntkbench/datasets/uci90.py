"""The 90 UCI classification sets of Arora et al. (2020), with the splits of Fernandez-Delgado et al. (2014).

Those of the latter's 121 sets that have at most 5,000 samples and no test file of their own. Each is as distributed:
categories as numbers, every feature standardised over the whole set.

References: Fernandez-Delgado, Cernadas, Barro & Amorim, "Do we need hundreds of classifiers to solve real world
classification problems?", JMLR 15 (2014); Arora et al., "Harnessing the power of infinitely wide deep nets on
small-data tasks", ICLR 2020, arXiv:1910.01663.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from ntkbench import paths
from ntkbench.datasets.collection import Collection, Tables
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.formats.delgado import read_archive, read_npz
from ntkbench.datasets.sources.http import HttpArchive
from ntkbench.datasets.sources.local import LocalFile
from ntkbench.datasets.sources.source import Source

FILE_VARIABLE = "NTKBENCH_UCI90_FILE"
"""The environment variable that names a .npz file of the sets, as `formats.delgado.read_npz` reads it."""

_NAMES = """
abalone acute-inflammation acute-nephritis arrhythmia balance-scale balloons bank blood breast-cancer
breast-cancer-wisc breast-cancer-wisc-diag breast-cancer-wisc-prog breast-tissue car cardiotocography-10clases
cardiotocography-3clases chess-krvkp congressional-voting conn-bench-sonar-mines-rocks contrac credit-approval
cylinder-bands dermatology echocardiogram ecoli energy-y1 energy-y2 fertility flags glass haberman-survival
heart-cleveland heart-hungarian heart-switzerland heart-va hepatitis ilpd-indian-liver ionosphere iris led-display
lenses libras low-res-spect lung-cancer lymphography mammographic molec-biol-promoter molec-biol-splice musk-1
oocytes_merluccius_nucleus_4d oocytes_merluccius_states_2f oocytes_trisopterus_nucleus_2f
oocytes_trisopterus_states_5b ozone parkinsons pima pittsburg-bridges-MATERIAL pittsburg-bridges-REL-L
pittsburg-bridges-SPAN pittsburg-bridges-T-OR-D pittsburg-bridges-TYPE planning plant-margin plant-shape plant-texture
post-operative primary-tumor seeds semeion spambase statlog-australian-credit statlog-german-credit statlog-heart
statlog-image statlog-vehicle steel-plates synthetic-control teaching tic-tac-toe titanic trains
vertebral-column-2clases vertebral-column-3clases waveform waveform-noise wine wine-quality-red wine-quality-white
yeast zoo
"""
NAMES = tuple(_NAMES.split())

# Its publisher gives no hash: the arrays tell.
ARCHIVE = HttpArchive(
    url="http://persoal.citius.usc.es/manuel.fernandez.delgado/papers/jmlr/data.tar.gz",
    digest=None,
    read=partial(read_archive, names=NAMES),
)


def sources() -> Sequence[Source[Tables]]:
    """The file that the user names, where one is named; then the publisher's archive."""
    given = os.environ.get(FILE_VARIABLE)
    # What is on the disk comes first: a machine without a network need not wait for it.
    files = [LocalFile(paths.expanded(given), partial(read_npz, names=NAMES))] if given else []
    return [*files, ARCHIVE]


UCI90 = Fetched(
    dataset=Collection(
        name="uci90",
        version="1",
        title="90 UCI classification sets",
        licence="each set's own, which the UCI repository states; fetched for use, never redistributed",
        tables=NAMES,
        arrays_sha256="c20bc9d4caafb11781b55bae21d3c4f98cfacb29e072d85e062bd64a8f1cca4e",
        sources=(f"the file that {FILE_VARIABLE} names", ARCHIVE.url),
        needs_network=True,
        optional=True,
    ),
    sources=sources,
)
