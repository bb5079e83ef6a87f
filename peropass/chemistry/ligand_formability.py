"""Formability that a ligand set stands for: the end member of a metal halide, the fit of a cation into the A site, or the host."""

from __future__ import annotations

import re
from functools import lru_cache

from peropass.chemistry.formability import assess, assess_cation_fit, assess_substitution
from peropass.chemistry.molecules import canonical_smiles, charge_of, composition
from peropass.chemistry.reaction_plan import ION_NAMES, hill_formula
from peropass.chemistry.reactions import HostIons
from peropass.errors import BuildError, PeropassError
from peropass.records import Formability

MONATOMIC_CATION = re.compile(r"\[([A-Z][a-z]?)\+(\d?)\]")
# Cations with a tabulated effective radius, by canonical SMILES.
TABULATED = {
    "[NH4+]": "NH4",
    "C[NH3+]": "MA",
    "CC[NH3+]": "EA",
    "C[NH2+]C": "DMA",
    "C[N+](C)(C)C": "TMA",
    "NC=[NH2+]": "FA",
    "NC(N)=[NH2+]": "GA",
}
ALLOY_FRACTION = 0.1


def of_ligand(ions: HostIons, smiles: str, halide: str) -> Formability:
    """t, mu and tau for one model set on a host.

    Parameters
    ----------
    ions : HostIons
        Of the host.
    smiles : str
        The model set, parts separated by dots.
    halide : str
        Halogen that the ligand brings, for the end member of a metal halide.

    Returns
    -------
    Formability
        End member CsMX3 (with the alloy at 10 % in its notes) for one metal ion that is not the host's own A or B; the
        molecular cation in place of A for one +1 cation; the host otherwise. A species without a radius leaves a note.
    """
    parts = smiles.split(".")
    metals = [
        (found[1], int(found[2] or 1))
        for part in parts
        if (found := MONATOMIC_CATION.fullmatch(part)) and found[1] != ions.a
    ]
    molecular = [
        part
        for part in parts
        if not MONATOMIC_CATION.fullmatch(part) and charge_of(part, "set") == 1
    ]
    try:
        if len(metals) == 1:
            return _end_member(ions, *metals[0], halide)
        if len(molecular) == 1 and not metals:
            return _cation_fit(ions, molecular[0])
    except PeropassError as error:
        host = assess(ions.formula)
        return host.model_copy(update={"t": None, "mu": None, "tau": None, "notes": [str(error)]})
    return assess(ions.formula)


def _end_member(ions: HostIons, symbol: str, charge: int, halide: str) -> Formability:
    whole = assess_substitution(ions.formula, symbol, charge, 1.0, halide)
    part = assess_substitution(ions.formula, symbol, charge, ALLOY_FRACTION)
    numbers = [("t", part.t), ("mu", part.mu), ("tau", part.tau)]
    shown = ", ".join(f"{name} {value:.3f}" for name, value in numbers if value is not None)
    return whole.model_copy(update={"notes": [*whole.notes, f"alloy {part.composition}: {shown}"]})


@lru_cache(maxsize=4096)
def _cation_fit(ions: HostIons, smiles: str) -> Formability:
    from rdkit import Chem
    from rdkit.Chem import AllChem

    name = TABULATED.get(canonical_smiles(smiles))
    if name:
        return assess(f"{name}{ions.b}{ions.x}3")
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    if AllChem.EmbedMolecule(molecule, randomSeed=1) != 0:
        raise BuildError(f"no 3-D structure of the cation {smiles}: its radius is unknown")
    symbols = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    masses = [atom.GetMass() for atom in molecule.GetAtoms()]
    label = ION_NAMES.get(canonical_smiles(smiles)) or hill_formula(composition(smiles))
    return assess_cation_fit(
        ions.formula, label, symbols, molecule.GetConformer().GetPositions(), masses
    )
