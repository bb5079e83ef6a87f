"""Ionic steps on a model surface: what a change of the optimiser costs or wins, in seconds instead of core-hours.

    python -m tests.bench.steps_on_a_model

Start structures are those of the committed campaign. Ions carry point charges (damped and shifted Coulomb sum) and repel
exponentially; every molecule is GFN2-xTB in vacuum with fixed charges outwards. No physics is claimed beyond the shape
that matters to an optimiser: stiff bonds, molecules that turn, soft tilts of the lattice.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read
from ase.neighborlist import neighbor_list
from ase.units import Bohr, Hartree
from scipy.special import erfc

from peropass.engine.freedom import free_atoms, largest_force
from peropass.engine.journal import JournalStep
from peropass.engine.model_hessian import molecules_of, start_hessian
from peropass.engine.optimiser import next_positions

STARTS = Path("results/reference/cspbbr3/smoke/CsPbBr3-cubic/001-CsX/V-CsX")
LIGANDS = ("ma-br", "ethylammonium-br", "topo", "taurine", "dbsa", "water", "ethylammonium-acetate")
FMAX, LONGEST_STEP, MOST_STEPS = 0.05, 0.2, 200
RADII = {
    "Cs": 1.95,
    "Pb": 1.2,
    "Br": 1.8,
    "H": 0.95,
    "C": 1.55,
    "N": 1.4,
    "O": 1.3,
    "P": 1.7,
    "S": 1.65,
}
CHARGES = {"Cs": 0.7, "Pb": 1.1, "Br": -0.6}
SCREENED = 0.7  # of a molecule's own charges, as of the ions'
CUTOFF, DAMPING, SOFTNESS, CONTACT_EV = 10.0, 0.2, 0.33, 0.1
COULOMB = 14.3996


class ModelSurface:
    """Energy (eV) and forces (eV/Angstrom) of a structure with molecules."""

    def __init__(self, atoms: Atoms) -> None:
        from tblite.interface import Calculator

        self.atoms = atoms.copy()
        self.atoms.set_constraint()
        symbols = atoms.get_chemical_symbols()
        self.radii = np.array([RADII[s] for s in symbols])
        charges = np.array([CHARGES.get(s, 0.0) for s in symbols])
        self.group = -np.arange(1, len(atoms) + 1)
        self.molecules = []
        ligand = np.flatnonzero(atoms.arrays["fragment"] == 1)
        for members in molecules_of(Atoms(atoms.numbers[ligand], atoms.positions[ligand])):
            if len(members) == 1:
                continue
            inside = ligand[members]
            ion = 0.0
            if atoms.numbers[inside].sum() % 2:
                ion = (
                    1.0
                    if {7} <= set(atoms.numbers[inside]) and 8 not in atoms.numbers[inside]
                    else -1.0
                )
            method = Calculator(
                "GFN2-xTB", atoms.numbers[inside], atoms.positions[inside] / Bohr, charge=ion
            )
            method.set("verbosity", 0)
            charges[inside] = SCREENED * np.array(method.singlepoint().get("charges"))
            self.group[inside] = len(self.molecules)
            self.molecules.append((method, inside))
        self.charges = charges - charges.mean()

    def evaluate(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        self.atoms.positions = positions
        energy, forces = self._between()
        for method, inside in self.molecules:
            method.update(positions=positions[inside] / Bohr)
            found = method.singlepoint()
            energy += found.get("energy") * Hartree
            forces[inside] -= np.array(found.get("gradient")) * Hartree / Bohr
        return energy, forces

    def _between(self) -> tuple[float, np.ndarray]:
        i, j, vectors, d = neighbor_list("ijDd", self.atoms, CUTOFF)
        other = (self.group[i] != self.group[j]) | (d > 7.0)  # beyond 7 A an image of the molecule
        i, j, vectors, d = i[other], j[other], vectors[other], d[other]
        gauss = 2 * DAMPING / np.sqrt(np.pi)
        at_cut = erfc(DAMPING * CUTOFF) / CUTOFF
        slope = at_cut / CUTOFF + gauss * np.exp(-((DAMPING * CUTOFF) ** 2)) / CUTOFF
        strength = COULOMB * self.charges[i] * self.charges[j]
        energy = strength * (erfc(DAMPING * d) / d - at_cut + slope * (d - CUTOFF))
        change = strength * (
            slope - erfc(DAMPING * d) / d**2 - gauss * np.exp(-((DAMPING * d) ** 2)) / d
        )
        wall = CONTACT_EV * np.exp(-(d - self.radii[i] - self.radii[j]) / SOFTNESS)
        pull = 0.5 * ((change - wall / SOFTNESS) / d)[:, None] * vectors
        forces = np.zeros((len(self.atoms), 3))
        np.add.at(forces, i, pull)
        np.add.at(forces, j, -pull)
        return float(0.5 * (energy + wall).sum()), forces


def relax(atoms: Atoms) -> tuple[int, float]:
    """Ionic steps until all free forces are below FMAX, and the energy won (eV)."""
    surface, free, hessian = ModelSurface(atoms), free_atoms(atoms), start_hessian(atoms)
    positions, steps = atoms.positions.copy(), []
    while len(steps) < MOST_STEPS:
        energy, forces = surface.evaluate(positions)
        steps.append(
            JournalStep(len(steps), positions.copy(), forces, energy, energy, 0.0, 1, 0.0, "model")
        )
        if largest_force(forces, free) <= FMAX:
            break
        positions = next_positions(hessian, steps, free, LONGEST_STEP)
    return len(steps), steps[0].energy_eV - steps[-1].energy_eV


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    total = 0
    for ligand in LIGANDS:
        count, won = relax(read(STARTS / ligand / "k0" / "relax.initial.extxyz"))
        total += count
        sys.stdout.write(f"{ligand:24s} {count:4d} steps, {won:.3f} eV won\n")
        sys.stdout.flush()
    sys.stdout.write(f"{'sum':24s} {total:4d} steps\n")


if __name__ == "__main__":
    main()
