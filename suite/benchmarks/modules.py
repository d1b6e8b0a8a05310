"""A module of torch for the benchmarks: a residual network as small as one may be."""

from __future__ import annotations

from typing import Any


def residual_network(width: int, outputs: int) -> Any:
    """Two residual blocks, the second of half as many places a side and twice the channels, always drawn alike."""
    import torch
    from torch import nn

    class Block(nn.Module):
        """As in ResNet-18."""

        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.branch = nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.Conv2d(after, after, 3, 1, 1, bias=False),
                nn.BatchNorm2d(after),
            )
            same = stride == 1 and before == after
            self.shortcut = nn.Identity() if same else nn.Conv2d(before, after, 1, stride, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """ReLU of the sum of both."""
            return torch.relu(self.branch(x) + self.shortcut(x))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            Block(width, width, 1),
            Block(width, 2 * width, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2 * width, outputs),
        ).eval()
