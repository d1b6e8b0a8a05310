"""The templates are text that people read and change."""

from ntkbench import paths

LONGEST = 200  # characters


def test_no_line_of_a_template_is_too_long_to_read() -> None:
    files = sorted(paths.shared("report/templates").iterdir())
    lines = [(file.name, k, line) for file in files for k, line in enumerate(file.read_text().splitlines(), 1)]
    assert len(files) > 5
    assert [(name, k, len(line)) for name, k, line in lines if len(line) > LONGEST] == []
