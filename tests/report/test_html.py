"""Every kind of page is valid HTML, as the Nu validator reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ntkbench.report.site import write_site
from ntkbench.results.database import NewerError
from ntkbench.results.store import Store

VALIDATOR = shutil.which("vnu")

pytestmark = [
    pytest.mark.vnu,
    pytest.mark.slow,
    pytest.mark.skipif(VALIDATOR is None, reason="no Nu validator here: `npm install -g vnu-jar`; it needs Java"),
]


def complaints(*folders: Path) -> list[tuple[str, str]]:
    """The file and the text of each error and warning about the pages in the folders."""
    assert VALIDATOR
    said = subprocess.run(
        [VALIDATOR, "--stdout", "--format", "json", "--skip-non-html", *map(str, folders)],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    found = json.loads(said.stdout)["messages"]
    return [(Path(m["url"]).name, m["message"]) for m in found if m["type"] != "info" or m.get("subType") == "warning"]


def test_every_kind_of_page_is_valid(site: Path, tmp_path: Path) -> None:
    import duckdb

    empty = Store(tmp_path / "empty.duckdb")
    empty.prepare()
    write_site(empty, {}, tmp_path / "empty")
    newer = Store(tmp_path / "newer.duckdb")
    newer.prepare()
    with duckdb.connect(str(newer.path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (999, NULL)")
    with pytest.raises(NewerError):
        write_site(newer, {}, tmp_path / "newer")
    assert complaints(site, tmp_path / "empty", tmp_path / "newer") == []


def test_a_page_that_is_not_valid_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "odd.html").write_text('<!doctype html><html lang="en"><title>Odd</title><p><b>open</p>')
    assert complaints(tmp_path)[0][0] == "odd.html"
