"""Without scikit-learn, or with an old one, the import says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("sys.modules['sklearn'] = None", "ntkbench.sklearn needs scikit-learn: pip install 'ntkbench[sklearn]'"),
        (
            "import sklearn.utils.validation as v; del v.validate_data",
            "ntkbench.sklearn needs scikit-learn 1.6 or newer: pip install 'ntkbench[sklearn]'",
        ),
    ],
    ids=["missing", "old"],
)
def test_what_is_missing_is_named(before: str, message: str) -> None:
    code = f"import sys; {before}; import ntkbench.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"ntkbench.errors.NotInstalled: {message}"
