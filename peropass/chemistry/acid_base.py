"""Which neutral molecules a ligand set can fall into: proton transfer, alkyl transfer, acids of anions."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from peropass.chemistry.molecules import formal_charge, parse, written_smiles

if TYPE_CHECKING:
    from rdkit.Chem import Atom, Mol, RWMol

_kept = lru_cache(
    maxsize=16384
)  # text in, text out: the rows of a campaign share most of their ions
# ASSUME acids that do not simply carry the proton on the charged atom: isothiocyanic acid is the stable tautomer of
# HSCN in the gas phase, and HBF4 exists only as HF + BF3.
SPECIAL_ACIDS = {"N#C[S-]": ("N=C=S",), "F[B-](F)(F)F": ("F", "FB(F)F")}
# The part of a complex anion that takes an alkyl group, and the neutral molecule that it leaves.
SPLIT_ANIONS: dict[str, tuple[str, tuple[str, ...]]] = {"F[B-](F)(F)F": ("[F-]", ("FB(F)F",))}


@_kept
def deprotonate(smiles: str) -> str | None:
    """Neutral base of a +1 cation that has an N-H, P-H, S-H or O-H proton; None if it has none."""
    molecule = parse(smiles, "cation")
    if formal_charge(molecule) != 1:
        return None
    for atom in molecule.GetAtoms():
        if atom.GetFormalCharge() == 1 and atom.GetTotalNumHs() > 0:
            atom.SetFormalCharge(0)
            atom.SetNumExplicitHs(atom.GetTotalNumHs() - 1)
            atom.SetNoImplicit(True)
            return _clean(molecule)
    return None


@_kept
def protonate(smiles: str) -> tuple[str, ...]:
    """Neutral acid (or the neutral molecules it consists of) of an anion, protons on charged atoms."""
    from rdkit import Chem

    molecule = parse(smiles, "anion")
    special = SPECIAL_ACIDS.get(Chem.MolToSmiles(molecule))
    if special:
        return special
    for atom in molecule.GetAtoms():
        if atom.GetFormalCharge() < 0 and not _in_bonded_ion_pair(atom):
            atom.SetNumExplicitHs(atom.GetTotalNumHs() - atom.GetFormalCharge())
            atom.SetFormalCharge(0)
            atom.SetNoImplicit(True)
    return (_clean(molecule),)


@_kept
def transfer_proton(cation: str, anion: str) -> tuple[str, ...] | None:
    """Base and acid of an ion pair of charges +1 and -1; None if the cation has no proton to give."""
    base = deprotonate(cation)
    return None if base is None else (base, *protonate(anion))


@_kept
def transfer_alkyl(cation: str, anion: str) -> tuple[str, ...] | None:
    """R4N+ A- -> R3N + R-A (also P, S); the smallest open-chain alkyl group moves, as in an SN2 step.

    None if no onium centre with such a group is there, or if the anion has no atom to take it.
    """
    from rdkit import Chem

    nucleophile, rest = SPLIT_ANIONS.get(Chem.MolToSmiles(parse(anion, "anion")), (anion, ()))
    pair = Chem.CombineMols(parse(nucleophile, "anion"), parse(cation, "cation"))
    text = _move_alkyl(pair)
    if text is None or text.count(".") != 1:
        return None
    product, base = text.split(".")
    return (base, product, *rest)


@_kept
def transfer_alkyl_within(zwitterion: str) -> str | None:
    """Neutral isomer of a quaternary zwitterion whose alkyl group moved from onium to anion; None if impossible."""
    return _move_alkyl(parse(zwitterion, "zwitterion"))


@_kept
def neutral_tautomer(zwitterion: str) -> str | None:
    """The zwitterion with its proton moved from the cationic to the anionic end; None if it has no proton."""
    molecule = parse(zwitterion, "zwitterion")
    donor = next(
        (a for a in molecule.GetAtoms() if a.GetFormalCharge() > 0 and a.GetTotalNumHs() > 0), None
    )
    acceptor = _acceptor(molecule)
    if donor is None or acceptor is None:
        return None
    for atom, step in ((donor, -1), (acceptor, +1)):
        atom.SetNumExplicitHs(atom.GetTotalNumHs() + step)
        atom.SetFormalCharge(atom.GetFormalCharge() + step)
        atom.SetNoImplicit(True)
    return _clean(molecule)


def _move_alkyl(molecule: Mol) -> str | None:
    from rdkit import Chem

    editable: RWMol = Chem.RWMol(molecule)
    acceptor, onium = _acceptor(editable), _onium(editable)
    if acceptor is None or onium is None:
        return None
    group = _smallest_alkyl(editable, onium)
    if group is None:
        return None
    onium.SetFormalCharge(0)
    acceptor.SetFormalCharge(0)
    editable.RemoveBond(onium.GetIdx(), group)
    editable.AddBond(acceptor.GetIdx(), group, Chem.BondType.SINGLE)
    return _clean(editable.GetMol())


def _acceptor(molecule: Mol) -> Atom | None:
    """Anionic atom that takes a proton or alkyl group; a boron ate complex has none."""
    options = [
        a
        for a in molecule.GetAtoms()
        if a.GetFormalCharge() == -1 and a.GetSymbol() != "B" and not _in_bonded_ion_pair(a)
    ]
    return options[0] if options else None


def _in_bonded_ion_pair(atom: Atom) -> bool:
    """Whether an anionic atom only completes the formula of its own + charged neighbour and a sibling is free.

    Nitrate is written [O-][N+](=O)[O-]: one of its two O- belongs to N+, the other takes the proton.
    """
    centre = [n for n in atom.GetNeighbors() if n.GetFormalCharge() > 0]
    if not centre:
        return False
    rivals = [n.GetIdx() for n in centre[0].GetNeighbors() if n.GetFormalCharge() < 0]
    return atom.GetIdx() in sorted(rivals)[: centre[0].GetFormalCharge()]


def _onium(molecule: Mol) -> Atom | None:
    for atom in molecule.GetAtoms():
        bonded_charge = any(n.GetFormalCharge() < 0 for n in atom.GetNeighbors())
        if (
            atom.GetFormalCharge() == 1
            and atom.GetSymbol() in ("N", "P", "S")
            and atom.GetTotalNumHs() == 0
            and not bonded_charge
        ):
            return atom
    return None


def _smallest_alkyl(molecule: Mol, onium: Atom) -> int | None:
    """Index of the alkyl carbon on `onium` whose open-chain hydrocarbon group is smallest."""
    sizes = []
    for carbon in onium.GetNeighbors():
        group, frontier = {carbon.GetIdx()}, [carbon]
        while frontier:
            for neighbour in frontier.pop().GetNeighbors():
                if neighbour.GetIdx() not in group and neighbour.GetIdx() != onium.GetIdx():
                    group.add(neighbour.GetIdx())
                    frontier.append(neighbour)
        atoms = [molecule.GetAtomWithIdx(i) for i in group]
        if all(a.GetSymbol() == "C" and not a.IsInRing() for a in atoms):
            sizes.append((len(group), carbon.GetIdx()))
    return min(sizes)[1] if sizes else None


def _clean(molecule: Mol) -> str:
    from rdkit import Chem

    Chem.SanitizeMol(molecule)
    plain = Chem.MolFromSmiles(written_smiles(molecule)[0])
    return written_smiles(plain)[0]
