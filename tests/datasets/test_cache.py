import errno
import os

import pytest

from ntkbench.datasets.cache import writing_into
from ntkbench.errors import InputError


def test_an_error_of_the_system_becomes_one_line_that_says_what_to_do(tmp_path):
    with pytest.raises(InputError) as caught, writing_into(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "x"))
    assert str(caught.value) == (
        f"cannot write to {tmp_path} ({os.strerror(errno.ENOSPC)});"
        " make room or set NTKBENCH_CACHE to a folder that can be written"
    )


@pytest.mark.parametrize(("error", "reason"), [(OSError("2 of 3 written"), "2 of 3 written"), (OSError(), "OSError")])
def test_an_error_without_a_number_still_gives_a_reason(tmp_path, error, reason):
    with pytest.raises(InputError) as caught, writing_into(tmp_path):
        raise error
    assert f" ({reason}); " in str(caught.value)


def test_other_errors_pass_through(tmp_path):
    with pytest.raises(KeyError), writing_into(tmp_path):
        raise KeyError
