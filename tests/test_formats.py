import math

import pytest

from ntkbench import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0, "0"),
        (40.723, "40.72"),
        (-0.00123456, "-0.001235"),
        (123456.0, "123,456"),
        (1234567.0, "1.235e6"),
        (5.3e-13, "5.300e-13"),
        (math.inf, "inf"),
    ],
)
def test_a_number_has_four_significant_digits(value: float | None, text: str) -> None:
    assert formats.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0, "0 s"),
        (8.3e-4, "830 µs"),
        (0.0123, "12.3 ms"),
        (4.561, "4.56 s"),
        (99.94, "99.9 s"),
        (312.0, "5 min 12 s"),
    ],
)
def test_a_time_comes_in_the_unit_that_fits(value: float | None, text: str) -> None:
    assert formats.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0, "0 B"), (512, "512 B"), (1024, "1.00 KiB"), (1.5 * 2**30, "1.50 GiB"), (2**50, "1,024 TiB")],
)
def test_memory_comes_in_binary_units(value: float | None, text: str) -> None:
    assert formats.byte_count(value) == text


def test_a_quantity_carries_its_unit_unless_it_is_a_pure_number() -> None:
    assert formats.quantity(40.72, "%") == "40.72 %"
    assert formats.quantity(0.5, "1") == "0.5000"
    assert formats.quantity(2048, "B") == "2.00 KiB"
    assert formats.quantity(0.25, "s") == "250 ms"
    assert formats.quantity(None, "%") == ""
    assert formats.quantity(2048, "B/s") == "2.00 KiB/s"
    assert formats.quantity(9.87e10, "op/s") == "98.7 Gop/s"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0, "0 op"), (12, "12.0 op"), (1000, "1.00 kop"), (2.5e9, "2.50 Gop"), (3e21, "3,000 Eop")],
)
def test_operations_come_in_decimal_units(value: float | None, text: str) -> None:
    assert formats.operations(value) == text


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ((40.94, 1.5, "%", "within"), "40.94 % ± 1.5"),
        ((9.0, 0.0, "1", "within"), "9.000 ± 0"),
        ((50.0, 0.0, "%", "at least"), "≥ 50.00 %"),
        ((50.0, 2.5, "%", "at least"), "≥ 50.00 % − 2.5"),
        ((1e-8, 0.0, "1", "at most"), "≤ 1.000e-8"),
        ((2.0, 0.1, "s", "at most"), "≤ 2.00 s + 0.10"),
    ],
)
def test_a_claim_says_its_side_and_its_slack(claim: tuple, text: str) -> None:
    assert formats.published(*claim) == text


def test_parameters_read_as_they_are_typed() -> None:
    assert formats.parameters({"pooling": "gap", "depth": 3}) == "pooling=gap depth=3"
