"""Two processes are of one code when their files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntkbench.cluster.code_identity import CodeIdentity, code_identity
from ntkbench.errors import InputError


def test_the_same_files_elsewhere_are_the_same_code(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "task.py").write_text("x = 1\n")
    one, two = (code_identity([tmp_path / folder]) for folder in ("one", "two"))
    one.check(two)
    (tmp_path / "two" / "task.py").write_text("x = 2\n")
    with pytest.raises(InputError, match=r"^a worker of the scheduler has other code or tasks "):
        code_identity([tmp_path / "two"]).check(one)


def test_a_task_folder_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^the tasks folder '{tmp_path}/none' is not there$"):
        code_identity([tmp_path / "none"])


@pytest.mark.parametrize(
    ("there", "here", "told"),
    [
        ({"commit": "abc"}, {"commit": "def"}, "(abc) than this process (def)"),
        ({"commit": "abc"}, {"commit": "abc"}, "(other changes of the same commit) than this process (abc)"),
        ({"commit": "", "version ntkbench": "1.0"}, {"commit": "def"}, "(version 1.0) than this process (def)"),
    ],
)
def test_what_differs_is_named(there: dict[str, str], here: dict[str, str], told: str) -> None:
    with pytest.raises(InputError) as caught:
        CodeIdentity(there, "a").check(CodeIdentity(here, "b"))
    assert f"has other code or tasks {told}: bring both to one commit" in str(caught.value)
