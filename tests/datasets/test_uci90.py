import dataclasses
import hashlib
from functools import partial

import numpy as np
import pytest

from ntkbench import datasets
from ntkbench.datasets import catalogue
from ntkbench.datasets.collection import Collection, Tables
from ntkbench.datasets.dataset import array_sha256
from ntkbench.datasets.fetched import Fetched
from ntkbench.datasets.formats.delgado import read_archive
from ntkbench.datasets.sources.download import Policy
from ntkbench.datasets.sources.http import HttpArchive
from ntkbench.datasets.uci90 import ARCHIVE, UCI90
from ntkbench.errors import InputError


def quiet(*_: object) -> None:
    pass


@pytest.fixture
def small(monkeypatch, server, delgado_tables, delgado_files, packed, impatient) -> Fetched:
    """A collection `small` in the catalogue, whose archive the local server has."""
    server.content = packed(delgado_files)
    names = tuple(delgado_tables)
    content = Tables.of(list(delgado_tables.values()))
    hashes = [array_sha256(getattr(content, name)) for name in UCI90.dataset.array_names]
    known = Collection(
        name="small",
        version="1",
        title="Small tables",
        licence="none",
        sources=("a test",),
        needs_network=True,
        optional=True,
        tables=names,
        arrays_sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
    )
    source = HttpArchive(server.url, None, partial(read_archive, names=names), impatient)
    provider = Fetched(known, lambda: [source])
    monkeypatch.setitem(catalogue._PROVIDERS, "small", provider)
    return provider


def test_the_named_file_comes_before_the_publisher_s_archive(monkeypatch, tmp_path):
    assert list(UCI90.sources()) == [ARCHIVE]
    assert ARCHIVE.url == "http://persoal.citius.usc.es/manuel.fernandez.delgado/papers/jmlr/data.tar.gz"
    monkeypatch.setenv("NTKBENCH_UCI90_FILE", str(tmp_path / "sets.npz"))
    file, archive = UCI90.sources()
    assert (file.path, archive) == (tmp_path / "sets.npz", ARCHIVE)


def test_there_are_ninety_sets_and_a_run_may_do_without():
    about = datasets.get("uci90")
    assert len(set(about.tables)) == len(about.tables) == 90
    assert list(about.tables) == sorted(about.tables)
    assert about.optional
    assert datasets.optional() == ["uci90"]


def test_a_collection_is_fetched_once_and_read_from_the_cache(small, server, delgado_tables):
    for _ in range(2):
        found = datasets.load_collection("small", quiet)
        assert list(found) == list(delgado_tables)
        for name, table in delgado_tables.items():
            for field in dataclasses.fields(table):
                np.testing.assert_array_equal(getattr(found[name], field.name), getattr(table, field.name))
            assert not found[name].x.flags.writeable
    assert server.ranges == [None]


def test_images_and_tables_are_not_taken_for_each_other(small):
    with pytest.raises(InputError, match=r"^data set 'small' is a collection of tables, not one of images"):
        datasets.load("small")
    with pytest.raises(InputError, match=r"^data set 'digits' is one of images, not a collection of tables"):
        datasets.load_collection("digits")


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"cut": 20}, "IncompleteRead(20 bytes read"),
        ({"cut": 200, "sized": False}, "the archive lacks first/first.txt"),
        ({"content": b"damage"}, "cannot read archive.tar.gz ("),
        ({"cut": 20, "hang": True}, "timed out"),
        ({"status": 404}, "HTTP 404 Not Found"),
    ],
)
def test_what_is_wrong_with_the_archive_is_said_in_one_line(small, server, trouble, says):
    server.always(**trouble)
    policy = Policy(read_timeout=0.2, backoff=0.0, idle_attempts=1, requests=1)
    (source,) = small.sources()
    impatient = dataclasses.replace(small, sources=lambda: [dataclasses.replace(source, policy=policy)])
    with pytest.raises(datasets.DatasetUnavailable) as caught:
        impatient.load(quiet)
    (tried,) = caught.value.tried
    assert tried.startswith(f"127.0.0.1: {says}")
    assert "\n" not in str(caught.value)
    assert caught.value.optional


def test_other_tables_are_refused(small, server, delgado_files, packed):
    rows = delgado_files["first/first_R.dat"].decode().splitlines()
    number = rows[1].split("\t")[1]
    rows[1] = rows[1].replace(number, f"{float(number) + 1:.6f}", 1)
    server.content = packed(delgado_files | {"first/first_R.dat": "\n".join(rows).encode()})
    with pytest.raises(datasets.DatasetUnavailable, match=r"127\.0\.0\.1: its arrays have SHA-256 "):
        small.load(quiet)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file or directory"), (b"text", "cannot read sets.npz (")]
)
def test_a_named_file_that_will_not_do_is_named(monkeypatch, tmp_path, content, says):
    file = tmp_path / "sets.npz"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("NTKBENCH_UCI90_FILE", str(file))
    # Without the archive, for which a test would need a network.
    source = UCI90.sources()[0]
    with pytest.raises(datasets.DatasetUnavailable) as caught:
        dataclasses.replace(UCI90, sources=lambda: [source]).load(quiet)
    assert caught.value.tried[0].startswith(f"{file}: {says}")


def test_the_command_lists_fetches_and_finds_it(ntkbench, small):
    listed = next(line for line in ntkbench("data", "list").out.splitlines() if "Small tables" in line)
    assert "2 sets" in listed
    assert "not fetched" in listed
    assert "90 sets" in ntkbench("data", "list", "uci90").out
    fetched = ntkbench("data", "fetch", "small")
    assert (fetched.code, fetched.out) == (0, f"{small.path()}\n")
    assert ntkbench("data", "path", "small").out == fetched.out
    assert sorted(p.stem for p in small.path().iterdir()) == sorted(UCI90.dataset.array_names)


@pytest.mark.parametrize(("named", "code"), [(["small"], 4), ([], 0)])
def test_what_a_run_may_do_without_fails_a_fetch_only_where_it_is_named(
    ntkbench, monkeypatch, small, server, named, code
):
    server.always(status=404)
    digits = catalogue._PROVIDERS["digits"]
    monkeypatch.setattr(catalogue, "_PROVIDERS", {"small": small, "digits": digits})
    result = ntkbench("data", "fetch", *named)
    assert result.code == code
    assert "ntkbench: No source reachable for dataset 'small' (tried 127.0.0.1: HTTP 404 Not Found)" in result.err
    assert result.out == ("" if named else f"{digits.path()}\n")


def test_a_data_set_that_cannot_be_had_leaves_the_others_to_be_fetched(ntkbench, small, server):
    server.always(status=404)
    result = ntkbench("data", "fetch", "small", "digits")
    assert (result.code, result.out) == (4, f"{datasets.path('digits')}\n")
