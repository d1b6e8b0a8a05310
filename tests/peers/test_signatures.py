"""Works by plain names, in sizes of one's own."""

from __future__ import annotations

import pytest

from ntkbench.errors import InputError
from ntkbench.peers import signatures
from ntkbench.peers.workloads import WORKLOADS


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("fc", "fc"),
        ("cntk-flatten", "cntk_flatten"),
        ("cntk_flatten", "cntk_flatten"),
        ("cntk-gap", "cntk_gap_2"),
        ("cntk-gap-4", "cntk_gap_4"),
        ("empirical", "empirical_1"),
        ("regression", "regression"),
    ],
)
def test_a_work_is_named_plainly(typed, name) -> None:
    assert signatures.work(typed).name == name


def test_a_work_that_is_none_is_told_its_nearest() -> None:
    with pytest.raises(InputError, match=r"^unknown work 'cntk-flaten'; did you mean 'cntk-flatten'"):
        signatures.work("cntk-flaten")
    with pytest.raises(InputError, match=r"^unknown work 'cntk-flatten-10'"):
        signatures.work("cntk-flatten-10")  # which is not timed


def test_sizes_are_set_one_by_one() -> None:
    work = signatures.sized(signatures.work("regression"), ["n=7", "ridge=1e-2"])
    assert work.params == {"n": 7, "n_test": 500, "ridge": 0.01}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("deph=3", "unknown size of cntk-flatten: 'deph'; did you mean 'depth'?"),
        ("pooling=gap", "unknown size of cntk-flatten: 'pooling'; "),
        ("depth", "--set 'depth' is not name=value"),
        ("depth=1.5", "--set depth=1.5: depth must be a positive whole number"),
        ("n=0", "--set n=0: n must be a positive whole number"),
        ("n=", "--set n=: n must be a positive whole number"),
    ],
)
def test_a_size_that_is_none_is_refused(text, message) -> None:
    with pytest.raises(InputError) as caught:
        signatures.sized(signatures.work("cntk-flatten"), [text])
    assert str(caught.value).startswith(message)


def test_every_timed_work_has_a_row_that_says_what_goes_in_and_comes_out() -> None:
    rows = {row[0]: row for row in signatures.rows()}
    assert len(rows) == sum(work.timed for work in WORKLOADS)
    assert all(all(row) and len(row) == len(signatures.COLUMNS) for row in rows.values())
    _, function, arrays, result = rows["cntk-flatten-cross"]
    assert function == "f(x1, x2, *, depth, pooling)"
    assert arrays == "x1 (128, 32, 32, 3), x2 (128, 32, 32, 3), float32"
    assert result.startswith("NTK (n, n), or NNGP and NTK")
