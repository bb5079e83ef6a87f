"""Energy and forces of one structure: the engine behind one small interface.

`GpawEngine` runs GPAW with the remedy ladder, `ToyEngine` is a pair potential for tests of the graph. Both give
electronic energies; dispersion is added by the relaxation driver, so that it stays itemised.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Interface

import numpy as np
from ase import Atoms

from peropass.engine import gpaw_calculator, gpaw_speed, paw_datasets
from peropass.engine.protocol import Protocol
from peropass.errors import DeadlineReached, EngineError
from peropass.units import HARTREE_EV


@dataclass(frozen=True)
class ElectronicResult:
    """Energies in eV, forces (n, 3) in eV/Angstrom, dipole in e*Angstrom."""

    electronic_eV: float
    free_eV: float
    forces: np.ndarray
    scf_iterations: int
    rung: str
    dipole_e_ang: tuple[float, float, float] | None = None
    magnetic_moment_muB: float | None = None
    work_functions_eV: tuple[float, float] | None = None
    n_electrons: int | None = None


class Engine(Interface):
    """What the relaxation driver asks of an engine."""

    toy: bool

    def evaluate(self, atoms: Atoms, looseness: float = 1.0) -> ElectronicResult: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Setting:
    """What kind of cell an engine works on."""

    slab: bool
    kpts: tuple[int, int, int]
    spin_polarised: bool = False
    final_levels: bool = False
    gamma_centred: bool = True
    rigid: bool = True  # of a bulk cell: its ions stay, so its point group may be used
    ghosts: tuple[int, ...] = ()  # atoms that lend their basis functions and nothing else


class GpawEngine:
    """GPAW with a remedy ladder; density and wave functions are kept between ionic steps.

    Parameters
    ----------
    protocol, setting
        Level of theory and kind of cell.
    log_folder : Path
        GPAW's text output, one file per attempt, goes here.
    deadline_s : float or None
        Unix time at which SCF stops cleanly with DeadlineReached.
    on_iteration : callable or None
        Called after each SCF iteration with the number of iterations so far (rank 0 progress).
    """

    toy = False

    def __init__(
        self,
        protocol: Protocol,
        setting: Setting,
        log_folder: Path,
        deadline_s: float | None = None,
        on_iteration: Callable[[int, float | None], None] | None = None,
    ) -> None:
        self.protocol, self.setting = protocol, setting
        self.log_folder = Path(log_folder)
        self.deadline_s, self.on_iteration = deadline_s, on_iteration
        self.rung_index = 0
        self.calculator = None
        self._iterations = 0
        self._looseness = self._looseness_of_last = 1.0

    def evaluate(
        self, atoms: Atoms, looseness: float = 1.0, forces: bool = True
    ) -> ElectronicResult:
        """Converged energy and (unless switched off: then zero) forces, climbing the ladder where SCF fails.

        `looseness` multiplies the SCF tolerances of this one evaluation: steps far from the minimum need no
        better forces than the move that they lead to. Energies that are recorded have looseness 1.

        Raises
        ------
        EngineError
            No rung converges; the message lists what each said.
        DeadlineReached
            The walltime ended during SCF.
        """
        from gpaw import KohnShamConvergenceError

        failures: list[str] = []
        while self.rung_index < len(gpaw_calculator.SCF_LADDER):
            try:
                return self._evaluate_on_rung(atoms, looseness, forces)
            except KohnShamConvergenceError as error:
                name = gpaw_calculator.SCF_LADDER[self.rung_index].name
                failures.append(f"{name}: {' '.join(str(error).split())[:80]}")
                self.rung_index += 1
                self.calculator = None
        self.rung_index = 0  # another geometry starts from the defaults
        raise EngineError("SCF did not converge on any rung (" + "; ".join(failures) + ")")

    def _evaluate_on_rung(
        self, atoms: Atoms, looseness: float, with_forces: bool
    ) -> ElectronicResult:
        rung = gpaw_calculator.SCF_LADDER[self.rung_index]
        bare = atoms.copy()
        bare.constraints = []
        if self.setting.spin_polarised and not bare.get_initial_magnetic_moments().any():
            bare.set_initial_magnetic_moments(_seeded_moments(bare))
        if self.calculator is None:
            self.calculator = self._fresh_calculator(rung, bare)
        self._iterations = 0
        self._looseness = looseness
        energy = self._energy(bare)
        free = self.calculator.get_potential_energy(bare, force_consistent=True)
        forces = self.calculator.get_forces(bare) if with_forces else np.zeros((len(bare), 3))
        return ElectronicResult(
            electronic_eV=float(energy),
            free_eV=float(free),
            forces=np.array(forces),
            scf_iterations=self._iterations,
            rung=rung.name,
            dipole_e_ang=tuple(float(x) for x in self.calculator.get_dipole_moment()),
            magnetic_moment_muB=(
                float(self.calculator.get_magnetic_moment())
                if self.setting.spin_polarised
                else None
            ),
            work_functions_eV=self._work_functions(),
            n_electrons=round(gpaw_calculator.valence_electrons(self.calculator)),
        )

    def _energy(self, atoms: Atoms) -> float:
        """Energy at the wanted tolerances, also where this very structure was converged more loosely before."""
        if self._looseness_of_last > self._looseness and self.calculator._dft is not None:
            self.calculator.dft.results.clear()
        self._looseness_of_last = self._looseness
        return self.calculator.get_potential_energy(atoms)

    def _set_tolerances(self) -> None:
        """Scale the tolerances of the SCF loop that is about to run."""
        wanted = gpaw_calculator.tolerances(self.protocol)
        for name, criterion in self.calculator.dft.scf_loop.convergence.items():
            if name in wanted:
                criterion.tol = wanted[name] * self._looseness

    def _fresh_calculator(self, rung: gpaw_calculator.Rung, atoms: Atoms):
        from gpaw.mpi import world

        parameters = gpaw_calculator.keywords(
            self.protocol,
            cell_ang=atoms.cell.array,
            slab=self.setting.slab,
            kpts=self.setting.kpts,
            spin_polarised=self.setting.spin_polarised,
            final_levels=self.setting.final_levels,
            gamma_centred=self.setting.gamma_centred,
            rigid=self.setting.rigid,
            rung=rung,
            ranks=world.size,
            ghosts=self.setting.ghosts,
            gpu=gpaw_calculator.gpu_wanted(),
        )
        if world.rank == 0:
            self.log_folder.mkdir(parents=True, exist_ok=True)
        world.barrier()
        paw_datasets.prepare(atoms.get_chemical_symbols(), self.protocol.energy.xc)
        stamp = f"{int(time.time())}-{self.rung_index}"
        calculator = gpaw_calculator.build(parameters, self.log_folder / f"gpaw-{stamp}.txt")
        calculator.hooks["scf_step"] = self._after_iteration
        if self.protocol.energy.mode == "pw":
            calculator.create_new_calculation(atoms)
            gpaw_speed.quicken(calculator)
        return calculator

    def _after_iteration(self, context) -> None:
        from gpaw.mpi import broadcast, world

        self._iterations += 1
        self._set_tolerances()
        if self.on_iteration and world.rank == 0:
            self.on_iteration(self._iterations, context.energies.total_extrapolated * HARTREE_EV)
        # rank 0 decides for all: clocks differ, and only it may know of a deadline
        over = world.rank == 0 and self.deadline_s is not None and time.time() > self.deadline_s
        if broadcast(over if world.rank == 0 else None, comm=world):
            raise DeadlineReached("walltime is nearly over; stopped after an SCF iteration")

    def close(self) -> None:
        """Give the calculator's memory back: it holds cycles, and the next job of this process would add its own."""
        if self.calculator is not None:
            self.calculator.hooks.clear()
            self.calculator = None
            gc.collect()

    def _work_functions(self) -> tuple[float, float] | None:
        if not self.setting.slab:
            return None
        # GPAW 26.7 gives the z = c face first
        top, bottom = self.calculator.dft.workfunctions()
        return float(bottom), float(top)


