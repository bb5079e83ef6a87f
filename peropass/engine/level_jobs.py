"""The job that computes final levels: one SCF with narrow smearing and empty bands, then extraction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms

from peropass.engine import gpaw_calculator, jobs
from peropass.engine.electronic import GpawEngine
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
from peropass.records import LevelSet, LevelsRecord, StructureRef, write_record

SLICES = "slices.npz"


def run(atoms: Atoms, job: jobs.Job) -> LevelsRecord:
    """Levels of `atoms`; a finished result with the same physics is read, not recomputed."""
    identity = digest(
        {"base": jobs.physics_hash(atoms, job), "levels": job.protocol.levels.model_dump()},
        length=16,
    )
    folder = work_folder(job.record, identity)
    with exclusive(folder):
        return _run_alone(atoms, job, folder, identity)


def _run_alone(atoms: Atoms, job: jobs.Job, folder: Path, identity: str) -> LevelsRecord:
    finished = finished_result(folder, LevelsRecord)
    if finished is not None:
        _publish_slices(folder, job.record)
        finished = jobs.adopted(finished, job)
        write_record(finished, job.record)
        return finished
    watch = Stopwatch(folder / "cost.json")
    progress = Progress(folder / "progress.json", job.stage)
    progress.update(force=True, n_atoms=len(atoms))
    try:
        found = (
            _toy_levels(atoms, job)
            if job.protocol.engine == "toy"
            else _levels(atoms, job, folder, progress)
        )
    except EngineError as error:
        progress.finish()
        return write_blocked(job, str(error), status="failed")
    toy = job.protocol.engine == "toy"
    record = LevelsRecord(
        status="ok",
        toy=toy,
        address=job.address,
        provenance=jobs.provenance_of(
            job,
            identity,
            {} if toy else gpaw_calculator.software(atoms, job.protocol.energy.xc),
            watch,
        ),
        settings_hash=job.protocol.settings_hash,
        settings={**job.protocol.energy.model_dump(), "levels": job.protocol.levels.model_dump()},
        structure=StructureRef(
            file="relax.final.extxyz",
            hash=jobs.structure_hash(atoms),
            n_atoms=len(atoms),
            composition=jobs.composition(atoms),
        ),
        **found,
    )
    write_record(record, folder / RESULT)
    _publish_slices(folder, job.record)
    write_record(record, job.record)
    progress.finish()
    return record


def slices_file(record: Path) -> Path:
    """Where the density slices of a levels record lie; they are pictures, and absent in older results."""
    return record.with_name(f"{record.name.removesuffix('.record.json')}.slices.npz")


def _publish_slices(folder: Path, record: Path) -> None:
    """Copy the slices beside the record, before it."""
    source = folder / SLICES
    if source.exists():
        target = slices_file(record)
        temporary = target.with_name(f".{target.name}.tmp")
        temporary.write_bytes(source.read_bytes())
        temporary.replace(target)


def write_blocked(job: jobs.Job, reason: str, status: str = "missing") -> LevelsRecord:
    """A levels record without levels, with the reason."""
    record = LevelsRecord(
        status=status,
        reason=reason,
        toy=job.protocol.engine == "toy",
        address=job.address,
        provenance=jobs.blocked_record(job, status, reason).provenance,
        settings_hash=job.protocol.settings_hash,
        settings=job.protocol.energy.model_dump(),
        structure=StructureRef(file="", hash="", n_atoms=0, composition={}),
        kpts=job.setting.kpts,
        cell_ang=[],
        n_electrons=0,
        atomic_potentials_eV=[],
        fixed=[],
        fragment=[],
        layer=[],
    )
    write_record(record, job.record)
    return record


def _levels(atoms: Atoms, job: jobs.Job, folder, progress: Progress) -> dict:
    from peropass.engine.levels import edge_densities, extract_levels, hse_levels

    engine = GpawEngine(
        job.protocol,
        job.setting,
        folder,
        job.deadline_s,
        lambda n, _: progress.update(scf_iteration=n),
    )
    engine.evaluate(atoms)
    wanted = job.protocol.levels
    if engine.calculator.wfs.mode == "pw":
        np.savez_compressed(folder / SLICES, **edge_densities(engine.calculator))
    listed = {
        "n_below": wanted.states_below,
        "n_above": wanted.states_above,
        "operator": wanted.spin_orbit,
    }
    found = extract_levels(engine.calculator, atoms, soc=True, **listed)
    if wanted.hse:
        found["hse_soc"] = hse_levels(engine.calculator, **listed)
    return found


def _toy_levels(atoms: Atoms, job: jobs.Job) -> dict:
    """Equally spaced levels with even weights: no physics, for tests of the graph only."""
    n, count = job.protocol.levels.states_below, len(atoms)

    def ladder(spin_orbit: bool) -> LevelSet:
        copies = 2 if spin_orbit else 1
        energies = np.repeat(
            np.concatenate([-1.0 - 0.1 * np.arange(n)[::-1], 1.0 + 0.1 * np.arange(n)]), copies
        )
        size = len(energies)
        return LevelSet(
            spin_orbit=spin_orbit,
            first_index=0,
            n_occupied=size // 2,
            energies_eV=energies.tolist(),
            filling=[1.0] * (size // 2) + [0.0] * (size // 2),
            spin=[0] * size,
            kpoint=[0] * size,
            weights=np.full((size, count, 3), 1 / (3 * count)).tolist(),
        )

    from peropass.engine.freedom import free_atoms

    free = set(free_atoms(atoms).tolist())
    return {
        "kpts": job.setting.kpts,
        "cell_ang": atoms.cell.array.tolist(),
        "symbols": atoms.get_chemical_symbols(),
        "positions_ang": np.round(atoms.positions, 6).tolist(),
        "n_electrons": int(atoms.numbers.sum()),
        "fermi_eV": 0.0,
        "vacuum_eV": [4.0, 4.0],
        "atomic_potentials_eV": [0.0] * count,
        "semicore_eV": -20.0,
        "fixed": [i for i in range(count) if i not in free],
        "fragment": atoms.arrays["fragment"].tolist(),
        "layer": atoms.arrays["layer"].tolist(),
        "scalar": ladder(False),
        "soc": ladder(True),
    }
