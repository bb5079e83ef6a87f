"""A reaction that applies to an entry, or the reason why it does not, and the calculations that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from peropass.chemistry.reactions import Reaction, Species

Kind = Literal[
    "binding",
    "exchange",
    "exchange-acid",
    "vs-native",
    "desorption",
    "halide-donation",
    "vacancy-formation",
    "substitution",
    "phase-stability",
]


@dataclass(frozen=True)
class Reference:
    """A calculation that a reaction needs besides the slabs of its own candidate.

    `definition` is a SMILES for a molecule and a formula for a bulk phase; `id` may be a folder name.
    """

    id: str
    kind: Literal["molecule", "bulk", "slab"]
    definition: str
    unpaired: int = 0


@dataclass(frozen=True)
class PlannedReaction:
    """A reaction that applies (`reaction` is set), or one that does not, with its reason."""

    name: str
    kind: Kind
    reaction: Reaction | None
    references: tuple[Reference, ...] = ()
    reason: str = ""

    @property
    def available(self) -> bool:
        return self.reaction is not None

    @property
    def equation(self) -> str:
        return self.reaction.equation if self.reaction else f"not available: {self.reason}"


def bulk_reference(species: Species) -> Reference:
    """Reference to a bulk phase by its formula."""
    return Reference(
        species.name.removesuffix("(bulk)"), "bulk", species.name.removesuffix("(bulk)")
    )
