"""Equation of state of a cubic phase at the campaign's own settings, with and without dispersion.

Birch-Murnaghan (10.1103/PhysRev.71.809) through ASE. Electronic and dispersion energies are computed at the same
volumes, so the functional's own lattice constant comes for free and can be compared with published values.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.eos import EquationOfState

from peropass.engine import dispersion, gpaw_calculator
from peropass.engine.electronic import GpawEngine, Setting, ToyEngine
from peropass.engine.jobs import Job, adopted, provenance_of, structure_ref, write_structure
from peropass.engine.work import (
    RESULT,
    Progress,
    Stopwatch,
    exclusive,
    finished_result,
    work_folder,
)
from peropass.errors import EngineError
from peropass.ids import digest
from peropass.records import (
    Check,
    Energy,
    EosPoint,
    EosRecord,
    write_record,
    write_text,
)
from peropass.revisions import REVISIONS
from peropass.units import GPA_EV_PER_ANG3

STRAINS = (-0.024, -0.012, 0.0, 0.012, 0.024)  # of the lattice constant
CENTRED_WITHIN = 0.012  # the minimum must lie this close to the middle of the scanned range
MOST_SHIFTS = 6
# ASSUME points per axis times lattice constant of 40 A or more are enough for a metal: lead at 300 eV moves by 2 meV per atom from there to 50 A, by
# 10 meV from 30 A (docs/traps.md, section 7). Insulators have 24 A.
METAL_MESH_ANG = 40.0
PUBLISHED_TOLERANCE_ANG = 0.02
# Points that differ by less are flat: what a fit makes of them is rounding. A crystal of 1 GPa rises by 1e-3 eV over a scan.
FLAT_EV = 1e-6
EQUILIBRIUM = "equilibrium.extxyz"


@dataclass(frozen=True)
class Fit:
    a_ang: float
    energy_eV: float
    bulk_modulus_GPa: float


def fit(lattice_constants: list[float], energies: list[float]) -> Fit | None:
    """Birch-Murnaghan minimum of energies (eV) against cubic lattice constants (Angstrom).

    None where the points hold no minimum that the fit can find: the caller shifts its range then.
    """
    if np.ptp(energies) < FLAT_EV:
        return None
    volumes = np.asarray(lattice_constants) ** 3
    try:
        volume, energy, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit(
            warn=False
        )
    except (RuntimeError, ValueError):  # scipy: no convergence; ASE: no minimum in range
        return None
    if not np.isfinite(volume) or volume <= 0:
        return None
    return Fit(float(volume ** (1 / 3)), float(energy), float(modulus / GPA_EV_PER_ANG3))


def run(cell: Atoms, job: Job, published_a_ang: float | None, published_source: str) -> EosRecord:
    """Scan, fit and write the record. `cell` is the primitive cubic cell at a first guess.

    `published_a_ang` is the functional's value without dispersion that the result is checked against.
    """
    identity = digest(
        {
            "species": cell.get_chemical_symbols(),
            "scaled": np.round(cell.get_scaled_positions(), 8).tolist(),
            "settings": job.protocol.settings_hash,
            "kpts": job.setting.kpts,
            "revision": REVISIONS["bulk"],
        },
        length=16,
    )
    folder = work_folder(job.record, identity)
    with exclusive(folder):
        return _run_alone(cell, job, folder, identity, published_a_ang, published_source)


def _run_alone(
    cell: Atoms,
    job: Job,
    folder: Path,
    identity: str,
    published_a_ang: float | None,
    published_source: str,
) -> EosRecord:
    protocol = job.protocol
    toy = protocol.engine == "toy"
    finished = finished_result(folder, EosRecord)
    if finished is not None and (folder / EQUILIBRIUM).exists():
        finished = adopted(finished, job)
        _publish(finished, folder, job.record)
        return finished
    watch = Stopwatch(folder / "cost.json")
    progress = Progress(folder / "progress.json", job.stage)
    scan = _Scan(cell, job, folder, progress, watch)
    common = {
        "toy": toy,
        "address": job.address,
        "settings_hash": protocol.settings_hash,
        "settings": protocol.energy.model_dump(),
        "composition": dict(sorted(Counter(cell.get_chemical_symbols()).items())),
        "kpts": job.setting.kpts,
    }
    try:
        with_dispersion, bare = scan.converge()
    except EngineError as error:
        record = EosRecord(
            **common,
            status="failed",
            reason=str(error),
            provenance=provenance_of(job, identity, {}, watch),
            points=scan.points(),
        )
        write_record(record, job.record)
        return record
    equilibrium = scaled(cell, with_dispersion.a_ang)
    structure = write_structure(equilibrium, folder / EQUILIBRIUM)
    extra = dispersion.evaluate(
        equilibrium, protocol.energy.dispersion, protocol.energy.xc, pairs=True
    )
    electronic = with_dispersion.energy_eV - extra.energy_eV
    versions = {} if toy else gpaw_calculator.software(cell, protocol.energy.xc)
    record = EosRecord(
        **common,
        status="ok",
        provenance=provenance_of(job, identity, versions, watch),
        a_ang=round(with_dispersion.a_ang, 5),
        a_without_dispersion_ang=round(bare.a_ang, 5),
        bulk_modulus_GPa=round(with_dispersion.bulk_modulus_GPa, 3),
        energy=Energy(
            electronic_eV=electronic,
            free_eV=electronic,
            dispersion_eV=extra.energy_eV,
            dispersion_cs_eV=extra.cs_pairs_eV,
            total_eV=electronic + extra.energy_eV,
        ),
        points=scan.points(),
        checks=_published_check(bare.a_ang, published_a_ang, published_source),
        structure=structure_ref(structure, folder / EQUILIBRIUM, folder / "x"),
    )
    write_record(record, folder / RESULT)
    _publish(record, folder, job.record)
    progress.finish()
    return record


def points_of_one_scan(points: list[EosPoint], a_ang: float) -> list[EosPoint]:
    """The points of the scan whose centre is nearest to `a_ang`; empty where no five points make a scan.

    A record lists the points of all scans of its bulk, with and without dispersion and of centres that were shifted. Five points
    picked from two scans lie closer together and fit worse.
    """
    scans = []
    for centre in points:
        wanted = [centre.a_ang * (1 + strain) for strain in STRAINS]
        found = [min(points, key=lambda p, a=a: abs(p.a_ang - a)) for a in wanted]
        if all(abs(p.a_ang - a) < 0.0015 for p, a in zip(found, wanted, strict=True)):
            scans.append((abs(centre.a_ang - a_ang), found))
    return min(scans, key=lambda scan: scan[0])[1] if scans else []


def scaled(cell: Atoms, a_ang: float) -> Atoms:
    """`cell` with its lattice constant set to `a_ang`, fractional coordinates kept."""
    atoms = cell.copy()
    atoms.set_cell(cell.cell.array * (a_ang / cell.cell.lengths()[0]), scale_atoms=True)
    return atoms


class _Scan:
    """Energies at volumes, kept in a small file so that a killed scan continues."""

    def __init__(
        self, cell: Atoms, job: Job, folder: Path, progress: Progress, watch: Stopwatch
    ) -> None:
        self.cell, self.job, self.folder = cell, job, folder
        self.progress, self.watch = progress, watch
        self.file = folder / "points.json"
        self.known = _known_points(self.file)

    def converge(self) -> tuple[Fit, Fit]:
        """Fits with and without dispersion, each from points centred on its own minimum."""
        centre = float(self.cell.cell.lengths()[0])
        with_dispersion = self._centred(centre, lambda pair: pair[0] + pair[1])
        if self.job.protocol.energy.dispersion == "none":
            return with_dispersion, with_dispersion
        bare = self._centred(with_dispersion.a_ang * 1.012, lambda pair: pair[0])
        return with_dispersion, bare

    def _centred(self, centre: float, energy_of) -> Fit:
        for _ in range(MOST_SHIFTS):
            constants = [round(centre * (1 + strain), 3) for strain in STRAINS]
            energies = [energy_of(self._evaluate(a)) for a in constants]
            found = fit(constants, energies)
            if found is not None and abs(found.a_ang / centre - 1) <= CENTRED_WITHIN:
                return found
            inside = found is not None and abs(found.a_ang / centre - 1) < 0.1
            centre = found.a_ang if inside else constants[int(np.argmin(energies))]
        raise EngineError(
            f"equation of state: no minimum within {MOST_SHIFTS} shifted scans, last centre {centre:.3f} Angstrom"
        )

    def _evaluate(self, a_ang: float) -> list[float]:
        key = f"{a_ang:.3f}"
        if key not in self.known:
            atoms = scaled(self.cell, a_ang)
            self.progress.update(force=True, a_ang=a_ang, n_atoms=len(atoms))
            engine = self._engine()
            result = engine.evaluate(atoms)
            engine.close()
            settings = self.job.protocol.energy
            extra = dispersion.evaluate(atoms, settings.dispersion, settings.xc)
            self.known[key] = [result.electronic_eV, extra.energy_eV]
            write_text(self.file, json.dumps(self.known))
            self.watch.save()
        return self.known[key]

    def _engine(self):
        if self.job.protocol.engine == "toy":
            return ToyEngine()
        return GpawEngine(self.job.protocol, self.job.setting, self.folder, self.job.deadline_s)

    def points(self) -> list[EosPoint]:
        return [
            EosPoint(a_ang=float(a), energy_eV=round(pair[0] + pair[1], 6))
            for a, pair in sorted(self.known.items())
        ]


def _known_points(file: Path) -> dict[str, list[float]]:
    """Energies of an earlier attempt; a file that does not parse is none, and its points are computed again."""
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def bulk_setting(protocol) -> Setting:
    """k-points of a bulk cell: shifted (Gamma-free) even meshes converge faster for these insulators."""
    n = protocol.kpts_per_primitive_cell.bulk
    return Setting(slab=False, kpts=(n, n, n), gamma_centred=False)


def metal_setting(lattice_constant_ang: float) -> Setting:
    """k-points of a cubic metal: an even mesh without Gamma, dense enough for a Fermi surface, whatever the protocol's is for insulators."""
    n = 2 * math.ceil(METAL_MESH_ANG / lattice_constant_ang / 2)
    return Setting(slab=False, kpts=(n, n, n), gamma_centred=False)


