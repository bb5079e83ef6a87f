"""Relax a structure: engine + dispersion + quasi-Newton steps, resumable at every ionic step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms

from peropass.engine import dispersion
from peropass.engine.electronic import ElectronicResult, Engine
from peropass.engine.freedom import (
    confined,
    free_atoms,
    largest_force,
    plane_normals,
    within_planes,
)
from peropass.engine.journal import Journal, JournalStep
from peropass.engine.model_hessian import pair_spring_hessian, start_hessian
from peropass.engine.optimiser import next_positions
from peropass.engine.protocol import Protocol
from peropass.errors import EngineError

DIVERGED_FORCE_EV_PER_ANG = 50.0
MOST_LOOSE = 10.0  # largest factor on the SCF tolerances
RETREATS = (0.3, 0.1)  # shares of the largest step that are tried where a step led into trouble
CUT = "step cut to"
CLOSEST_PAIR = 0.55  # of the sum of covalent radii; below this a geometry is lost, not strained


@dataclass
class Relaxation:
    """What a relaxation ended with. `atoms` carry no calculator."""

    atoms: Atoms
    converged: bool
    steps: list[JournalStep]
    resumed_from: int
    last: ElectronicResult | None
    remedies: list[str] = field(default_factory=list)

    @property
    def fmax_eV_per_ang(self) -> float:
        return largest_force(self.steps[-1].forces, free_atoms(self.atoms))


def relax(
    atoms: Atoms,
    protocol: Protocol,
    engine: Engine,
    journal: Journal,
    *,
    max_steps: int | None = None,
    on_step: Callable[[int, JournalStep, float], None] | None = None,
) -> Relaxation:
    """Relax the free atoms of `atoms`, those on a plane within it, until the largest force is below fmax.

    Continues after the last whole step of `journal`; a finished step is never computed again. `max_steps` of zero
    evaluates the structure once (single point). The last step is one at the protocol's own tolerances from a fresh start of
    the density; where its forces are above the limit after all, the relaxation goes on.

    Raises
    ------
    EngineError
        SCF fails on every rung, forces diverge, or atoms collapse onto each other, also after shorter steps.
    DeadlineReached
        From the engine; everything finished is in the journal.
    """
    free = free_atoms(atoms)
    limit = protocol.relax.max_steps if max_steps is None else max_steps
    remedies: list[str] = []
    resumed_from = len(journal.steps)
    if resumed_from:
        remedies.append(f"continued from ionic step {resumed_from} of the journal")
    if journal.dropped_lines:
        remedies.append(f"dropped {journal.dropped_lines} torn line(s) of the journal")
    last: ElectronicResult | None = None
    hessian: np.ndarray | None = None
    while True:
        if journal.steps:
            fmax = largest_force(journal.steps[-1].forces, free)
            converged = fmax <= protocol.relax.fmax_eV_per_ang
            tight = journal.steps[-1].looseness == 1.0
            ends = converged or len(journal.steps) > limit
            if ends and tight:
                break
            if ends:
                # the energy and forces that are recorded come from a fresh SCF: a warm one stops after two iterations
                # near where it was, and knows of no other electronic state
                engine.close()
                positions, looseness = journal.steps[-1].positions, 1.0
            else:
                if hessian is None:
                    hessian = _first_hessian(atoms, journal.steps[0], protocol)
                positions = next_positions(
                    hessian,
                    journal.steps,
                    free,
                    protocol.relax.max_step_ang,
                    plane_normals(atoms),
                )
                looseness = looseness_of(fmax, protocol)
        else:
            positions = atoms.positions.copy()
            looseness = 1.0 if limit == 0 else MOST_LOOSE
        step, last = _step_or_retreat(
            atoms, positions, protocol, engine, journal.steps, free, looseness
        )
        journal.append(step)
        if on_step:
            on_step(len(journal.steps), step, largest_force(step.forces, free))
    relaxed = atoms.copy()
    relaxed.positions = journal.steps[-1].positions
    remedies += remedies_of(journal.steps)
    return Relaxation(relaxed, converged, journal.steps, resumed_from, last, remedies)


def _first_hessian(atoms: Atoms, first: JournalStep, protocol: Protocol) -> np.ndarray:
    start = atoms.copy()
    start.positions = first.positions
    model = pair_spring_hessian(start) if protocol.engine == "toy" else start_hessian(start)
    return confined(model, plane_normals(atoms))


def remedies_of(steps: list[JournalStep]) -> list[str]:
    """What the steps needed beyond the defaults, also those of an attempt that was killed."""
    found: dict[str, None] = {}
    for step in steps:
        scf, _, cut = step.rung.partition(f"; {CUT}")
        if scf not in ("defaults", "toy"):
            found[f"SCF remedy: {scf}"] = None
        if cut:
            found[f"geometry remedy: {CUT}{cut}"] = None
    return list(found)


def looseness_of(fmax: float, protocol: Protocol) -> float:
    """Factor on the SCF tolerances of the next step: 1 at the force limit, MOST_LOOSE far from it."""
    return float(np.clip(fmax / protocol.relax.fmax_eV_per_ang, 1.0, MOST_LOOSE))


def _step_or_retreat(
    atoms: Atoms,
    positions: np.ndarray,
    protocol: Protocol,
    engine: Engine,
    steps: list[JournalStep],
    free: np.ndarray,
    looseness: float,
) -> tuple[JournalStep, ElectronicResult]:
    """The next step, or a shorter one from a fresh Hessian where the engine cannot follow.

    Trouble is whatever raises EngineError: diverged forces, atoms on top of each other, SCF that no rung converges. Which
    steps are tried follows from the journal alone, so a run that was killed tries the same ones.
    """
    try:
        return _ionic_step(atoms, positions, protocol, engine, len(steps), looseness)
    except EngineError as error:
        if not steps:
            raise
        trouble = error
    fresh = _first_hessian(atoms, steps[-1], protocol)
    for share in RETREATS:
        cap = share * protocol.relax.max_step_ang
        shorter = next_positions(fresh, steps[-1:], free, cap, plane_normals(atoms))
        try:
            step, last = _ionic_step(atoms, shorter, protocol, engine, len(steps), looseness)
        except EngineError as error:
            trouble = error
            continue
        return replace(step, rung=f"{step.rung}; {CUT} {cap:.3g} A"), last
    raise trouble


def _ionic_step(
    atoms: Atoms,
    positions: np.ndarray,
    protocol: Protocol,
    engine: Engine,
    index: int,
    looseness: float,
) -> tuple[JournalStep, ElectronicResult]:
    current = atoms.copy()
    current.positions = positions
    refuse_lost_geometry(current)
    start = time.monotonic()
    result = engine.evaluate(current, looseness)
    extra = dispersion.evaluate(current, protocol.energy.dispersion, protocol.energy.xc)
    forces = within_planes(result.forces + extra.forces, plane_normals(atoms))
    if not np.isfinite(forces).all() or np.abs(forces).max() > DIVERGED_FORCE_EV_PER_ANG:
        raise EngineError(
            f"forces diverged at ionic step {index}: largest component {np.abs(forces).max():.1f} eV/Angstrom,"
            f" allowed {DIVERGED_FORCE_EV_PER_ANG}"
        )
    step = JournalStep(
        index=index,
        positions=positions,
        forces=forces,
        electronic_eV=result.electronic_eV,
        free_eV=result.free_eV,
        dispersion_eV=extra.energy_eV,
        scf_iterations=result.scf_iterations,
        seconds=time.monotonic() - start,
        rung=result.rung,
        looseness=looseness,
    )
    return step, result


def refuse_lost_geometry(atoms: Atoms) -> None:
    """Raise EngineError when two atoms are closer than CLOSEST_PAIR of the sum of covalent radii."""
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list

    i, j, d = neighbor_list("ijd", atoms, 2.0)
    if not len(i):
        return
    ratio = d / (covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]])
    worst = int(np.argmin(ratio))
    if ratio[worst] < CLOSEST_PAIR:
        a, b = int(i[worst]), int(j[worst])
        raise EngineError(
            f"atoms {a} ({atoms.symbols[a]}) and {b} ({atoms.symbols[b]}) are {d[worst]:.2f} Angstrom apart, "
            f"{ratio[worst]:.2f} of the sum of their covalent radii; allowed >= {CLOSEST_PAIR}"
        )
