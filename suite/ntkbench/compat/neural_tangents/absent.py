"""What neural-tangents has and this face has not: for each name the native call."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_NATIVE = {
    "neural_tangents": {
        "empirical_ntk_vp_fn": "kernels.empirical_ntk_product(apply, params, x1, x2, v)",
        "experimental": "kernels.empirical_ntk, which takes modules of torch, Flax and Equinox",
    },
    "stax": {
        "Aggregate": "networks.Aggregate(pattern, axis)",
        "AggregateImplementation": "networks.Aggregate(pattern, axis)",
        "AttentionMechanism": 'networks.SelfAttention("softmax", "linear")',
        "BatchNorm": "networks.BatchNormNetwork and kernels.batch_norm_kernels",
        "Bool": "networks.Layer, of which layers of your own are made",
        "Diagonal": "networks.Layer, of which layers of your own are made",
        "DotGeneral": 'networks.DotGeneral(array, "h,hw->w")',
        "Dropout": "networks.Dropout(rate)",
        "Elementwise": "networks.Activation(function)",
        "GlobalSelfAttention": 'networks.SelfAttention("softmax", "linear")',
        "ImageResize": "networks.Resize(shape, method)",
        "Index": "networks.Index(numpy.s_[...])",
        "MaskedArray": "networks.Masked(layer)",
        "MaxPool": "networks.AvgPool: a maximum has no kernel of infinite width",
        "Padding": 'networks.Conv(padding="same"); here the words "SAME", "VALID" and "CIRCULAR"',
        "PositionalEmbedding": "networks.SelfAttention(embedding=networks.Embedding(kind))",
        "Sigmoid": 'networks.Activation("sigmoid")',
        "Slice": "networks.Index(numpy.s_[...])",
        "Tanh": 'networks.Activation("tanh")',
        "layer": "networks.Layer, of which layers of your own are made",
        "requires": "networks.Layer, of which layers of your own are made",
        "supports_masking": "networks.Masked(layer)",
        "unmask_fn": "networks.Masked(layer)",
    },
    "predict": {},
}


def absent(module: str, name: str, there: Iterable[str]) -> str:
    """The line that says that `name` is not in a module of the face, which has the names `there`."""
    known = _NATIVE[module]
    if name in known:
        return f"{module}.{name} is not in this face of neural-tangents: use ntkbench.{known[name]}"
    near = difflib.get_close_matches(name, [*there, *known], n=1, cutoff=0.0)[0]
    call = f", for which use ntkbench.{known[near]}" if near in known else ""
    return f"{module}.{name} is not in neural-tangents; the nearest name is {near}{call}"