def phase_setting(protocol, lengths_ang, host_a_ang: float, points: int | None = None) -> Setting:
    """k-points of a competing phase: at least as dense per length as the mesh of the cubic host; its ions move.

    `points` are those per axis of the cubic host where they shall not be the protocol's.
    """
    n = points or protocol.kpts_per_primitive_cell.bulk
    mesh = tuple(max(1, math.ceil(n * host_a_ang / length - 0.1)) for length in lengths_ang)
    return Setting(slab=False, kpts=mesh, gamma_centred=False, rigid=False)


def _published_check(found: float, published: float | None, source: str) -> list[Check]:
    if published is None:
        return []
    return [
        Check(
            name="lattice constant without dispersion",
            value=round(found, 4),
            unit="Angstrom",
            limit=f"{published:g} +- {PUBLISHED_TOLERANCE_ANG:g} ({source})",
            passed=abs(found - published) <= PUBLISHED_TOLERANCE_ANG,
        )
    ]


def _publish(record: EosRecord, folder: Path, target: Path) -> None:
    if record.structure is not None:
        file = target.parent / "eos.equilibrium.extxyz"
        file.write_bytes((folder / record.structure.file).read_bytes())
        record = record.model_copy(
            update={"structure": record.structure.model_copy(update={"file": file.name})}
        )
    write_record(record, target)
