"""Records on the lines of a file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.errors import SystemFault
from ntkbench.results.exchange.json_lines import append_json_line, read_json_lines
from ntkbench.results.record import RunRecord

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


def numbered(number: int) -> RunRecord:
    return replace(RECORD, run_id=f"{number:032x}", experiment_id=f"{number:032x}")


def test_lines_are_appended_whole(tmp_path):
    file = tmp_path / "records.jsonl"
    for number in (1, 2):
        append_json_line(file, numbered(number))
    assert [(n, r.run_id) for n, r in read_json_lines(file)] == [(1, f"{1:032x}"), (2, f"{2:032x}")]


def test_half_a_line_is_taken_back_when_the_disk_is_full(tmp_path, monkeypatch):
    file = tmp_path / "records.jsonl"
    append_json_line(file, numbered(1))
    before = file.read_bytes()
    opened = Path.open

    def filling_up(self, *args, **options):
        stream = opened(self, *args, **options)

        class Full:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                stream.close()

            def tell(self):
                return stream.tell()

            def fileno(self):
                return stream.fileno()

            def write(self, data):
                if stream.tell() > len(before):
                    raise OSError(28, os.strerror(28))
                return stream.write(data[:100])

        return Full()

    monkeypatch.setattr(Path, "open", filling_up)
    with pytest.raises(SystemFault, match=f"cannot write to {file}: No space left on device"):
        append_json_line(file, numbered(2))
    monkeypatch.undo()
    assert file.read_bytes() == before


def test_byte_order_marks_are_no_part_of_the_records(tmp_path):
    file = tmp_path / "records.jsonl"
    # Two files of which each began with one, put together.
    file.write_text("".join(f"\ufeff{numbered(number).to_json()}\n" for number in (1, 2)), encoding="utf-8")
    assert [(n, r.run_id) for n, r in read_json_lines(file)] == [(1, f"{1:032x}"), (2, f"{2:032x}")]
