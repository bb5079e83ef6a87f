"""GFN2-xTB of single molecules and ion pairs by tblite: energy, forces, dipole, relaxation.

GFN2-xTB: 10.1021/acs.jctc.8b01176; ALPB solvation: 10.1021/acs.jctc.1c00471. These energies order
conformers and feed descriptors; none of them enters the ranking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from peropass.errors import EngineError
from peropass.units import BOHR_ANG, BOLTZMANN_EV_PER_K, DEBYE_E_ANG, HARTREE_EV

RELAX_FMAX_EV_PER_ANG = 0.03
RELAX_MAX_STEPS = 300
MAX_STEP_ANG = 0.2
DISPLACEMENT_ANG = 0.01
# ASSUME electronic temperatures (K), tried in turn: 300 K is GFN2's own default; open d shells and stretched
# ion pairs often converge only when occupations are smeared further.
ELECTRONIC_TEMPERATURES_K = (300.0, 1000.0, 3000.0)


@dataclass(frozen=True)
class MoleculeResult:
    """GFN2-xTB result of one molecule.

    Attributes
    ----------
    atoms : Atoms
        Geometry that the numbers belong to (Angstrom), no cell, no calculator.
    energy_eV : float
        Total energy; electronic part as GFN2 defines it, solvation included where asked for.
    dipole_debye : ndarray, shape (3,)
        Dipole moment from the negative to the positive end; depends on the origin for a charged set.
    fmax_eV_per_ang : float
        Largest atomic force.
    converged : bool
        True for a single point; for a relaxation, whether the force criterion was met.
    """

    atoms: Atoms
    energy_eV: float
    dipole_debye: np.ndarray
    fmax_eV_per_ang: float
    converged: bool


def single_point(
    atoms: Atoms, charge: int = 0, unpaired: int = 0, solvent: str | None = None
) -> MoleculeResult:
    """GFN2-xTB energy, largest force and dipole of `atoms` (charge in e, `unpaired` electrons).

    Raises
    ------
    EngineError
        tblite does not converge or refuses the input at every electronic temperature.
    """
    surface = Surface(atoms.numbers, charge, unpaired, solvent)
    energy, forces, dipole = surface.evaluate(atoms.positions)
    return MoleculeResult(_bare(atoms), energy, dipole, _fmax(forces), True)


def hessian(atoms: Atoms, unpaired: int = 0) -> np.ndarray:
    """Second derivatives of the GFN2-xTB energy of a neutral molecule, shape (3n, 3n), eV/Angstrom^2, symmetrised.

    Central differences of the analytic gradient.

    Raises
    ------
    EngineError
        As for `single_point`, at any displacement.
    """
    surface = Surface(atoms.numbers, 0, unpaired, None)
    start = atoms.positions
    rows = np.zeros((start.size, start.size))
    for k in range(start.size):
        forces = []
        for sign in (1, -1):
            moved = start.copy()
            moved.flat[k] += sign * DISPLACEMENT_ANG
            forces.append(surface.evaluate(moved)[1].ravel())
        rows[k] = (forces[1] - forces[0]) / (2 * DISPLACEMENT_ANG)
    return (rows + rows.T) / 2


def relax(
    atoms: Atoms,
    charge: int = 0,
    unpaired: int = 0,
    solvent: str | None = None,
    fmax_eV_per_ang: float = RELAX_FMAX_EV_PER_ANG,
    max_steps: int = RELAX_MAX_STEPS,
) -> MoleculeResult:
    """Relax all atoms of a molecule on the GFN2-xTB surface; atom order is kept.

    Raises
    ------
    EngineError
        As for `single_point`, at any step.
    """
    from ase.optimize import BFGS

    relaxed = _bare(atoms)
    relaxed.calc = _calculator_class()(Surface(relaxed.numbers, charge, unpaired, solvent))
    with BFGS(relaxed, logfile=None, maxstep=MAX_STEP_ANG) as optimiser:
        converged = optimiser.run(fmax=fmax_eV_per_ang, steps=max_steps)
    energy, dipole = relaxed.calc.results["energy"], relaxed.calc.results["dipole_debye"]
    forces = relaxed.get_forces()
    return MoleculeResult(_bare(relaxed), float(energy), dipole, _fmax(forces), bool(converged))


class Surface:
    """Potential energy surface of one species; keeps the tblite handle between geometries."""

    def __init__(self, numbers, charge: int, unpaired: int, solvent: str | None) -> None:
        self.numbers = np.asarray(numbers)
        self.charge, self.unpaired, self.solvent = charge, unpaired, solvent
        self._handle = None
        self._guess = None

    def evaluate(self, positions_ang) -> tuple[float, np.ndarray, np.ndarray]:
        """Energy (eV), forces (eV/A, shape (n, 3)) and dipole (debye, shape (3,))."""
        from tblite.exceptions import TBLiteRuntimeError

        reason = ""
        for temperature_K in ELECTRONIC_TEMPERATURES_K:
            try:
                handle = self._prepared(positions_ang, temperature_K)
                result = handle.singlepoint(self._guess)
            except (TBLiteRuntimeError, ValueError) as error:
                reason, self._handle, self._guess = str(error), None, None
                continue
            self._guess = result
            return (
                float(result.get("energy")) * HARTREE_EV,
                -np.asarray(result.get("gradient")) * HARTREE_EV / BOHR_ANG,
                np.asarray(result.get("dipole")) * BOHR_ANG / DEBYE_E_ANG,
            )
        raise EngineError(
            f"GFN2-xTB failed at every electronic temperature: {' '.join(reason.split())}"
        )

    def _prepared(self, positions_ang, temperature_K: float):
        from tblite.interface import Calculator

        positions = np.asarray(positions_ang) / BOHR_ANG
        if self._handle is None:
            handle = Calculator(
                "GFN2-xTB", self.numbers, positions, charge=self.charge, uhf=self.unpaired
            )
            handle.set("verbosity", 0)
            handle.set("temperature", temperature_K * BOLTZMANN_EV_PER_K / HARTREE_EV)
            if self.solvent is not None:
                handle.add("alpb-solvation", self.solvent)
            self._handle = handle
        else:
            self._handle.update(positions=positions)
        return self._handle


def _calculator_class():
    """ASE calculator over a `Surface`; made on demand so that importing this module stays cheap."""
    from ase.calculators.calculator import Calculator, all_changes

    class SurfaceCalculator(Calculator):
        implemented_properties = ["energy", "forces"]

        def __init__(self, surface: Surface) -> None:
            super().__init__()
            self.surface = surface

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            energy, forces, dipole = self.surface.evaluate(self.atoms.positions)
            self.results = {"energy": energy, "forces": forces, "dipole_debye": dipole}

    return SurfaceCalculator


def _bare(atoms: Atoms) -> Atoms:
    return Atoms(numbers=atoms.numbers, positions=atoms.positions)


def _fmax(forces: np.ndarray) -> float:
    return float(np.sqrt((forces**2).sum(axis=1).max()))
