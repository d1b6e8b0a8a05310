"""The publisher's archive, written here in small, and the same sets in an .npz file."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ntkbench.datasets.collection import Table, Tables
from ntkbench.datasets.formats.delgado import read_archive, read_npz
from ntkbench.datasets.sources.source import SourceError

NAMES = ("first", "second-set")


def same(a: Tables, b: Tables) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in vars(a))


@pytest.fixture
def read(packed, tmp_path):
    """Pack members and read the sets."""

    def call(members: dict[str, bytes], names: tuple[str, ...] = NAMES) -> Tables:
        file = tmp_path / "data.tar.gz"
        file.write_bytes(packed(members))
        return read_archive(file, lambda *_: None, names)

    return call


def test_the_sets_come_in_the_order_asked_for_whatever_else_is_there(read, delgado_tables, delgado_files):
    assert same(read(delgado_files), Tables.of(list(delgado_tables.values())))
    backwards = dict(reversed(delgado_files.items()))
    assert same(read(backwards, NAMES[::-1]), Tables.of(list(delgado_tables.values())[::-1]))


def test_a_number_is_the_nearest_float32(read, delgado_files):
    text = "\tf1\tclase\n1\t-0.897674\t0\n2\t1.02861\t1\n3\t-1.33679e-1\t1\n4\t1e-9\t0\n"
    splits = "0 1 2\n3\n" * 4
    files = {
        "first/first.txt": b"n_entradas= 1\nfich1= first_R.dat\n",
        "first/first_R.dat": text.encode(),
        "first/conxuntos.dat": b"0 2 \n3 1 \n",
        "first/conxuntos_kfold.dat": splits.encode(),
    }
    (found,) = read(delgado_files | files, ("first",))
    assert found.x.tolist() == [[float(np.float32(v))] for v in (-0.897674, 1.02861, -0.133679, 1e-9)]
    assert found.labels.tolist() == [0, 1, 1, 0]
    assert found.validation.tolist() == [0, 1, 0, 1]
    assert found.test.tolist() == [[0, 0, 0, 1]] * 4


@pytest.mark.parametrize("name", ["first.txt", "first_R.dat", "conxuntos.dat", "conxuntos_kfold.dat"])
def test_every_missing_file_is_named(read, delgado_files, name):
    del delgado_files[f"first/{name}"]
    with pytest.raises(SourceError, match=f"^the archive lacks first/{name}$"):
        read(delgado_files)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("first.txt", b"n_clases= 3\n", "first.txt names no file of samples"),
        ("first_R.dat", b"\tf1\tclase\n1\tx\t0\n", "could not convert string to float"),
        ("first_R.dat", b"\tf1\tf2\tclase\n1\t1\t2\t0\n2\t1\t0\n", "inhomogeneous shape"),
        ("conxuntos.dat", b"0 1 2\n", "first has 1 and 8 lines of samples, not 2 and 8"),
        ("conxuntos_kfold.dat", b"0\n1\n" * 3, "first has 2 and 6 lines of samples, not 2 and 8"),
        ("conxuntos.dat", b"0 1\n1 2\n", "a split of first does not have each of its 9 samples once"),
        ("conxuntos.dat", b"0 one\n1 2\n", "invalid literal for int"),
    ],
)
def test_a_file_of_another_form_is_a_failure(read, delgado_files, name, content, says):
    with pytest.raises(SourceError, match=says):
        read(delgado_files | {f"first/{name}": content})


# The other fixtures do not change, so the examples may share them.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), inside=st.booleans(), cut=st.booleans())
def test_damage_of_any_kind_is_a_failure_of_the_source_or_harmless(
    packed, damaged, delgado_files, tmp_path, seed, inside, cut
):
    content = packed(delgado_files)
    file = tmp_path / "data.tar.gz"
    file.write_bytes(damaged(content, seed, inside=inside, cut=cut))
    reason = ""
    try:
        assert isinstance(read_archive(file, lambda *_: None, NAMES), Tables)
    except SourceError as error:
        reason = str(error)
    assert "\n" not in reason


def npz(tables: dict[str, Table]) -> bytes:
    buffer = io.BytesIO()
    arrays = {}
    for name, t in tables.items():
        arrays |= {f"{name}/X": t.x, f"{name}/y": t.labels, f"{name}/test": t.test, f"{name}/validation": t.validation}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def test_a_packed_file_gives_the_same_sets(delgado_tables, tmp_path):
    (tmp_path / "sets.npz").write_bytes(npz(delgado_tables))
    found = read_npz(tmp_path / "sets.npz", lambda *_: None, NAMES[::-1])
    assert same(found, Tables.of(list(delgado_tables.values())[::-1]))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot read sets.npz"),
        (b"text", "cannot read sets.npz"),
        (npz({}), r"sets.npz lacks first/X and 7 more"),
    ],
)
def test_a_file_that_is_no_such_pack_is_a_failure(tmp_path, content, says):
    (tmp_path / "sets.npz").write_bytes(content)
    with pytest.raises(SourceError, match=says):
        read_npz(tmp_path / "sets.npz", lambda *_: None, NAMES)


def test_a_pack_with_objects_is_not_unpickled(tmp_path):
    np.savez(tmp_path / "sets.npz", **{f"first/{part}": np.array([{}]) for part in ("X", "y", "test", "validation")})
    with pytest.raises(SourceError, match="allow_pickle=False"):
        read_npz(tmp_path / "sets.npz", lambda *_: None, ("first",))
