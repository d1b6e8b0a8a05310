"""Where what is stored comes from: what this machine ran, a reference, or an import, perhaps by a named submitter.

The command that stores a record says so, never the record. With it goes a seal, which only this installation can make:
by it, what was stored here is known again when it comes back from an export or another database of this machine.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError, brief
from ntkbench.machine.installation import installation

Kind = Literal["this machine", "reference", "import"]


@dataclass(frozen=True)
class Origin:
    """Who vouches for a record; an import may name its `submitter`, nothing else does."""

    kind: Kind
    submitter: str = ""

    def __post_init__(self) -> None:
        if self.submitter and self.kind != "import":
            raise InputError(f"what is of origin {self.kind} has no submitter")
        if not self.submitter.isprintable() or self.submitter != self.submitter.strip():
            raise InputError(f"a submitter's name is one line of text, not {brief(self.submitter)}")


THIS_MACHINE = Origin("this machine")
REFERENCE = Origin("reference")
IMPORT = Origin("import")


def seal(origin: Origin, content: object) -> str:
    """32 hex digits by which this installation, and no other, knows that it stored this content with this origin.

    Args:
        origin: Of the content.
        content: What JSON can hold.

    Returns:
        The digits; "" for an import without a name, as which anything comes back.
    """
    return "" if origin == IMPORT else _digits(origin.kind, origin.submitter, content)


def sealed_here(kind: str, submitter: str, stamp: str, content: object) -> bool:
    """Whether this installation stored the content with the origin that a source states of it.

    Args:
        kind: As the source says.
        submitter: As the source says.
        stamp: The source's seal.
        content: What was sealed.
    """
    return hmac.compare_digest(stamp.encode(), _digits(kind, submitter, content).encode())


def _digits(kind: str, submitter: str, content: object) -> str:
    text = canonical_json([kind, submitter, content])
    return hmac.new(installation().encode(), text.encode(), hashlib.sha256).hexdigest()[:32]
