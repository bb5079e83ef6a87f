"""What the rest of the package knows of a ligand: neutral sets of parts with anchors and conformers.

A `LigandModel` is the truncated, neutral set that is placed on a slab, e.g. tetramethylammonium + bromide, or
one zwitterion, or Zn + Br + Br. Atom order is that of the model SMILES with hydrogens made explicit at the
end of each part (RDKit `AddHs`), parts in the order of the SMILES, and never changes afterwards.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from ase import Atoms

LigandClass = Literal[
    "ion-pair",
    "X-type",
    "L-type",
    "Z-type",
    "zwitterion",
    "halide-donor",
    "substitution",
    "interface",
]
PartRole = Literal["cation", "anion", "neutral", "zwitterion"]
Target = Literal["A-hole", "X-hole", "Pb", "halide", "surface"]


@dataclass(frozen=True)
class Anchor:
    """Atoms by which a part holds to the surface.

    Attributes
    ----------
    name : str
        Element and index in the part, e.g. ``O3``, joined by ``+`` for multi-dentate anchors.
    atoms : tuple of int
        Indices in the part, explicit hydrogens included.
    targets : tuple of Target
        Sites that this anchor may sit on, preferred first.
    """

    name: str
    atoms: tuple[int, ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class LigandPart:
    """One molecule or ion of the neutral set.

    `conformers` hold positions in Angstrom, atoms in SMILES order, no cell; monatomic ions have one.
    """

    smiles: str
    charge: int
    role: PartRole
    anchors: tuple[Anchor, ...]
    conformers: tuple[Atoms, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.conformers[0].get_chemical_symbols())


@dataclass(frozen=True)
class LigandModel:
    """A neutral set, ready to be placed.

    Attributes
    ----------
    ligand : str
        Id in the ligand library.
    variant : str
        Protonation state or tautomer, ``default`` if there is one only.
    smiles, full_smiles : str
        Truncated and full neutral set.
    truncation : str
        The policy in words, e.g. ``tails cut to 1 carbon``.
    atom_map : tuple of int
        For each heavy atom of the model its atom index in `full_smiles`, -1 if it replaces a cut.
    motifs : tuple of str
        Competing binding motifs that the library lists, e.g. ``fills-A-and-X``, ``donor-on-Pb``.
    """

    ligand: str
    variant: str
    ligand_class: LigandClass
    smiles: str
    full_smiles: str
    truncation: str
    parts: tuple[LigandPart, ...]
    atom_map: tuple[int, ...] = ()
    motifs: tuple[str, ...] = ()
    spin_polarised: bool = False
    descriptors: dict[str, float] = field(default_factory=dict)

    @property
    def charge(self) -> int:
        return sum(part.charge for part in self.parts)

    @property
    def composition(self) -> dict[str, int]:
        return dict(Counter(symbol for part in self.parts for symbol in part.symbols))
