"""Classification sets as Fernandez-Delgado et al. (2014) distribute them, and the same sets packed into one .npz file.

The archive has a folder for each set: NAME.txt, lines of a key and its value; the file of samples that it names, with
a head line and then a number, the features and the class of each sample; conxuntos.dat, a line of the samples to train
on and one of those to validate on; conxuntos_kfold.dat, such pairs of lines, to train and to test, for four splits.
"""

from __future__ import annotations

import tarfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from ntkbench.datasets.collection import Table, Tables
from ntkbench.datasets.formats.archive import MEMBER_LIMIT, unpacking
from ntkbench.datasets.progress import Progress
from ntkbench.datasets.sources.source import SourceError

_TUNING, _SPLITS = "conxuntos.dat", "conxuntos_kfold.dat"
_N_SPLITS = 4


def read_archive(archive: Path, progress: Progress, names: Sequence[str]) -> Tables:
    """The named sets of the publisher's archive, in that order. Raises SourceError."""
    with unpacking(archive):
        texts = {(set_name, file): text for set_name, file, text in _texts(archive, names, progress)}
        return Tables.of([_table(name, texts) for name in names])


def read_npz(file: Path, progress: Progress, names: Sequence[str]) -> Tables:
    """The named sets of a .npz file with NAME/X, NAME/y, NAME/test and NAME/validation. Raises SourceError."""
    with unpacking(file), np.load(file, allow_pickle=False) as packed:
        parts = ("X", "y", "test", "validation")
        missing = [f"{name}/{part}" for name in names for part in parts if f"{name}/{part}" not in packed.files]
        if missing:
            raise SourceError(f"{file.name} lacks {missing[0]} and {len(missing) - 1} more")
        progress(f"reading {file.name}", 0, None)
        return Tables.of([Table(*(packed[f"{name}/{part}"] for part in parts)) for name in names])


def _texts(archive: Path, names: Collection[str], progress: Progress) -> Iterator[tuple[str, str, str]]:
    """Set, file name and content of each file that may be needed."""
    wanted, total = set(names), archive.stat().st_size
    with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r|gz") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            # Folders within a set's hold other versions of it.
            if path.parent.name not in wanted or not member.isfile() or path.suffix not in (".txt", ".dat"):
                continue
            content = tar.extractfile(member)
            if content is None or member.size > MEMBER_LIMIT:
                raise SourceError(f"{path.name} in {archive.name} is too large ({member.size} bytes)")
            progress(f"unpacking {archive.name}", file.tell(), total)
            # Some files are notes in the authors' own encoding; the wanted ones are numbers.
            yield path.parent.name, path.name, content.read().decode("latin-1")


def _table(name: str, texts: dict[tuple[str, str], str]) -> Table:
    def lines(file: str) -> list[list[str]]:
        if (name, file) not in texts:
            raise SourceError(f"the archive lacks {name}/{file}")
        return [line.split() for line in texts[name, file].splitlines() if line.strip()]

    values = {key: value for key, value, *_ in (line for line in lines(f"{name}.txt") if len(line) > 1)}
    if "fich1=" not in values:
        raise SourceError(f"{name}.txt names no file of samples")
    rows = lines(values["fich1="])[1:]
    tuning, splits = lines(_TUNING), lines(_SPLITS)
    if len(tuning) != 2 or len(splits) != 2 * _N_SPLITS:
        raise SourceError(f"{name} has {len(tuning)} and {len(splits)} lines of samples, not 2 and {2 * _N_SPLITS}")
    return Table(
        # By way of float64: the nearest float32 to the nearest float64 of each number.
        x=np.array([row[1:-1] for row in rows], np.float64).astype(np.float32),
        labels=np.array([row[-1] for row in rows], np.int16),
        test=np.stack([_held_out(name, splits[i], splits[i + 1], len(rows)) for i in range(0, 2 * _N_SPLITS, 2)]),
        validation=_held_out(name, tuning[0], tuning[1], len(rows)),
    )


def _held_out(name: str, train: Sequence[str], held_out: Sequence[str], n: int) -> npt.NDArray[np.uint8]:
    """1 for each sample in `held_out`; `train` has all others."""
    if sorted(map(int, [*train, *held_out])) != list(range(n)):
        raise SourceError(f"a split of {name} does not have each of its {n} samples once")
    marks = np.zeros(n, np.uint8)
    marks[np.array(held_out, np.intp)] = 1
    return marks
