"""Runs of a function whose calls are probed: their results, plus zeros by which it can be differentiated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from ntkbench.kernels.empirical.calls.reading import Reading, without
from ntkbench.kernels.empirical.calls.recording import Met
from ntkbench.kernels.empirical.calls.rules import Found
from ntkbench.kernels.empirical.calls.weights import Known


class Probing(Reading):
    """Adds a probe to what each of the calls gives, and keeps what it has seen."""

    def __init__(self, known: Known, calls: tuple[Met, ...], probes: tuple[torch.Tensor, ...]) -> None:
        super().__init__(known)
        self._left: Iterator[tuple[Met, torch.Tensor]] = zip(calls, probes, strict=True)
        self._seen: list[torch.Tensor] = []

    def met(self, found: Found, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> torch.Tensor:
        """The result and its probe, where the call meets a parameter that has a rule."""
        result: torch.Tensor = function(*args, **named)
        if self.known.get(found.weight) is None and self.known.get(found.bias) is None:
            return result
        call, probe = next(self._left, (None, None))
        if call is None or call.site != found.site or probe is None or probe.shape != result.shape:
            raise ValueError("the function makes other calls for other inputs: use method='contraction'")
        seen = found.input
        if found.normalised:
            bare, bare_named = without(found, args, named)
            seen = function(*bare, **bare_named)
        self._seen.append(seen.clone() if call.copied else seen)
        return result + probe

    def seen(self) -> tuple[torch.Tensor, ...]:
        """What each call has seen, in their order."""
        if next(self._left, None) is not None:
            raise ValueError("the function makes fewer calls for other inputs: use method='contraction'")
        return tuple(self._seen)
