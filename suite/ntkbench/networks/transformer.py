"""The transformer of Yang 2020 as an architecture."""

from __future__ import annotations

from ntkbench.networks.layers import Activation, Attention, Dense, GlobalAvgPool, LayerNorm, Residual, Serial, serial


def transformer_block() -> Serial:
    """Attention, layer normalisation, two dense layers with a ReLU between them, and layer normalisation.

    Of tokens x: k = x U, y = k + softmax(k k' / n) k, z = LayerNorm(y), LayerNorm(z + relu(z W) W'), with all weights
    from N(0, 1) and divided by the root of their fan-in.

    Returns:
        Layers that turn sequences into sequences, such as (N, T, C) into (N, T, n).

    References:
        Yang 2020, "Tensor Programs II: Neural Tangent Kernel for Any Architecture", arXiv:2006.14548.
    """
    feedforward = serial(Dense(), Activation("relu"), Dense())
    return serial(Dense(), Attention(residual=True), LayerNorm(), Residual(feedforward), LayerNorm())


def transformer(depth: int = 1) -> Serial:
    """Blocks of a transformer, the mean over tokens and a readout.

    Args:
        depth: how many blocks.

    Returns:
        Layers that turn a sequence into a number: with `kernels.architecture_kernels` its kernels of infinite width,
        with `networks.finite` a network.

    Raises:
        ValueError: for a depth that is no positive whole number.

    References:
        Yang 2020, "Tensor Programs II: Neural Tangent Kernel for Any Architecture", arXiv:2006.14548.
    """
    if type(depth) is not int or depth < 1:
        raise ValueError(f"depth must be a positive whole number, not {depth!r}")
    return serial(*[transformer_block()] * depth, GlobalAvgPool(), Dense())
