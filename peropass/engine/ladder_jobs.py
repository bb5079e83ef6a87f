"""Points of convergence ladders: one setting refined, everything else as in the campaign that relaxed the structures.

Single points, but for the ladder of the mesh whose slabs are relaxed again: forces on a finer mesh are 0.3 to 0.5 eV/Angstrom where Gamma
has none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from ase import Atoms
from ase.build import make_supercell

from peropass.engine import jobs
from peropass.engine.electronic import Setting
from peropass.engine.protocol import EnergySettings, Protocol
from peropass.engine.spin import needs_spin
from peropass.errors import RecordError
from peropass.records import Address, CalculationRecord, read_record
from peropass.resources import single_point_core_s
from peropass.surfaces.thickness import add_bulk_layers

RELAXED_MESH = "relaxed_mesh"
STEPS_AGAIN = 12  # ionic steps of a slab that is relaxed again, for the estimate of its cost
DOUBLE_CELL = ((1, 1, 0), (-1, 1, 0), (0, 0, 1))


@dataclass(frozen=True)
class Start:
    """Relaxed structures of one probe: loaded slab, empty socket, molecule in its box."""

    loaded: Atoms
    socket: Atoms
    molecule: Atoms
    kpts: tuple[int, int, int]
    margin_ang: float
    a_ang: float
    layers: int


@dataclass(frozen=True)
class Point:
    """One species of one rung: what to compute and at which settings."""

    species: str
    atoms: Atoms
    protocol: Protocol
    setting: Setting
    role: str
    copies: int = 1  # of the structure in the cell; its energy is that many times too large
    relax: bool = False


def points(start: Start, protocol: Protocol, ladder: str, rung: float) -> list[Point]:
    """The three calculations behind the binding energy of one rung: loaded, socket, molecule."""
    slabs = {"loaded": start.loaded, "socket": start.socket}
    molecule, kpts, copies = start.molecule, start.kpts, 1
    if ladder == "cutoff":
        protocol = protocol.model_copy(update={"energy": at_cutoff(protocol.energy, rung)})
    elif ladder in ("k_points", RELAXED_MESH):
        kpts = (int(rung), int(rung), 1)
    elif ladder in ("copies", "lateral_cell") and rung == 2:
        slabs, copies = {name: doubled(atoms) for name, atoms in slabs.items()}, 2
    elif ladder == "vacuum":
        slabs = {name: higher(atoms, rung) for name, atoms in slabs.items()}
    elif ladder == "layers":
        pairs = (int(rung) - start.layers) // 2
        if pairs:
            slabs = {
                name: add_bulk_layers(atoms, start.a_ang, pairs) for name, atoms in slabs.items()
            }
    elif ladder == "box":
        molecule = roomier(molecule, rung - start.margin_ang)
    again = ladder == RELAXED_MESH and kpts != tuple(start.kpts)
    found = [
        Point(name, atoms, protocol, _setting(atoms, True, kpts), "slab", copies, again)
        for name, atoms in slabs.items()
    ]
    found.append(
        Point("molecule", molecule, protocol, _setting(molecule, False, (1, 1, 1)), "molecule")
    )
    return found


def at_cutoff(energy: EnergySettings, ecut_ev: float) -> EnergySettings:
    """The same settings at another cutoff, with the grid that belongs to it."""
    kept = {k: v for k, v in energy.model_dump().items() if k != "grid_spacing_ang"}
    return EnergySettings(**{**kept, "ecut_eV": float(ecut_ev)})


def doubled(slab: Atoms) -> Atoms:
    """The same structure twice in the cell whose axes are the diagonals of this square one, turned onto x and y.

    Its Gamma point holds Gamma and (1/2, 1/2) of the single cell.
    """
    atoms = make_supercell(slab, DOUBLE_CELL)
    atoms.rotate(-45, "z", rotate_cell=True)
    return atoms


def higher(slab: Atoms, by_ang: float) -> Atoms:
    """The slab in a cell that is `by_ang` higher, all of it added above."""
    atoms = slab.copy()
    cell = slab.cell.array.copy()
    cell[2, 2] += by_ang
    atoms.set_cell(cell)
    return atoms


def roomier(molecule: Atoms, by_ang: float) -> Atoms:
    """The molecule in a cubic box with `by_ang` more vacuum on every side."""
    atoms = molecule.copy()
    edge = float(molecule.cell.lengths()[0]) + 2 * by_ang
    atoms.set_cell([edge] * 3)
    atoms.positions += by_ang
    return atoms


def run(point: Point, probe: str, folder: Path, command: str = "") -> CalculationRecord:
    """Energy of one point; equal calculations of several ladders are one file and run once."""
    job = _job(point, probe, folder, command)
    return jobs.run(point.atoms, replace(job, record=record_of(point, folder)))


def record_of(point: Point, folder: Path) -> Path:
    """Where the record of a point lies, whichever probe and ladder it was computed for."""
    identity = jobs.physics_hash(point.atoms, _job(point, "none", folder))
    return folder / identity / "point.record.json"


def finished(point: Point, folder: Path) -> CalculationRecord | None:
    """The record of a point that was computed before; None if there is none or it is torn."""
    try:
        return read_record(record_of(point, folder), CalculationRecord)
    except RecordError:
        return None


def expected_core_s(point: Point) -> float:
    """Rough cost of a point, to begin with the cheapest."""
    mesh = math.prod(point.setting.kpts)
    steps = STEPS_AGAIN if point.relax else 1
    # the points of a 2x2 mesh around Gamma are their own inverses; off Gamma wave functions are complex, twice the work
    return steps * single_point_core_s(
        jobs.composition(point.atoms),
        point.atoms.get_volume(),
        point.protocol,
        1 if mesh == 1 else 2 * mesh,
    )


def _job(point: Point, probe: str, folder: Path, command: str = "") -> jobs.Job:
    return jobs.Job(
        address=Address(campaign="convergence", protocol=point.protocol.name, candidate=probe),
        protocol=point.protocol,
        record=folder,
        role=point.role,
        stage="relax" if point.relax else "fragments",
        setting=point.setting,
        relax=point.relax,
        command=command,
    )


def _setting(atoms: Atoms, slab: bool, kpts: tuple[int, int, int]) -> Setting:
    return Setting(slab=slab, kpts=kpts, spin_polarised=needs_spin(atoms))
