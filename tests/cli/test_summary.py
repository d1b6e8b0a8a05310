"""What `run` and `verify` print at the end: a line a task, what needs attention, and everything if it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ntkbench.cli.summary import attention, show_claims, show_listing, show_tasks
from ntkbench.results.checks import Listing
from ntkbench.results.verdicts import Judged

BECAUSE = "the theory leaves out the bias, since 2026-11-28"
CLAIM = Judged(
    task="images", claim="forty", backend="numba", device="cpu", precision="float32", metric="accuracy", unit="%",
    published=40.0, tolerance=1.5, side="within", measured=40.2, low=39.7, high=40.7, seeds=3, verdict="reproduced",
    finding=None, outcome="reproduced", fails=False, verified=True, source="table 1", seconds=0.1875,
)  # fmt: skip
LOST = replace(CLAIM, claim="lost", verdict="not reproduced", outcome="not reproduced", fails=True)
OPEN = replace(CLAIM, claim="open", verdict="inconclusive", outcome="inconclusive")
KNOWN = replace(CLAIM, claim="known", verdict="not reproduced", outcome="finding", finding=BECAUSE)
BACK = replace(KNOWN, claim="back", verdict="reproduced", fails=True)


def cells(line: str) -> list[str]:
    return [part.strip() for part in line.split("  ") if part.strip()]


def test_a_task_is_a_line_of_counts(capsys: pytest.CaptureFixture[str]) -> None:
    show_tasks([CLAIM, replace(CLAIM, backend="jax"), LOST, OPEN, KNOWN, BACK], {"broken": 3})
    _, header, _, broken, images = capsys.readouterr().out.splitlines()
    assert cells(header) == ["task", "reproduced", "findings", "not reproduced", "inconclusive", "failed"]
    assert broken.split() == ["broken", "3"]
    assert broken.index("3") == header.index("failed")
    assert images.split() == ["images", "2", "2", "1", "1"]


def test_attention_is_for_what_is_not_reproduced_and_for_findings_that_hold() -> None:
    lost, back = attention([CLAIM, LOST, OPEN, KNOWN, BACK])
    assert lost.title == "Claims that are not reproduced"
    assert lost.rows == [("images", "lost", "numba", "40.20 % ± 0.50", "40.00 % ± 1.5", "verified")]
    assert back.title == "Findings that hold now: the claim is one again"
    assert back.rows == [("images", "back", "numba", "40.20 % ± 0.50", "40.00 % ± 1.5", BECAUSE)]
    assert attention([CLAIM, OPEN, KNOWN]) == []


def test_a_figure_from_memory_is_marked() -> None:
    (listing,) = attention([replace(LOST, verified=False, fails=False)])
    assert listing.rows[0][-1] == "unverified"


@pytest.mark.parametrize(
    ("changes", "entry"),
    [({}, "numba"), ({"device": "cuda"}, "numba cuda"), ({"precision": "float64"}, "numba float64")],
)  # fmt: skip
def test_another_device_or_precision_is_named_beside_the_backend(changes: dict[str, Any], entry: str) -> None:
    assert replace(CLAIM, **changes).entry == entry


def test_of_a_long_table_the_first_rows_are_shown_unless_all_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    listing = Listing("Many", ("row",), [(f"r{k}",) for k in range(30)])
    show_listing(listing, whole=False)
    out = capsys.readouterr().out
    assert len(out.splitlines()) <= 24
    assert out.splitlines()[4:] == [*(f"r{k}" for k in range(8)), "and 22 more, which --verbose shows"]
    show_listing(listing, whole=True)
    assert capsys.readouterr().out.splitlines()[4:] == [f"r{k}" for k in range(30)]


def test_everything_is_published_beside_measured_with_the_reasons_of_findings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_claims([CLAIM, KNOWN])
    _, title, header, _, first, second, _, _, head, _, reason = capsys.readouterr().out.splitlines()
    assert title == "Published and measured"
    assert cells(header) == [
        "task", "claim", "backend", "metric", "published", "measured", "seeds", "verdict", "figure", "time",
    ]  # fmt: skip
    assert cells(first) == [
        "images", "forty", "numba", "accuracy", "40.00 % ± 1.5", "40.20 % ± 0.50", "3", "reproduced", "verified",
        "188 ms",
    ]  # fmt: skip
    assert cells(second)[7] == "finding"
    assert cells(head) == ["task", "claim", "finding"]
    assert cells(reason) == ["images", "known", BECAUSE]
