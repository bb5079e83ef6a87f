"""By which atoms a ligand part holds, and on which sites: rules by SMARTS, overridden by the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from peropass.chemistry.model import Anchor, Target
from peropass.errors import InputError

if TYPE_CHECKING:
    from rdkit.Chem import Mol


@dataclass(frozen=True)
class AnchorRule:
    """A head group: SMARTS whose map-numbered atoms (or first atom) hold to `targets`.

    `together` joins all mapped atoms of one match into one multi-dentate anchor.
    """

    name: str
    smarts: str
    targets: tuple[Target, ...]
    together: bool = False


# ASSUME which sites a head group competes for follows its charge: cations fill the A hole or sit on halides,
# anions fill the X hole or bind the exposed Pb, neutral donors bind the exposed Pb; neutral poses elsewhere start
# from `surface` anchors. First target = preferred.
RULES: tuple[AnchorRule, ...] = (
    AnchorRule("ammonium", "[NX4+;!H0:1]", ("A-hole", "halide")),
    AnchorRule("quaternary ammonium", "[NX4+;H0:1]", ("A-hole", "halide")),
    AnchorRule("phosphonium", "[PX4+:1]", ("A-hole", "halide")),
    AnchorRule("sulfonium", "[SX3+;!$(S~[OX1]):1]", ("A-hole", "halide")),
    AnchorRule("amidinium", "[CX3:1](=[NX3+])[NX3]", ("A-hole", "halide")),
    AnchorRule("pyridinium", "[nX3+:1]", ("A-hole", "halide")),
    AnchorRule("alkali ion", "[Li+,Na+,K+,Rb+,Cs+,Ag+,Tl+,Cu+:1]", ("A-hole", "halide")),
    AnchorRule("metal ion", "[X0;+2,+3,+4:1]", ("halide", "A-hole", "Pb")),
    AnchorRule("halide ion", "[F-,Cl-,Br-,I-;X0:1]", ("X-hole", "Pb")),
    AnchorRule("carboxylate", "[CX3](=O)[O-:1]", ("X-hole", "Pb")),
    AnchorRule("carboxylate, both O", "[CX3](=[O:1])[O-:2]", ("Pb", "X-hole"), True),
    AnchorRule("sulfonate or sulfate", "[#16X4](=O)(=O)[O-:1]", ("X-hole", "Pb")),
    AnchorRule("sulfonate, two O", "[#16X4](=[O:1])(=O)[O-:2]", ("Pb", "X-hole"), True),
    AnchorRule("phosphonate or phosphate", "[PX4](=O)[O-:1]", ("X-hole", "Pb")),
    AnchorRule("phosphonate, two O", "[PX4](=[O:1])[O-:2]", ("Pb", "X-hole"), True),
    AnchorRule("nitrate", "[NX3+](=O)([O-])[O-:1]", ("X-hole", "Pb")),
    AnchorRule("nitrate, two O", "[NX3+](=[O:1])([O-])[O-:2]", ("Pb", "X-hole"), True),
    AnchorRule("tetrafluoroborate", "[B-]([F:1])(F)(F)F", ("X-hole", "Pb")),
    AnchorRule("thiocyanate N", "[S-,SX1]C#[N:1]", ("X-hole", "Pb")),
    AnchorRule("thiocyanate S", "[S-:1]C#N", ("X-hole", "Pb")),
    AnchorRule("thiolate", "[SX1-;!$(SC#N):1]", ("X-hole", "Pb")),
    AnchorRule("phosphine oxide or acid", "[PX4;!$(P[O-])]=[O:1]", ("Pb",)),
    AnchorRule("sulfonic acid", "[SX4;!$(S[O-])](=[O:1])(=O)", ("Pb",)),
    AnchorRule("sulfoxide", "[SX3;+0]=[O:1]", ("Pb",)),
    AnchorRule("phosphine", "[PX3;+0:1]", ("Pb",)),
    AnchorRule("amine", "[NX3;+0;!$(N[C,S,P]=[O,S,N]);!$(N(a)a);!$(N=*);!$(N#*):1]", ("Pb",)),
    AnchorRule("pyridine-type N", "[nX2;+0:1]", ("Pb",)),
    AnchorRule("imine N", "[NX2;+0;!$(N=[N,O]);!$(N-N):1]=C", ("Pb",)),
    AnchorRule("nitrile", "[NX1;+0;!$(N#C[S-]):1]#[CX2]", ("Pb",)),
    AnchorRule("carbonyl", "[#6X3;!$(C[O-])]=[OX1:1]", ("Pb",)),
    AnchorRule("thiocarbonyl", "[#6X3]=[SX1:1]", ("Pb",)),
    AnchorRule("thiol", "[SX2;H1:1]", ("Pb",)),
    AnchorRule("thioether or thiophene", "[#16X2;H0:1]([#6])[#6]", ("Pb",)),
    AnchorRule("alcohol", "[OX2;H1:1][CX4]", ("Pb",)),
    AnchorRule("ether", "[OX2;H0;!$(O[C,P,S]=[O,S,N]):1]([CX4])[#6]", ("Pb",)),
    AnchorRule("water", "[OX2H2:1]", ("Pb",)),
    AnchorRule("dioxygen", "[OX1:1]=[OX1]", ("Pb",)),
    AnchorRule("covalent halide", "[Cl,Br,I;X1;$(*-[#6X4,Si,S,P]),$(*[CX3]=O):1]", ("X-hole",)),
    AnchorRule("hydrogen halide", "[ClH1,BrH1,IH1;X1;+0:1]", ("X-hole",)),
)


def find_anchors(molecule: Mol) -> tuple[Anchor, ...]:
    """Anchors of a part by rule, one per symmetry-equivalent set, in order of the rules.

    `molecule` is the model part with or without explicit hydrogens; indices refer to it.
    """
    found: list[Anchor] = []
    for rule in RULES:
        found.extend(a for a in apply_rule(rule, molecule, rule.name) if a not in found)
    return tuple(found)


def apply_rule(rule: AnchorRule, molecule: Mol, where: str) -> tuple[Anchor, ...]:
    """Anchors that one rule finds; symmetry-equivalent matches count once.

    Raises
    ------
    InputError
        The SMARTS does not parse.
    """
    pattern, marked = _compiled(rule.smarts)
    if pattern is None:
        raise InputError(where, repr(rule.smarts), "a SMARTS pattern")
    matches = molecule.GetSubstructMatches(pattern, uniquify=False)
    if not matches:
        return ()
    classes = equivalent_classes(molecule)
    anchors, seen = [], set()
    for match in matches:
        chosen = [match[k] for k in marked]
        for group in [tuple(sorted(chosen))] if rule.together else [(i,) for i in chosen]:
            kind = tuple(sorted(classes[i] for i in group))
            if kind not in seen:
                seen.add(kind)
                anchors.append(Anchor(anchor_name(molecule, group), group, rule.targets))
    return tuple(anchors)


@cache
def _compiled(smarts: str) -> tuple[Mol | None, tuple[int, ...]]:
    """SMARTS pattern and its map-numbered atoms (the first atom if none is); None if it does not parse."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        pattern = Chem.MolFromSmarts(smarts)
    if pattern is None:
        return None, ()
    marked = tuple(a.GetIdx() for a in pattern.GetAtoms() if a.GetAtomMapNum())
    return pattern, marked or (0,)


