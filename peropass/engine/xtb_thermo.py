"""Vibrations, symmetry number and solvation of gas-phase species by GFN2-xTB: the input of free energies.

Harmonic wavenumbers come from central differences of the analytic gradient at the GFN2-xTB minimum; ALPB
(10.1021/acs.jctc.1c00471) gives the free energy of solvation at that geometry, from 1 mol/L gas to 1 mol/L solution.
Electronic energies of GFN2-xTB enter no reaction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from peropass.engine import xtb_molecules
from peropass.errors import EngineError
from peropass.ids import structure_hash
from peropass.records import Address, Check, Provenance, StructureRef, ThermoRecord
from peropass.units import ATOMIC_MASS_KG, ELEMENTARY_CHARGE_C, PLANCK_J_S, WAVENUMBER_EV

SOLVENTS = ("hexane", "toluene", "ethylacetate", "water")
RELAX_FMAX_EV_PER_ANG = 0.005
RELAX_MAX_STEPS = 600
# ASSUME imaginary modes down to -50 cm^-1 are noise of a flat minimum; a larger one means that it is none.
NOISE_WAVENUMBER_CM = 50.0
SYMMETRY_TOLERANCE_ANG = 0.1
MAX_DESCENTS = 3
DESCENT_ANG = 0.15  # of the atom that moves most
BOND_FACTOR = 1.2
_PLANCK_REDUCED_EV_S = PLANCK_J_S / (2 * np.pi) / ELEMENTARY_CHARGE_C


def describe_species(
    atoms: Atoms,
    species: str,
    smiles: str,
    address: Address,
    provenance: Provenance,
    unpaired: int = 0,
    solvents: Sequence[str] = SOLVENTS,
) -> tuple[ThermoRecord, Atoms]:
    """Relax a neutral species and collect what its free energy needs.

    Parameters
    ----------
    atoms : Atoms
        Geometry relaxed at the campaign's settings; cell and constraints are ignored. Solvation is taken at this geometry,
        because GFN2-xTB may move a proton that the campaign's functional leaves in place; vibrations at the xTB minimum.
    species, smiles : str
        Name as in the reactions, and what it is.
    unpaired : int
        Unpaired electrons; multiplicity is one more.

    Returns
    -------
    ThermoRecord
        `status` is ``failed`` or ``unconverged`` with its reason where xTB gives no minimum.
    Atoms
        The relaxed geometry (the input one after a failure).
    """
    base = {
        "address": address,
        "provenance": provenance,
        "species": species,
        "smiles": smiles,
        "method": "GFN2-xTB harmonic, ALPB",
        "multiplicity": unpaired + 1,
    }
    try:
        relaxed, modes = _true_minimum(atoms, unpaired)
        solvation = {
            solvent: solvation_free_energy(atoms, solvent, unpaired) for solvent in solvents
        }
    except EngineError as error:
        return ThermoRecord(status="failed", reason=str(error), **base), atoms
    lowest = min(modes, default=0.0)
    checks = [
        Check(
            name="relaxed on the GFN2-xTB surface",
            value=relaxed.fmax_eV_per_ang,
            unit="eV/A",
            limit=f"<= {RELAX_FMAX_EV_PER_ANG}",
            passed=relaxed.converged,
        ),
        Check(
            name="no imaginary mode",
            value=lowest,
            unit="cm^-1",
            limit=f">= -{NOISE_WAVENUMBER_CM}",
            passed=lowest >= -NOISE_WAVENUMBER_CM,
        ),
    ]
    bad = [check.name for check in checks if not check.passed]
    checks.append(_same_bonds(atoms, relaxed.atoms))
    record = ThermoRecord(
        status="unconverged" if bad else "ok",
        reason="; ".join(f"failed: {name}" for name in bad),
        structure=StructureRef(
            file="",
            hash=structure_hash(relaxed.atoms),
            n_atoms=len(relaxed.atoms),
            composition=relaxed.atoms.symbols.formula.count(),
        ),
        mass_u=float(relaxed.atoms.get_masses().sum()),
        moments_u_ang2=moments_of_inertia(relaxed.atoms),
        symmetry_number=symmetry_number(relaxed.atoms),
        wavenumbers_cm=modes,
        solvation_eV=solvation,
        checks=checks,
        **base,
    )
    return record, relaxed.atoms


def wavenumbers(atoms: Atoms, unpaired: int = 0) -> list[float]:
    """Harmonic wavenumbers at a minimum, cm^-1, ascending; imaginary ones negative. Rigid motions are projected out."""
    return _modes(atoms, unpaired)[0]


def _modes(atoms: Atoms, unpaired: int) -> tuple[list[float], np.ndarray]:
    """Wavenumbers, and the Cartesian direction of the lowest mode, shape (n, 3), largest component 1."""
    n = len(atoms)
    if n == 1:
        return [], np.zeros((1, 3))
    hessian = xtb_molecules.hessian(atoms, unpaired)
    masses = np.repeat(atoms.get_masses(), 3)
    weighted = hessian / np.sqrt(np.outer(masses, masses))
    rigid = _rigid_motions(atoms)
    projector = np.eye(3 * n) - rigid @ rigid.T
    values, vectors = np.linalg.eigh(projector @ weighted @ projector)
    internal = np.flatnonzero(np.linalg.norm(rigid.T @ vectors, axis=0) < 0.5)
    kept = values[internal]
    to_per_s2 = ELEMENTARY_CHARGE_C / 1e-20 / ATOMIC_MASS_KG
    energies_eV = _PLANCK_REDUCED_EV_S * np.sqrt(np.abs(kept) * to_per_s2)
    direction = (vectors[:, internal[0]] / np.sqrt(masses)).reshape(n, 3)
    found = [float(x) for x in np.sign(kept) * energies_eV / WAVENUMBER_EV]
    return found, direction / np.abs(direction).max()


def solvation_free_energy(atoms: Atoms, solvent: str, unpaired: int = 0) -> float:
    """ALPB free energy of solvation of a neutral species at a fixed geometry, eV. Raises EngineError."""
    in_gas = xtb_molecules.single_point(atoms, unpaired=unpaired)
    dissolved = xtb_molecules.single_point(atoms, unpaired=unpaired, solvent=solvent)
    return dissolved.energy_eV - in_gas.energy_eV


def moments_of_inertia(atoms: Atoms) -> list[float]:
    """Principal moments in u A^2, ascending; empty for an atom."""
    return [] if len(atoms) == 1 else [float(x) for x in np.sort(atoms.get_moments_of_inertia())]


def symmetry_number(atoms: Atoms) -> int:
    """Rotational symmetry number of a molecule; 1 for an atom."""
    if len(atoms) == 1:
        return 1
    from pymatgen.core import Molecule
    from pymatgen.symmetry.analyzer import PointGroupAnalyzer

    molecule = Molecule(atoms.get_chemical_symbols(), atoms.positions)
    analyser = PointGroupAnalyzer(molecule, tolerance=SYMMETRY_TOLERANCE_ANG)
    if str(analyser.sch_symbol) in ("D*h", "C*v"):
        return 2 if str(analyser.sch_symbol) == "D*h" else 1
    return int(analyser.get_rotational_symmetry_number())


def _true_minimum(atoms: Atoms, unpaired: int) -> tuple[xtb_molecules.MoleculeResult, list[float]]:
    """Relax; where an imaginary mode is left, step along it and relax again, a few times."""
    relaxed = _minimum(atoms, unpaired)
    for _ in range(MAX_DESCENTS):
        modes, direction = _modes(relaxed.atoms, unpaired)
        if not modes or modes[0] >= -NOISE_WAVENUMBER_CM:
            return relaxed, modes
        pushed = relaxed.atoms.copy()
        pushed.positions += DESCENT_ANG * direction
        relaxed = _minimum(pushed, unpaired)
    return relaxed, wavenumbers(relaxed.atoms, unpaired)


def _same_bonds(given: Atoms, relaxed: Atoms) -> Check:
    """Whether xTB kept the bonds of the geometry that it was given; a moved proton is a known trait of ion pairs."""
    from ase.neighborlist import build_neighbor_list, natural_cutoffs

    def bonds(atoms: Atoms) -> set[tuple[int, int]]:
        cutoffs = [BOND_FACTOR * c for c in natural_cutoffs(atoms)]
        near = build_neighbor_list(atoms, cutoffs, self_interaction=False, bothways=False)
        return {tuple(sorted(pair)) for pair in near.get_connectivity_matrix().keys()}

    changed = len(bonds(given) ^ bonds(relaxed))
    return Check(
        name="xTB minimum has the bonds of the geometry given",
        value=float(changed),
        unit="bonds changed",
        limit="0",
        passed=changed == 0,
    )


def _minimum(atoms: Atoms, unpaired: int) -> xtb_molecules.MoleculeResult:
    if len(atoms) == 1:
        return xtb_molecules.single_point(atoms, unpaired=unpaired)
    return xtb_molecules.relax(
        atoms,
        unpaired=unpaired,
        fmax_eV_per_ang=RELAX_FMAX_EV_PER_ANG,
        max_steps=RELAX_MAX_STEPS,
    )


def _rigid_motions(atoms: Atoms) -> np.ndarray:
    """Orthonormal mass-weighted translations and rotations, shape (3n, 5 or 6)."""
    centred = atoms.positions - atoms.get_center_of_mass()
    root = np.sqrt(atoms.get_masses())[:, None]
    motions = [(root * axis).ravel() for axis in np.eye(3)]
    motions += [(root * np.cross(axis, centred)).ravel() for axis in np.eye(3)]
    vectors, sizes, _ = np.linalg.svd(np.array(motions).T, full_matrices=False)
    return vectors[:, sizes > 1e-4 * sizes.max()]
