"""What an architecture does to shapes, and which architectures are none."""

from __future__ import annotations

import re

import pytest

from ntkbench.kernels.general.structure import (
    check,
    needs_own,
    repeats,
    size,
)
from ntkbench.networks import (
    Activation,
    AvgPool,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    FanInProd,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Residual,
    Resize,
    Serial,
    SumPool,
    serial,
)

RELU = Activation("relu")
VECTOR, SEQUENCE, IMAGE, VOLUME = (7,), (6, 2), (4, 5, 3), (3, 4, 2, 2)
BLOCK = Residual(serial(RELU, Dense()))


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        (VECTOR, ()),
        (VECTOR, (Dense(), LayerNorm(), RELU)),
        (VECTOR, (Dense(), BLOCK, BLOCK, RELU, Dense())),
        (VECTOR, (Residual(serial(Dense(), RELU), serial(Dense())), Dense(), RELU)),
        (IMAGE, (Flatten(), Dense(), RELU, Dense())),
        (IMAGE, (Dense(), RELU, Flatten())),
        (SEQUENCE, (Dense(), RELU, Flatten())),
        (SEQUENCE, (Conv((3,), (2,), "valid"), RELU, AvgPool((2,)), Flatten(), Dense())),
        (VOLUME, (Conv((3, 2, 1), (1, 2, 1)), AvgPool((2, 1, 2)), GlobalAvgPool(), RELU)),
        (IMAGE, (Conv((4, 5), padding="valid"), RELU, Flatten(), Dense())),
        (IMAGE, (Conv(), GlobalAvgPool(), RELU, Dense())),
        (IMAGE, (AvgPool(), Conv(), RELU, AvgPool((2, 2), (1, 1)), GlobalAvgPool())),
        (IMAGE, (Conv(), Residual(serial(RELU, Conv(stride=(2, 2))), serial(Conv(stride=(2, 2)))), RELU, Flatten())),
        (IMAGE, (Conv(), Residual(serial(Dense()), serial(RELU)), Conv(), RELU, Flatten())),
    ],
)
def test_architectures_that_end_in_numbers_are_accepted(shape: tuple[int, ...], layers: tuple[Layer, ...]) -> None:
    check(serial(*layers), shape)


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        (IMAGE, (Conv(), RELU), "the architecture leaves 4 x 5 positions: it needs a Flatten or a GlobalAvgPool"),
        (IMAGE, (Conv(), RELU, Dense()), "leaves 4 x 5 positions"),
        (SEQUENCE, (Dense(), RELU), "leaves 6 positions: it needs a Flatten or a GlobalAvgPool"),
        (VOLUME, (Conv((3, 3, 3), (1, 2, 1)), RELU), "leaves 3 x 2 x 2 positions"),
        (IMAGE, (Conv((3,)), Flatten()), "layer 1 (Conv): a window of (3,) is for sequences (N, T, C), not for"),
        (SEQUENCE, (Conv(), Flatten()), "(3, 3) is for images (N, H, W, C), not for sequences (N, T, C): give it 1"),
        (VOLUME, (SumPool((2,)), Flatten()), "(SumPool): a window of (2,) is for sequences (N, T, C), not for vol"),
        (VOLUME, (AvgPool(), Flatten()), "is for images (N, H, W, C), not for volumes (N, D, H, W, C): give it 3 n"),
        (VECTOR, (RELU, Dense()), "layer 1 (Activation) needs Gaussian features: put a Dense or Conv before it"),
        (VECTOR, (Dropout(0.5), Dense()), "layer 1 (Dropout) needs features, not inputs: put a Dense or Conv"),
        (VECTOR, (Dense(), Dropout(0.5), RELU), "layer 3 (Activation) needs Gaussian features"),
        (VECTOR, (LayerNorm(),), "layer 1 (LayerNorm) needs Gaussian features"),
        (VECTOR, (Dense(), RELU, RELU), "layer 3 (Activation) needs Gaussian features"),
        (VECTOR, (Dense(), RELU, LayerNorm()), "layer 3 (LayerNorm) needs Gaussian features"),
        (IMAGE, (Conv(), Flatten(), RELU), "layer 3 (Activation) needs Gaussian features"),
        (VECTOR, (Dense(), Flatten()), "layer 2 (Flatten) needs sequences (N, T, C), images (N, H, W, C) or volumes "),
        (VECTOR, (Conv(),), "layer 1 (Conv) needs sequences (N, T, C), images"),
        (IMAGE, (Flatten(), GlobalAvgPool()), "layer 2 (GlobalAvgPool) needs sequences"),
        (IMAGE, (Conv(), Flatten(), AvgPool()), "layer 3 (AvgPool) needs sequences"),
        (IMAGE, (AvgPool((5, 2)), Flatten()), "layer 1 (AvgPool): a window of (5, 2) does not fit into 4 x 5 pos"),
        (VECTOR, (Serial((Dense(), Flatten())),), "layer 1 (Serial), layer 2 (Flatten) needs sequences"),
        (IMAGE, (Conv((3, 6), padding="valid"), Flatten()), "layer 1 (Conv): a window of (3, 6) does not fit"),
        (IMAGE, (Conv((3, 3), padding="valid", dilation=(2, 1)), Flatten()), "a window of (5, 3) does not"),
        (VECTOR, (Dense(), Residual(serial(Conv()))), "layer 2 (Residual), branch, layer 1 (Conv) needs sequences"),
        (
            VECTOR,
            (Residual(serial(Dense())),),
            "layer 1 (Residual): branch and shortcut differ in shape, width and 7 input channels: give the shortcut",
        ),
        (
            IMAGE,
            (Conv(), Residual(serial(Conv(stride=(2, 2)))), Flatten()),
            "layer 2 (Residual): branch and shortcut differ in shape, 2 x 3 x width and 4 x 5 x width",
        ),
        (
            IMAGE,
            (Conv(), Residual(serial(Flatten()), serial(GlobalAvgPool()))),
            "branch and shortcut differ in shape, 20 x width and width",
        ),
        (VECTOR, (Dense(), Residual(serial(RELU))), "layer 2 (Residual): branch and shortcut depend on each other"),
        (VECTOR, (Dense(), Residual(serial())), "branch and shortcut depend on each other"),
        (VECTOR, (Dense(), Residual(serial(Dense(), RELU), serial(Dense(), RELU))), "depend on each other"),
        (VECTOR, (Dense(), Residual(serial(BLOCK)),), "branch and shortcut depend on each other"),
        (
            IMAGE,
            (Conv(), Concatenate((Flatten(), serial()))),
            "layer 2 (Concatenate): branches differ in shape, 20 x width and 4 x 5 x width: give each layers of",
        ),
        (VECTOR, (Concatenate((serial(), Dense())),), "branches differ in shape, 7 input channels and width"),
        (VECTOR, (Concatenate((Dense(), RELU)),), "layer 1 (Concatenate), branch 2 needs Gaussian features"),
        (VECTOR, (Concatenate((Dense(), Dense())), RELU), "layer 2 (Activation) needs Gaussian features"),
        (VECTOR, (FanInProd((serial(), Dense())),), "branches differ in shape, 7 input channels and width: give"),
        (VECTOR, (FanInProd((serial(), serial())),), "(FanInProd): the channels of branches are not alike"),
        (VECTOR, (Dense(), FanInProd((serial(), RELU))), "(FanInProd): branches depend on each other: give all"),
        (IMAGE, (FanInProd((serial(Conv(), Flatten()),) * 2),), "the channels of branches are not alike: put Flatten"),
        (VECTOR, (FanInProd((Dense(), Dense())), RELU), "layer 2 (Activation) needs Gaussian features"),
        (VECTOR, (Dense(), RELU, Residual(serial(Dense())), RELU), "layer 4 (Activation) needs Gaussian features"),
    ],
)  # fmt: skip
def test_what_is_no_architecture_is_refused_in_one_line_that_names_the_layer(
    shape: tuple[int, ...], layers: tuple[Layer, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        check(Serial(layers), shape)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "after", "before"),
    [
        ((Conv(), RELU, Flatten(), Dense()), False, False),
        ((Conv(), RELU, GlobalAvgPool(), Dense()), False, True),
        ((Conv(), AvgPool(), RELU, Flatten()), False, True),
        ((Conv(), AvgPool((1, 1), (2, 2)), RELU, Flatten()), False, False),
        ((Conv(), Residual(serial(RELU, AvgPool(), Conv()), serial(AvgPool())), Flatten()), False, True),
        ((Conv(), Residual(serial(RELU, Conv())), Flatten()), False, False),
        ((LayerNorm(), RELU, Dense()), True, True),
        ((Serial((Serial((GlobalAvgPool(),)),)),), False, True),
    ],
)
def test_all_pairs_of_positions_are_needed_before_means_alone(
    layers: tuple[Layer, ...], after: bool, before: bool
) -> None:
    assert Serial(layers).all_pairs_before(after) is before


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((Conv(), RELU, GlobalAvgPool(), Dense()), False),
        ((Conv(), AvgPool(), RELU), True),
        ((Conv(), AvgPool(), Conv(), LayerNorm()), True),
        ((Conv(), RELU, AvgPool((1, 1)), Conv(), RELU), False),
        ((Conv(), Residual(serial(RELU, AvgPool(), Conv()), serial(AvgPool())), RELU), True),
    ],
)
def test_variances_behind_means_are_needed_by_what_normalises(layers: tuple[Layer, ...], expected: bool) -> None:
    assert needs_own(Serial(layers)) is expected


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((), []),
        ((Dense(),) * 2, [((Dense(),), 1)] * 2),
        ((Dense(),) * 3, [((Dense(),), 3)]),
        ((Dense(), RELU) * 5 + (Dense(),), [((Dense(), RELU), 5), ((Dense(),), 1)]),
        ((Conv(), *(Dense(), RELU) * 4), [((Conv(),), 1), ((Dense(), RELU), 4)]),
        ((Dense(), LayerNorm(), RELU) * 3 + (BLOCK,) * 4, [((Dense(), LayerNorm(), RELU), 3), ((BLOCK,), 4)]),
    ],
)
def test_repeated_layers_are_found(layers: tuple[Layer, ...], expected: list[tuple[tuple[Layer, ...], int]]) -> None:
    blocks = repeats(layers)
    assert blocks == expected
    assert tuple(layer for block, count in blocks for layer in block * count) == layers


def test_a_field_has_a_number_for_each_position_or_pair_of_positions() -> None:
    flat, mean = serial(Conv(), RELU, Flatten()), serial(Conv(), RELU, GlobalAvgPool())
    assert [size(serial(Dense()), VECTOR), size(flat, IMAGE), size(mean, IMAGE)] == [1, 20, 400]
    assert [size(serial(Dense(), Flatten()), shape) for shape in (SEQUENCE, VOLUME)] == [6, 24]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((Conv(), Resize((8, 6)), AvgPool(), Flatten()), 48**2),
        ((Conv(), Resize((8, 6)), Flatten()), 48**2),
        ((Conv(), Resize((8, 6), "nearest"), Flatten()), 48),
        ((Conv(), Residual(serial(Resize((9, None)), Conv((3, 3), (3, 1))), serial(Resize((3, 5)))), Flatten()), 45**2),
    ],
)
def test_the_most_positions_count_that_layers_make(layers: tuple[Layer, ...], expected: int) -> None:
    assert size(Serial(layers), IMAGE) == expected