def anchor_name(molecule: Mol, atoms: Sequence[int]) -> str:
    """Element and index of each anchor atom, e.g. ``O3+O4``."""
    return "+".join(f"{molecule.GetAtomWithIdx(i).GetSymbol()}{i}" for i in atoms)


def equivalent_classes(molecule: Mol) -> list[int]:
    """Symmetry class of each atom; terminal O (S) of one oxoanion are alike whatever bond the SMILES draws."""
    from rdkit import Chem

    editable = Chem.RWMol(molecule)
    for atom in editable.GetAtoms():
        if atom.GetSymbol() not in ("O", "S") or atom.GetDegree() != 1 or atom.GetTotalNumHs():
            continue
        centre = atom.GetNeighbors()[0]
        siblings = [
            n
            for n in centre.GetNeighbors()
            if n.GetSymbol() == atom.GetSymbol() and n.GetDegree() == 1 and not n.GetTotalNumHs()
        ]
        if any(n.GetFormalCharge() < 0 for n in siblings):
            for sibling in siblings:
                bond = editable.GetBondBetweenAtoms(centre.GetIdx(), sibling.GetIdx())
                bond.SetBondType(Chem.BondType.ONEANDAHALF)
                sibling.SetFormalCharge(0)
    return list(Chem.CanonicalRankAtoms(editable, breakTies=False, includeChirality=False))