def _seeded_moments(atoms: Atoms) -> np.ndarray:
    """One unpaired electron spread over magnetic ions, or over all atoms if there are none."""
    magnetic = {"Mn": 5.0, "Ni": 2.0, "Cu": 1.0, "Co": 3.0, "O": 1.0}
    symbols = atoms.get_chemical_symbols()
    metals = [s for s in symbols if s in ("Mn", "Ni", "Cu", "Co")]
    if metals:
        return np.array([magnetic[s] if s in metals else 0.0 for s in symbols])
    if set(symbols) == {"O"}:
        return np.full(len(symbols), 1.0)
    return np.full(len(symbols), 1.0 / len(symbols))


TOY_STIFFNESS_EV_PER_ANG2 = 5.0
TOY_VOLUME_PER_ATOM_ANG3 = 41.0
TOY_COMPRESSION_EV_PER_ANG6 = 0.01
TOY_OFFSET_ANG = 0.05


class ToyEngine:
    """Springs to places next to where the atoms start: no physics, for tests of the graph only.

    PEROPASS_TOY_SLEEP_S slows each evaluation, so that a test can kill it halfway; PEROPASS_TOY_FAILS names an element
    whose structures fail, so that a test can watch the others go on.
    """

    toy = True

    def __init__(
        self,
        on_iteration: Callable[[int, float | None], None] | None = None,
        deadline_s: float | None = None,
    ) -> None:
        self.on_iteration, self.deadline_s = on_iteration, deadline_s

    def close(self) -> None:
        """Nothing is held."""

    def evaluate(self, atoms: Atoms, looseness: float = 1.0) -> ElectronicResult:
        """Every atom is drawn to the nearest point of a 0.2 Angstrom grid, offset by its atomic number."""
        if self.deadline_s is not None and time.time() > self.deadline_s:
            raise DeadlineReached("walltime is nearly over; stopped before an evaluation")
        time.sleep(float(os.environ.get("PEROPASS_TOY_SLEEP_S", "0")))
        if os.environ.get("PEROPASS_TOY_FAILS", "") in atoms.get_chemical_symbols():
            raise EngineError(f"toy engine was told to fail for {os.environ['PEROPASS_TOY_FAILS']}")
        offset = TOY_OFFSET_ANG * np.sin(atoms.numbers)[:, None]
        places = np.round((atoms.positions - offset) / 0.2) * 0.2 + offset
        forces = TOY_STIFFNESS_EV_PER_ANG2 * (places - atoms.positions)
        energy = 0.5 * float((forces**2).sum()) / TOY_STIFFNESS_EV_PER_ANG2 - 0.01 * float(
            atoms.numbers.sum()
        )
        if atoms.pbc.all() and len(atoms) <= 5:
            strain = atoms.get_volume() / len(atoms) - TOY_VOLUME_PER_ATOM_ANG3
            energy = TOY_COMPRESSION_EV_PER_ANG6 * strain**2 - 0.01 * float(atoms.numbers.sum())
        if self.on_iteration:
            self.on_iteration(1, energy)
        return ElectronicResult(
            energy, energy, forces, 1, "toy", n_electrons=int(atoms.numbers.sum())
        )
