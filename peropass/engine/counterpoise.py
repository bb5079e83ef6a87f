"""Interaction energies in atomic orbitals, with the superposition error itemised.

Boys and Bernardi, 10.1080/00268977000101561: each fragment is computed in its own basis and in that of the whole complex, where
the atoms of the other fragment are ghosts (basis functions without nuclei, electrons or projectors).

    interaction   = E(AB) - E(A in its basis) - E(B in its basis)
    superposition = sum over fragments [ E(in the basis of AB) - E(in its basis) ]        <= 0
    corrected     = interaction - superposition
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms

from peropass.engine.electronic import GpawEngine, Setting
from peropass.engine.protocol import Protocol
from peropass.engine.spin import needs_spin
from peropass.errors import EngineError


@dataclass(frozen=True)
class Counterpoise:
    """Electronic energies in eV; fragments at the geometry of the complex, all in its cell."""

    complex_eV: float
    slab_eV: float
    ligand_eV: float
    slab_in_full_basis_eV: float | None
    ligand_in_full_basis_eV: float | None

    @property
    def interaction_eV(self) -> float:
        return self.complex_eV - self.slab_eV - self.ligand_eV

    @property
    def superposition_eV(self) -> float:
        """Zero in plane waves, which belong to the cell and not to atoms."""
        if self.slab_in_full_basis_eV is None or self.ligand_in_full_basis_eV is None:
            return 0.0
        in_full_basis = self.slab_in_full_basis_eV + self.ligand_in_full_basis_eV
        return in_full_basis - self.slab_eV - self.ligand_eV

    @property
    def corrected_eV(self) -> float:
        return self.interaction_eV - self.superposition_eV

    def itemised(self) -> dict[str, float | None]:
        """All terms and their sums, for a record."""
        sums = ("interaction_eV", "superposition_eV", "corrected_eV")
        return {**asdict(self), **{name: getattr(self, name) for name in sums}}


def needs_counterpoise(atoms: Atoms, protocol: Protocol) -> bool:
    """True for a slab with a ligand in atomic orbitals."""
    held = atoms.arrays.get("fragment")
    return (
        protocol.engine == "gpaw"
        and protocol.energy.mode == "lcao"
        and held is not None
        and set(np.unique(held)) == {0, 1}
    )


def counterpoise(
    atoms: Atoms,
    protocol: Protocol,
    setting: Setting,
    log_folder: Path,
    complex_eV: float | None = None,
) -> Counterpoise:
    """Interaction of ligand and slab, array ``fragment`` = 1 and 0, at the geometry of `atoms`.

    `complex_eV` is the electronic energy of the complex where it is known.

    Raises
    ------
    EngineError
        One of the fragments is empty, or SCF fails.
    """
    ligand = atoms.arrays["fragment"] == 1
    if ligand.all() or not ligand.any():
        raise EngineError("counterpoise: array `fragment` must hold 0 (slab) and 1 (ligand)")
    everything = np.ones(len(atoms), bool)

    def energy(name: str, chosen: np.ndarray, ghosts: np.ndarray | None = None) -> float:
        real = chosen if ghosts is None else chosen & ~ghosts
        there = replace(
            setting,
            spin_polarised=needs_spin(atoms[real]),
            ghosts=() if ghosts is None else tuple(int(i) for i in np.flatnonzero(ghosts)),
        )
        engine = GpawEngine(protocol, there, log_folder / name)
        return engine.evaluate(atoms[chosen], forces=False).electronic_eV

    orbitals = protocol.energy.mode == "lcao"
    return Counterpoise(
        complex_eV=energy("complex", everything) if complex_eV is None else complex_eV,
        slab_eV=energy("slab", ~ligand),
        ligand_eV=energy("ligand", ligand),
        slab_in_full_basis_eV=energy("slab-ghosts", everything, ligand) if orbitals else None,
        ligand_in_full_basis_eV=energy("ligand-ghosts", everything, ~ligand) if orbitals else None,
    )
