from __future__ import annotations

import pytest

from ntkbench.errors import InputError, brief, describe, unknown, warn_caller


def test_an_unknown_name_is_answered_with_the_nearest_valid_one() -> None:
    error = unknown("task", "cifar_cntx", ["cifar_cntk", "digits_fc"])
    assert isinstance(error, InputError)
    assert str(error) == "unknown task 'cifar_cntx'; did you mean 'cifar_cntk'?"


def test_an_unknown_name_near_to_none_is_answered_with_all_choices_sorted() -> None:
    assert str(unknown("backend", "xyz", ["torch", "jax"])) == "unknown backend 'xyz'; choose from: jax, torch"


def test_an_unknown_name_where_there_is_no_choice_says_so() -> None:
    assert str(unknown("tier", "smoke", [])).endswith("choose from: (none)")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


def with_note() -> Exception:
    error = ValueError("the fault")
    error.add_note("a note, as JAX adds to what passes through it")
    return error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("it went wrong"), "ValueError: it went wrong"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError("\n  indented"), "ValueError: indented"),
        (ValueError(), "ValueError"),
        (with_note(), "ValueError: the fault"),
        (Mute(), "Mute"),
        (InputError("only this line"), "only this line"),
        (InputError(), "InputError"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_an_error_is_described_in_one_line(error: BaseException, line: str) -> None:
    assert describe(error) == line


def test_a_huge_message_is_cut() -> None:
    assert len(describe(ValueError("x" * 1_000_000))) < 1_000


@pytest.mark.parametrize("value", ["word", 3, [1, 2], None])
def test_a_small_value_is_shown_whole(value: object) -> None:
    assert brief(value) == repr(value)


def test_a_large_value_is_cut() -> None:
    shown = brief(["x"] * 10_000)
    assert len(shown) == 100
    assert shown.startswith("['x', 'x'")
    assert shown.endswith("...")


def test_a_warning_is_of_the_line_that_called_the_package() -> None:
    with pytest.warns(UserWarning, match="look here") as caught:
        warn_caller("look here")
    assert [warning.filename for warning in caught] == [__file__]
