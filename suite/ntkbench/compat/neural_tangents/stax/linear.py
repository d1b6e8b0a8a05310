"""Layers with weights, pooling, and what acts on positions and channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ntkbench import networks
from ntkbench.arrays.inputs import is_plain
from ntkbench.compat.neural_tangents.stax.parts import Leaf, check_size
from ntkbench.compat.neural_tangents.stax.triples import Triple, triple
from ntkbench.networks.layers.windows import Padding

_SPECIFIED = {1: ("NHC", "HIO", "NHC"), 2: ("NHWC", "HWIO", "NHWC"), 3: ("NHWDC", "HWDIO", "NHWDC")}


def Dense(
    out_dim: int,
    W_std: float = 1.0,
    b_std: float | None = None,
    batch_axis: int = 0,
    channel_axis: int = -1,
    parameterization: str = "ntk",
    s: tuple[int, int] = (1, 1),
) -> Triple:
    """`networks.Dense`.

    Args:
        out_dim: its units.
        W_std: the scale of its weights.
        b_std: that of its biases; None for none.
        batch_axis: 0.
        channel_axis: -1.
        parameterization: "ntk" or "standard".
        s: of "standard" alone: how many times wider than meant the input is, and the layer.

    Returns:
        Its triple.

    Raises:
        ValueError: for scales and sizes that are none, and for other axes.
    """
    _check_axes(batch_axis, channel_axis)
    return _weighted(networks.Dense, {}, out_dim, W_std, b_std, parameterization, s)


def Conv(
    out_chan: int,
    filter_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str = "VALID",
    W_std: float = 1.0,
    b_std: float | None = None,
    dimension_numbers: tuple[str, str, str] | None = None,
    parameterization: str = "ntk",
    s: tuple[int, int] = (1, 1),
) -> Triple:
    """`networks.Conv`.

    Args:
        out_chan: its channels.
        filter_shape: the size of the filter along each axis.
        strides: by how many positions it moves; None: by one.
        padding: "VALID", "SAME" or "CIRCULAR".
        W_std: the scale of its weights.
        b_std: that of its biases; None for none.
        dimension_numbers: None, channels last.
        parameterization: "ntk" or "standard".
        s: as for `Dense`.

    Returns:
        Its triple.

    Raises:
        ValueError: for windows, paddings and scales that are none, and where channels are not last.
    """
    places = _windows(filter_shape, strides, padding, dimension_numbers)
    return _weighted(networks.Conv, places, out_chan, W_std, b_std, parameterization, s)


def ConvLocal(
    out_chan: int,
    filter_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str = "VALID",
    W_std: float = 1.0,
    b_std: float | None = None,
    dimension_numbers: tuple[str, str, str] | None = None,
    parameterization: str = "ntk",
    s: tuple[int, int] = (1, 1),
) -> Triple:
    """`networks.LocalConv`; W is (*positions, *filter, channels, out_chan).

    Args:
        out_chan: as for `Conv`.
        filter_shape: as for `Conv`.
        strides: as for `Conv`.
        padding: as for `Conv`.
        W_std: as for `Conv`.
        b_std: as for `Conv`.
        dimension_numbers: as for `Conv`.
        parameterization: as for `Conv`.
        s: as for `Conv`.

    Returns:
        Its triple.

    Raises:
        ValueError: as for `Conv`.
    """
    places = _windows(filter_shape, strides, padding, dimension_numbers)
    return _weighted(networks.LocalConv, places, out_chan, W_std, b_std, parameterization, s)


def ConvTranspose(
    out_chan: int,
    filter_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str = "VALID",
    W_std: float = 1.0,
    b_std: float | None = None,
    dimension_numbers: tuple[str, str, str] | None = None,
    parameterization: str = "ntk",
    s: tuple[int, int] = (1, 1),
) -> Triple:
    """`networks.ConvTranspose`.

    Args:
        out_chan: as for `Conv`.
        filter_shape: as for `Conv`.
        strides: how far apart inputs are put.
        padding: as for `Conv`.
        W_std: as for `Conv`.
        b_std: as for `Conv`.
        dimension_numbers: as for `Conv`.
        parameterization: as for `Conv`.
        s: as for `Conv`.

    Returns:
        Its triple.

    Raises:
        ValueError: as for `Conv`.
    """
    places = _windows(filter_shape, strides, padding, dimension_numbers)
    return _weighted(networks.ConvTranspose, places, out_chan, W_std, b_std, parameterization, s)


def AvgPool(
    window_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str = "VALID",
    normalize_edges: bool = False,
    batch_axis: int = 0,
    channel_axis: int = -1,
) -> Triple:
    """`networks.AvgPool`, which moves by one unless told otherwise.

    Args:
        window_shape: the size of a window along each axis.
        strides: by how many positions it moves; None: by one.
        padding: "VALID", "SAME" or "CIRCULAR".
        normalize_edges: with "SAME", whether zeros beyond the border do not count.
        batch_axis: 0.
        channel_axis: -1.

    Returns:
        Its triple.

    Raises:
        ValueError: for windows and paddings that are none, and for other axes.
    """
    _check_axes(batch_axis, channel_axis)
    places = _windows(window_shape, strides, padding, None)
    return triple(Leaf(networks.AvgPool(**places, normalize_edges=normalize_edges)))


def SumPool(
    window_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str = "VALID",
    batch_axis: int = 0,
    channel_axis: int = -1,
) -> Triple:
    """`networks.SumPool`, which moves by one unless told otherwise.

    Args:
        window_shape: as for `AvgPool`.
        strides: as for `AvgPool`.
        padding: as for `AvgPool`.
        batch_axis: 0.
        channel_axis: -1.

    Returns:
        Its triple.

    Raises:
        ValueError: as for `AvgPool`.
    """
    _check_axes(batch_axis, channel_axis)
    return triple(Leaf(networks.SumPool(**_windows(window_shape, strides, padding, None))))


def GlobalAvgPool(batch_axis: int = 0, channel_axis: int = -1) -> Triple:
    """`networks.GlobalAvgPool`: the mean over positions; axes as for `Dense`."""
    _check_axes(batch_axis, channel_axis)
    return triple(Leaf(networks.GlobalAvgPool()))


def GlobalSumPool(batch_axis: int = 0, channel_axis: int = -1) -> Triple:
    """`networks.GlobalSumPool`: the sum over positions; axes as for `Dense`."""
    _check_axes(batch_axis, channel_axis)
    return triple(Leaf(networks.GlobalSumPool()))


def _check_axes(batch_axis: int, channel_axis: int) -> None:
    if batch_axis != 0 or channel_axis != -1:
        raise ValueError(f"inputs come first and channels last, axes 0 and -1, not {batch_axis} and {channel_axis}")


def _windows(
    window: Sequence[int], strides: Sequence[int] | None, padding: str, specified: tuple[str, str, str] | None
) -> dict[str, Any]:
    size = tuple(map(int, window))
    if specified is not None and tuple(specified) != _SPECIFIED.get(len(size)):
        raise ValueError(f"channels come last, dimension_numbers {_SPECIFIED.get(len(size))}, not {specified}")
    names = {"VALID": "valid", "SAME": "same", "CIRCULAR": "circular"}
    if str(padding).upper() not in names:
        raise ValueError(f"padding must be one of {', '.join(names)}, not {padding!r}")
    steps = (1,) * len(size) if strides is None else tuple(map(int, strides))
    return {"window": size, "stride": steps, "padding": cast(Padding, names[str(padding).upper()])}


def _weighted(
    layer: Any,
    places: dict[str, Any],
    units: int,
    W_std: Any,
    b_std: Any,
    parameterization: str,
    s: tuple[int, int],
) -> Triple:
    standard = str(parameterization).lower() == "standard"
    narrowing, widening = (check_size("s", part) for part in s) if standard else (1, 1)
    if standard and b_std is not None and is_plain(b_std) and b_std == 0:
        raise ValueError("b_std=0 in the standard parametrisation trains biases from zero, for which there is no layer")
    made = layer(
        **places,
        w_std=_scale(W_std),
        b_std=_scale(0.0 if b_std is None else b_std),
        parameterization=str(parameterization).lower(),
    )
    return triple(Leaf(made, check_size("units", units) * widening, b_std is not None, narrowing))


def _scale(value: Any) -> Any:
    """A plain number where it has a value: kernels are compiled for those."""
    import jax

    return value if isinstance(value, jax.core.Tracer) else float(value)
