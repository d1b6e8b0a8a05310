"""What `ntkbench verify` found, for other programs and for pages: JSON, Markdown, JUnit's XML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from ntkbench import formats
from ntkbench.cli.json_text import json_text
from ntkbench.cli.summary import attention
from ntkbench.results.checks import Checked
from ntkbench.results.verdicts import OUTCOMES, Judged

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(found: Checked) -> str:
    """One object: whether all holds, every claim that ran, and what does not hold of the runs."""
    tables = {
        name: [
            {"title": each.title, "rows": [dict(zip(each.columns, row, strict=True)) for row in each.rows]}
            for each in listings
        ]
        for name, listings in (("violations", found.violations), ("times", found.times))
    }
    claims = [asdict(claim) for claim in found.claims]
    return json_text({"holds": found.holds, "words": found.words, "claims": claims, **tables}, indent=1)


def as_markdown(found: Checked) -> str:
    """A table of the tasks, then one for each kind of thing that needs attention."""
    counts = [
        (task, *(sum(c.task == task and c.outcome == word for c in found.claims) for word in OUTCOMES),
         found.failures.get(task, 0))
        for task in sorted({claim.task for claim in found.claims} | set(found.failures))
    ]  # fmt: skip
    parts = [found.words, _table(("task", *OUTCOMES, "failed"), counts)]
    for listing in [*attention(found.claims), *found.violations, *found.times]:
        parts += [f"### {listing.title}", _table(listing.columns, listing.rows)]
    known = dict.fromkeys((c.task, c.claim, c.finding) for c in found.claims if c.finding is not None)
    if known:
        parts += ["### Findings", _table(("task", "claim", "finding"), known)]
    return "\n\n".join([*parts, *found.notes])


def as_junit(found: Checked) -> str:
    """JUnit's XML: a test case for each claim and entry, and one for each fault of a run.

    Findings, what is inconclusive and figures quoted from memory that do not hold are skipped, with the reason.
    """
    root = ElementTree.Element("testsuites", name="ntkbench verify")
    claims = [_claim_case(claim) for claim in found.claims]
    faults = [
        _case(listing.title, ", ".join(map(formats.cell, row)), failure=(listing.title, _facts(listing.columns, row)))
        for listing in found.violations
        for row in listing.rows
    ]
    for name, cases in (("claims", claims), ("runs", faults or [_case("runs", "agree, and none failed")])):
        numbers = {
            "tests": len(cases),
            "failures": sum(case.find("failure") is not None for case in cases),
            "skipped": sum(case.find("skipped") is not None for case in cases),
            "errors": 0,
        }
        suite = ElementTree.SubElement(root, "testsuite", {"name": name, **{k: str(n) for k, n in numbers.items()}})
        suite.extend(cases)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False)


WRITERS: Mapping[str, Callable[[Checked], str]] = {"json": as_json, "markdown": as_markdown, "junit": as_junit}


def _claim_case(c: Judged) -> ElementTree.Element:
    measured = f"{formats.quantity(c.measured, c.unit)} in [{formats.number(c.low)}, {formats.number(c.high)}]"
    facts = (
        f"{c.metric}: {measured}, published {formats.published(c.published, c.tolerance, c.unit, c.side)}, {c.source}"
    )
    name, skipped, failure = f"{c.claim} [{c.entry}]", None, None
    if c.fails:
        failure = (f"finding that holds now: {c.finding}" if c.finding else c.verdict, facts)
    elif c.outcome == "finding":
        skipped = f"finding ({c.verdict}): {c.finding}"
    elif c.outcome != "reproduced":
        skipped = f"{c.verdict}: {facts}" + ("" if c.verified else "; the figure is unverified")
    return _case(c.task, name, c.seconds, skipped=skipped, failure=failure)


def _case(
    group: str, name: str, seconds: float | None = None, *, skipped: str | None = None,
    failure: tuple[str, str] | None = None,
) -> ElementTree.Element:  # fmt: skip
    case = ElementTree.Element("testcase", classname=_xml(group), name=_xml(name), time=f"{seconds or 0.0:.6f}")
    if failure is not None:
        message, text = map(_xml, failure)
        ElementTree.SubElement(case, "failure", message=message, type="violation").text = text
    if skipped is not None:
        ElementTree.SubElement(case, "skipped", message=_xml(skipped))
    return case


def _xml(text: str) -> str:
    """The text without the control characters that XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)


def _facts(columns: Sequence[str], row: Sequence[Any]) -> str:
    return "\n".join(f"{name}: {formats.cell(value)}" for name, value in zip(columns, row, strict=True))


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *([_markdown(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown(value: Any) -> str:
    """The value in one line, without what would end the cell or begin markup."""
    return re.sub(r"([\\`*_<>|\[\]])", r"\\\1", " ".join(formats.cell(value).split()))
