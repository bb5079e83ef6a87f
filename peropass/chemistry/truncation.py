"""From the full ligand to the model that fits a cell: which atoms stay, and why.

Two policies, both data of the ligand library. `tails`: the head (heteroatoms, rings, carbons doubly or
triply bonded to heteroatoms, and every chain that links two of these) stays whole; of each dangling hydrocarbon
branch the first n carbons stay, hydrogens close the cut. `fragment`: the library names a smaller molecule, used
where the tail is part of a ring or of a linker; each heteroatom of it must exist in the full ligand.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peropass.chemistry.molecules import parse, written_smiles
from peropass.errors import InputError

if TYPE_CHECKING:
    from rdkit.Chem import Mol


@dataclass(frozen=True)
class TruncatedPart:
    """One part of the model and where it comes from.

    Attributes
    ----------
    smiles : str
        Model part, heavy atoms in the order used from here on.
    atom_map : tuple of int
        For each heavy atom of `smiles` its atom in the full part, -1 if it stands in for what was cut.
    removed : int
        Heavy atoms of the full part that the model lacks.
    """

    smiles: str
    atom_map: tuple[int, ...]
    removed: int


def keep_whole(molecule: Mol) -> TruncatedPart:
    """The full part as its own model."""
    smiles, order = written_smiles(molecule)
    return TruncatedPart(smiles, order, 0)


def cut_tails(molecule: Mol, carbons: int, where: str) -> TruncatedPart:
    """Keep the head of a part and `carbons` carbons of each tail.

    Raises
    ------
    InputError
        `carbons` < 1, or the cut would fall on a multiple bond.
    """
    from rdkit import Chem

    if carbons < 1:
        raise InputError(
            where, f"{carbons} tail carbons", "at least 1, or a fragment in the library"
        )
    head = find_head(molecule)
    if not head:
        return keep_whole(molecule)
    depth = _distance_from(molecule, head)
    doomed = {i for i, d in depth.items() if d > carbons}
    for bond in molecule.GetBonds():
        ends = {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}
        if len(ends & doomed) == 1 and bond.GetBondType() != Chem.BondType.SINGLE:
            raise InputError(
                where,
                f"{carbons} tail carbons cut a {bond.GetBondType().name.lower()} bond",
                "another number of carbons, so that only single bonds are cut",
            )
    if not doomed:
        return keep_whole(molecule)
    return _without(molecule, doomed)


def has_tails(molecule: Mol) -> bool:
    """Whether a part has a head and dangling hydrocarbon branches on it."""
    return 0 < len(find_head(molecule)) < molecule.GetNumAtoms()


def find_head(molecule: Mol) -> frozenset[int]:
    """Atoms of the head group: everything that is not a dangling hydrocarbon branch."""
    from rdkit import Chem

    heteroatoms = {a.GetIdx() for a in molecule.GetAtoms() if a.GetSymbol() not in ("C", "H")}
    if not heteroatoms:
        return frozenset()
    core = set(heteroatoms)
    core |= {a.GetIdx() for a in molecule.GetAtoms() if a.IsInRing()}
    for bond in molecule.GetBonds():
        ends = {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}
        if bond.GetBondType() != Chem.BondType.SINGLE and ends & heteroatoms:
            core |= ends
    return frozenset(core | _linkers(molecule, core))


def _linkers(molecule: Mol, core: set[int]) -> set[int]:
    """Atoms that remain when dangling ends outside `core` are plucked off one by one."""
    left = set(range(molecule.GetNumAtoms()))
    neighbours = {a.GetIdx(): {n.GetIdx() for n in a.GetNeighbors()} for a in molecule.GetAtoms()}
    while True:
        dangling = {i for i in left - core if len(neighbours[i] & left) <= 1}
        if not dangling:
            return left - core
        left -= dangling


def _distance_from(molecule: Mol, head: frozenset[int]) -> dict[int, int]:
    """Number of bonds from each atom to the nearest head atom."""
    depth = dict.fromkeys(head, 0)
    queue = deque(sorted(head))
    while queue:
        index = queue.popleft()
        for neighbour in molecule.GetAtomWithIdx(index).GetNeighbors():
            if neighbour.GetIdx() not in depth:
                depth[neighbour.GetIdx()] = depth[index] + 1
                queue.append(neighbour.GetIdx())
    return depth


def _without(molecule: Mol, doomed: set[int]) -> TruncatedPart:
    from rdkit import Chem

    editable = Chem.RWMol(molecule)
    for atom in editable.GetAtoms():
        atom.SetIntProp("full_index", atom.GetIdx())
    for index in sorted(doomed, reverse=True):
        for neighbour in editable.GetAtomWithIdx(index).GetNeighbors():
            if neighbour.GetIdx() not in doomed and neighbour.GetNoImplicit():
                neighbour.SetNumExplicitHs(neighbour.GetNumExplicitHs() + 1)
        editable.RemoveAtom(index)
        doomed = {i for i in doomed if i < index}
    kept = editable.GetMol()
    Chem.SanitizeMol(kept)
    Chem.AssignStereochemistry(kept, cleanIt=True, force=True)
    smiles, order = written_smiles(kept)
    return TruncatedPart(
        smiles,
        tuple(kept.GetAtomWithIdx(i).GetIntProp("full_index") for i in order),
        molecule.GetNumAtoms() - kept.GetNumAtoms(),
    )


def replace_by_fragment(molecule: Mol, fragment: str, where: str) -> TruncatedPart:
    """Stand a library fragment in for a part, mapping its atoms onto the part's.

    Atoms are matched by element, piece by piece (largest common substructure first); an atom whose ring
    membership or aromaticity differs from its partner's counts as a stand-in (-1).

    Raises
    ------
    InputError
        A heteroatom of the fragment has no counterpart, or its charge differs: then the fragment is no
        truncation of this ligand.
    """
    from rdkit import Chem

    model = parse(fragment, where)
    smiles, order = written_smiles(model)
    if Chem.GetFormalCharge(model) != Chem.GetFormalCharge(molecule):
        raise InputError(
            where,
            f"fragment {fragment} of charge {Chem.GetFormalCharge(model):+d}",
            f"charge {Chem.GetFormalCharge(molecule):+d} of the full part",
        )
    partner = _match_piecewise(model, molecule)
    for atom in model.GetAtoms():
        if atom.GetSymbol() != "C" and atom.GetIdx() not in partner:
            raise InputError(
                where,
                f"fragment {fragment} whose {atom.GetSymbol()}{atom.GetIdx()} is not in the ligand",
                "a fragment whose every heteroatom exists in the full SMILES",
            )
    mapped = tuple(
        partner.get(i, -1) if _alike(model, i, molecule, partner.get(i)) else -1 for i in order
    )
    return TruncatedPart(smiles, mapped, molecule.GetNumAtoms() - len(set(mapped) - {-1}))


def _alike(model: Mol, index: int, full: Mol, partner: int | None) -> bool:
    if partner is None:
        return False
    return (
        model.GetAtomWithIdx(index).GetIsAromatic() == full.GetAtomWithIdx(partner).GetIsAromatic()
    )


def _match_piecewise(model: Mol, full: Mol) -> dict[int, int]:
    """Disjoint matches of connected pieces of `model` in `full`, the piece richest in heteroatoms first."""
    found: dict[int, int] = {}
    free_model, free_full = set(range(model.GetNumAtoms())), set(range(full.GetNumAtoms()))
    while free_model:
        pieces = [
            _grow(model, free_model, full, free_full, i, j)
            for i in sorted(free_model)
            for j in sorted(free_full)
            if _same_element(model, i, full, j)
        ]
        if not pieces:
            break
        piece = max(pieces, key=lambda match: _weight(model, match))
        found |= piece
        free_model -= set(piece)
        free_full -= set(piece.values())
    return found


def _grow(
    model: Mol, free_model: set[int], full: Mol, free_full: set[int], start: int, partner: int
) -> dict[int, int]:
    """Follow bonds outwards from one matched pair, neighbour by most similar neighbour."""
    match, queue = {start: partner}, deque([start])
    while queue:
        here = queue.popleft()
        for step in model.GetAtomWithIdx(here).GetNeighbors():
            i = step.GetIdx()
            if i in match or i not in free_model:
                continue
            options = [
                n.GetIdx()
                for n in full.GetAtomWithIdx(match[here]).GetNeighbors()
                if n.GetIdx() in free_full
                and n.GetIdx() not in match.values()
                and _same_element(model, i, full, n.GetIdx())
            ]
            if options:
                bond = model.GetBondBetweenAtoms(here, i)
                match[i] = max(
                    options,
                    key=lambda j, i=i, bond=bond, here=here: (
                        bond.GetBondType()
                        == full.GetBondBetweenAtoms(match[here], j).GetBondType(),
                        model.GetAtomWithIdx(i).GetFormalCharge()
                        == full.GetAtomWithIdx(j).GetFormalCharge(),
                        full.GetAtomWithIdx(j).GetDegree(),
                        -j,
                    ),
                )
                queue.append(i)
    return match


def _same_element(model: Mol, i: int, full: Mol, j: int) -> bool:
    return model.GetAtomWithIdx(i).GetSymbol() == full.GetAtomWithIdx(j).GetSymbol()


def _weight(model: Mol, match: dict[int, int]) -> tuple[int, int]:
    hetero = sum(model.GetAtomWithIdx(i).GetSymbol() != "C" for i in match)
    return hetero, len(match)
