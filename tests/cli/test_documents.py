"""What `verify` writes for other programs: read back with their own readers."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from ntkbench.cli.documents import as_json, as_junit, as_markdown
from ntkbench.results.checks import Checked, Listing
from ntkbench.results.verdicts import Judged

BECAUSE = "the theory <leaves out> | the bias, since 2026-11-28"
CLAIM = Judged(
    task="images", claim="forty", backend="numba", device="cpu", precision="float32", metric="accuracy", unit="%",
    published=40.0, tolerance=1.5, side="within", measured=40.2, low=39.7, high=40.7, seeds=3, verdict="reproduced",
    finding=None, outcome="reproduced", fails=False, verified=True, source="table 1", seconds=0.1875,
)  # fmt: skip
LOST = replace(CLAIM, claim="lost", verdict="not reproduced", outcome="not reproduced", fails=True)
MEMORY = replace(LOST, claim="memory", verified=False, fails=False)
OPEN = replace(CLAIM, claim="open", verdict="inconclusive", outcome="inconclusive", seconds=None)
KNOWN = replace(CLAIM, claim="known", verdict="not reproduced", outcome="finding", finding=BECAUSE)
BACK = replace(KNOWN, claim="back", verdict="reproduced", fails=True)
FAILED = Listing("Runs that failed", ("task", "reason"), [("images", "a \x1b[31mred\x00 & <word>")])
FOUND = Checked([CLAIM, LOST, MEMORY, OPEN, KNOWN, BACK], [FAILED], {"images": 1})
GOOD = Checked([CLAIM, KNOWN], [], {})


def cases(found: Checked) -> dict[str, ElementTree.Element]:
    """The test cases of the document, by name."""
    return {str(case.get("name")): case for case in ElementTree.fromstring(as_junit(found)).iter("testcase")}


def test_a_claim_and_backend_is_a_test_case_that_passes_fails_or_is_skipped_with_the_reason() -> None:
    found = cases(FOUND)
    assert list(found["forty [numba]"]) == []
    assert found["forty [numba]"].attrib["classname"] == "images"
    assert float(found["forty [numba]"].attrib["time"]) == 0.1875
    messages = {
        name: [(part.tag, str(part.get("message"))) for part in case] for name, case in found.items() if len(case)
    }
    facts = "accuracy: 40.20 % in [39.70, 40.70], published 40.00 % ± 1.5, table 1"
    assert messages == {
        "lost [numba]": [("failure", "not reproduced")],
        "memory [numba]": [("skipped", f"not reproduced: {facts}; the figure is unverified")],
        "open [numba]": [("skipped", f"inconclusive: {facts}")],
        "known [numba]": [("skipped", f"finding (not reproduced): {BECAUSE}")],
        "back [numba]": [("failure", f"finding that holds now: {BECAUSE}")],
        # What XML cannot hold is gone.
        "images, a \ufffd[31mred\ufffd & <word>": [("failure", "Runs that failed")],
    }
    assert found["lost [numba]"][0].text == facts


def test_the_numbers_of_a_suite_are_those_of_its_cases() -> None:
    claims, runs = ElementTree.fromstring(as_junit(FOUND)).findall("testsuite")
    numbers = ("name", "tests", "failures", "skipped", "errors")
    assert [claims.get(name) for name in numbers] == ["claims", "6", "2", "3", "0"]
    assert [runs.get(name) for name in numbers] == ["runs", "1", "1", "0", "0"]
    claims, runs = ElementTree.fromstring(as_junit(GOOD)).findall("testsuite")
    assert [claims.get(name) for name in numbers] == ["claims", "2", "0", "1", "0"]
    assert [runs.get(name) for name in numbers] == ["runs", "1", "0", "0", "0"]


def test_json_holds_every_claim_and_every_fault() -> None:
    found = json.loads(as_json(FOUND))
    assert found["holds"] is False
    assert [claim["claim"] for claim in found["claims"]] == ["forty", "lost", "memory", "open", "known", "back"]
    known = found["claims"][4]
    assert (known["finding"], known["outcome"], known["verdict"]) == (BECAUSE, "finding", "not reproduced")
    assert found["violations"] == [
        {"title": "Runs that failed", "rows": [dict(zip(FAILED.columns, *FAILED.rows, strict=True))]}
    ]
    assert json.loads(as_json(GOOD))["holds"] is True


@pytest.mark.parametrize("found", [FOUND, GOOD])
def test_a_row_of_markdown_has_as_many_cells_as_its_head(found: Checked) -> None:
    text = as_markdown(found)
    assert text.startswith(found.words)
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) >= 2
    for block in blocks:
        assert len({line.replace("\\|", "").count("|") for line in block}) == 1
    assert "the theory \\<leaves out\\> \\| the bias, since 2026-11-28" in text
