"""What is read from nvidia-smi."""

from __future__ import annotations

from ntkbench.machine.nvidia import Card, read_cards

CARD = Card("NVIDIA H100 80GB HBM3", 81559 * 2**20, 81000 * 2**20)


def test_cards_are_read_with_their_memory_and_one_without_memory_of_its_own_has_none() -> None:
    text = "570.86.10, NVIDIA H100 80GB HBM3, 81559, 81000\n570.86.10, NVIDIA GB10, [N/A], [N/A]\n"
    assert read_cards(text) == ("570.86.10", (CARD, Card("NVIDIA GB10", 0, 0)))
    assert read_cards("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n") == ("", ())
