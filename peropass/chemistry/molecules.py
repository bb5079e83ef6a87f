"""SMILES in, checked RDKit molecules out: parts of a neutral set, charges, halide exchange.

RDKit is imported inside functions, so that planning a workflow does not pay for it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from peropass.errors import InputError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

HALIDES = ("Cl", "Br", "I")


def parse(smiles: str, where: str) -> Mol:
    """Return the sanitised molecule of `smiles`, hydrogens implicit.

    Raises
    ------
    InputError
        Naming `where`, when RDKit does not understand the text or a valence is impossible.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is not None and molecule.GetNumAtoms():
            return molecule
        unsanitised = Chem.MolFromSmiles(smiles, sanitize=False)
    if unsanitised is None or not smiles.strip():
        raise InputError(where, repr(smiles), "a SMILES with known elements and closed rings")
    problems = Chem.DetectChemistryProblems(unsanitised)
    reason = problems[0].Message() if problems else "chemically impossible"
    raise InputError(where, f"{smiles!r} ({reason})", "a SMILES with possible valences")


def split_parts(smiles: str, where: str) -> list[Mol]:
    """The disconnected parts of a set, in the order of its SMILES, each checked by `parse`."""
    parse(smiles, where)
    return [parse(part, where) for part in smiles.split(".")]


def written_smiles(molecule: Mol) -> tuple[str, tuple[int, ...]]:
    """SMILES in the molecule's own atom order as far as the grammar allows, and that order.

    Not RDKit's canonical form: that may change between RDKit releases and with it every atom index.
    The second value holds, for each atom of the written SMILES, its index in `molecule`.
    """
    from rdkit import Chem

    text = Chem.MolToSmiles(molecule, canonical=False)
    return text, tuple(molecule.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])


@lru_cache(maxsize=16384)
def canonical_smiles(smiles: str) -> str:
    """RDKit's canonical form, for comparison only."""
    return written_canonical(parse(smiles, "smiles"))


def written_canonical(molecule: Mol) -> str:
    """RDKit's canonical SMILES of a molecule, for comparison only."""
    from rdkit import Chem

    return Chem.MolToSmiles(molecule)


def formal_charge(molecule: Mol) -> int:
    """Sum of formal charges in e."""
    from rdkit import Chem

    return Chem.GetFormalCharge(molecule)


@lru_cache(maxsize=16384)
def charge_of(smiles: str, where: str) -> int:
    """Charge in e of a part or set; errors as of `parse`."""
    return formal_charge(parse(smiles, where))


def is_zwitterion(molecule: Mol) -> bool:
    """Whether a neutral part carries opposite charges on atoms that are not bonded to each other.

    Nitro groups, N-oxides and isocyanides write neighbouring charges for want of a better formula.
    """
    if formal_charge(molecule) != 0:
        return False
    positive = [a for a in molecule.GetAtoms() if a.GetFormalCharge() > 0]
    return any(all(n.GetFormalCharge() >= 0 for n in atom.GetNeighbors()) for atom in positive)


def exchange_halide(smiles: str, halide: str, where: str) -> str:
    """Replace each Cl, Br and I of a set, ionic or covalent, by `halide`; fluorine stays.

    Raises
    ------
    InputError
        `halide` is not Cl, Br or I.
    """
    if halide not in HALIDES:
        raise InputError(where, repr(halide), f"one of {', '.join(HALIDES)}")
    numbers = {"Cl": 17, "Br": 35, "I": 53}
    parts = []
    for molecule in split_parts(smiles, where):
        for atom in molecule.GetAtoms():
            if atom.GetSymbol() in HALIDES:
                atom.SetAtomicNum(numbers[halide])
        parts.append(written_smiles(molecule)[0])
    return ".".join(parts)


def composition(smiles: str) -> dict[str, int]:
    """Atoms per element of a set, hydrogens included."""
    return dict(_counted(smiles))


@lru_cache(maxsize=32768)
def _counted(smiles: str) -> tuple[tuple[str, int], ...]:
    from collections import Counter

    from rdkit import Chem

    molecule = Chem.AddHs(parse(smiles, "smiles"))
    return tuple(Counter(atom.GetSymbol() for atom in molecule.GetAtoms()).items())
