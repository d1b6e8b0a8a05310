"""torch's multi-head attention taken apart: its projections as products of their own."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn import functional

from ntkbench.kernels.empirical.calls.weights import Known

_NAMES = tuple(inspect.signature(functional.multi_head_attention_forward).parameters)


def apart(
    reading: AbstractContextManager[Any], known: Known, args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """`functional.multi_head_attention_forward`, its four products carried out beside it while `reading` listens."""
    given = dict(zip(_NAMES, args, strict=False)) | named
    inputs = given["query"], given["key"], given["value"]
    width = given["embed_dim_to_check"]
    weights = (
        [given[f"{name}_proj_weight"] for name in "qkv"]
        if given.get("use_separate_proj_weight")
        else known.rows(given["in_proj_weight"], 3)
    )
    bias = given["in_proj_bias"]
    biases = [None] * 3 if bias is None else known.rows(bias, 3)
    with reading:
        query, key, value = map(functional.linear, inputs, weights, biases)
    same = torch.eye(width, dtype=query.dtype, device=query.device)
    of_projections = {
        "query": query,
        "key": key,
        "value": value,
        "use_separate_proj_weight": True,
        "in_proj_weight": None,
        "in_proj_bias": None,
        "q_proj_weight": same,
        "k_proj_weight": same,
        "v_proj_weight": same,
        "out_proj_weight": same,
        "out_proj_bias": None,
    }
    mixed, shown = functional.multi_head_attention_forward(**(given | of_projections))
    with reading:
        return functional.linear(mixed, given["out_proj_weight"], given["out_proj_bias"]), shown
