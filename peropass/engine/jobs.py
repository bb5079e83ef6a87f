"""The expensive steps as jobs: structure and settings in, one record out.

A job ends normally for a scientific failure and says so in the record's status; only infrastructure errors
leave as exceptions, so that a scheduler's retries mean something.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from ase import Atoms
from ase.io import read, write

from peropass import dispersion_models
from peropass.engine import beef, checks, dispersion, gpaw_calculator
from peropass.engine.counterpoise import counterpoise, needs_counterpoise
from peropass.engine.electronic import ElectronicResult, Engine, GpawEngine, Setting, ToyEngine
from peropass.engine.freedom import free_atoms, largest_force, plane_normals
from peropass.engine.journal import Journal, JournalStep
from peropass.engine.protocol import Protocol
from peropass.engine.relaxation import Relaxation, relax
from peropass.engine.work import (
    RESULT,
    Progress,
    Stopwatch,
    exclusive,
    finished_result,
    work_folder,
)
from peropass.errors import EngineError
from peropass.ids import digest, structure_hash
from peropass.records import (
    Address,
    CalculationRecord,
    Check,
    Energy,
    IonicStep,
    Provenance,
    Record,
    StructureRef,
    write_record,
    write_text,
)
from peropass.revisions import REVISIONS
from peropass.step import say
from peropass.units import BOHR_ANG, HARTREE_EV


@dataclass(frozen=True)
class Job:
    """One calculation: what, where to, and at which settings.

    `role` is slab, molecule or fragment; `stage` a key of REVISIONS.
    """

    address: Address
    protocol: Protocol
    record: Path
    role: str
    stage: str
    setting: Setting
    relax: bool
    command: str = ""
    deadline_s: float | None = None
    inputs: dict[str, str] | None = None


def physics_hash(atoms: Atoms, job: Job) -> str:
    """Identity of a calculation: structure, settings, k-points, kind and revision, and planes that atoms are held in."""
    planes = _planes(atoms)
    return digest(
        {
            "structure": structure_hash(atoms),
            "settings": job.protocol.settings_hash,
            "relax": job.protocol.relax.model_dump() if job.relax else None,
            "kpts": job.setting.kpts,
            "slab": job.setting.slab,
            "spin": job.setting.spin_polarised,
            "revision": REVISIONS[job.stage],
            **({"planes": planes} if planes else {}),
        },
        length=16,
    )


def _planes(atoms: Atoms) -> dict[int, list[float]]:
    return {index: np.round(n, 6).tolist() for index, n in plane_normals(atoms).items()}


def make_engine(job: Job, folder: Path, on_iteration) -> Engine:
    """The engine that the protocol names."""
    if job.protocol.engine == "toy":
        return ToyEngine(on_iteration, job.deadline_s)
    return GpawEngine(job.protocol, job.setting, folder, job.deadline_s, on_iteration)


def structure_ref(atoms: Atoms, path: Path, record: Path) -> StructureRef:
    """Describe a structure file that stands in the record's folder."""
    return StructureRef(
        file=str(path.relative_to(record.parent)),
        hash=structure_hash(atoms),
        n_atoms=len(atoms),
        composition=composition(atoms),
    )


def composition(atoms: Atoms) -> dict[str, int]:
    """Atoms per element, sorted by symbol."""
    return dict(sorted(Counter(atoms.get_chemical_symbols()).items()))


def write_structure(atoms: Atoms, path: Path) -> Atoms:
    """Write extended XYZ by rename and return the structure as it reads back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.extxyz")
    bare = atoms.copy()
    bare.calc = None
    bare.positions = np.round(bare.positions, 7)
    write(temporary, bare, format="extxyz", parallel=False)
    temporary.replace(path)
    # only the first rank is here: ASE must not wait for the others
    return read(path, format="extxyz", parallel=False)


def run(atoms: Atoms, job: Job) -> CalculationRecord:
    """Relax or evaluate `atoms` and write the record; a finished result is read, not recomputed.

    Raises
    ------
    DeadlineReached
        Walltime is nearly over: run the same job again to continue.
    OSError
        The disk or another resource failed.
    """
    rank, size = _mpi(job.protocol)
    identity = physics_hash(atoms, job)
    folder = work_folder(job.record, identity)
    with exclusive(folder, active=rank == 0):
        _barrier(job.protocol)
        return _run_alone(atoms, job, folder, identity, rank, size)


def _run_alone(
    atoms: Atoms, job: Job, folder: Path, identity: str, rank: int, size: int
) -> CalculationRecord:
    finished = finished_result(folder, CalculationRecord)
    if finished is not None and _structures_are_there(finished, folder):
        return _publish(finished, folder, job, writable=rank == 0)
    progress = Progress(folder / "progress.json", job.stage, active=rank == 0)
    watch = Stopwatch(folder / "cost.json", cores=size, writable=rank == 0)
    progress.update(
        force=True, address="/".join(job.address.model_dump().values()), n_atoms=len(atoms)
    )
    record = _compute(atoms, job, folder, identity, progress, watch, rank)
    progress.finish()
    if rank == 0:
        write_record(record, folder / RESULT)
    return _publish(record, folder, job, writable=rank == 0)


def _structures_are_there(record: CalculationRecord, folder: Path) -> bool:
    references = [ref for ref in (record.initial, record.final) if ref is not None]
    return all((folder / ref.file).exists() for ref in references)


def _barrier(protocol: Protocol) -> None:
    if protocol.engine != "toy":
        from gpaw.mpi import world

        world.barrier()


def _mpi(protocol: Protocol) -> tuple[int, int]:
    if protocol.engine == "toy":
        return 0, 1
    from gpaw.mpi import world

    return world.rank, world.size


def _compute(
    atoms: Atoms,
    job: Job,
    folder: Path,
    identity: str,
    progress: Progress,
    watch: Stopwatch,
    rank: int,
) -> CalculationRecord:
    initial_file = folder / "initial.extxyz"
    if rank == 0:
        write_structure(atoms, initial_file)

    def on_iteration(iteration: int, energy_ev: float | None) -> None:
        progress.update(scf_iteration=iteration, scf_energy_eV=energy_ev)

    def on_step(count: int, step: JournalStep, fmax: float) -> None:
        watch.save()
        say(
            f"{job.stage} step {count}: {step.energy_eV:.4f} eV, largest force {fmax:.3f} eV/Angstrom, "
            f"{step.scf_iterations} SCF iterations, {step.seconds:.1f} s"
        )
        progress.update(
            force=True,
            ionic_step=count,
            energy_eV=step.energy_eV,
            fmax_eV_per_ang=fmax,
            scf_iteration=0,
        )

    engine = make_engine(job, folder, on_iteration)
    journal = Journal(folder / "journal.jsonl", identity, writable=rank == 0)
    if journal.steps:
        say(
            f"{job.stage}: continues after ionic step {len(journal.steps)} of {journal.path.parent.name}"
        )
    common = _common_fields(atoms, job, identity, watch, initial_file)
    try:
        result = relax(
            atoms,
            job.protocol,
            engine,
            journal,
            max_steps=None if job.relax else 0,
            on_step=on_step,
        )
        return _finished_record(atoms, job, folder, result, engine, common, rank, watch)
    except EngineError as error:
        return CalculationRecord(
            **common,
            status="failed",
            reason=str(error),
            ionic_steps=len(journal.steps),
            history=_history(journal.steps, atoms),
        )
    finally:
        engine.close()


def _common_fields(
    atoms: Atoms, job: Job, identity: str, watch: Stopwatch, initial_file: Path
) -> dict:
    toy = job.protocol.engine == "toy"
    versions = {} if toy else gpaw_calculator.software(atoms, job.protocol.energy.xc)
    return {
        "kind": "relax" if job.relax else "single-point",
        "toy": toy,
        "address": job.address,
        "provenance": provenance_of(job, identity, versions, watch),
        "role": job.role,
        "settings_hash": job.protocol.settings_hash,
        "settings": job.protocol.energy.model_dump(),
        "kpts": job.setting.kpts,
        "cell_ang": np.round(atoms.cell.array, 8).tolist(),
        "initial": StructureRef(
            file="initial.extxyz",
            hash=structure_hash(atoms),
            n_atoms=len(atoms),
            composition=composition(atoms),
        ),
        "planes": _planes(atoms),
    }


def provenance_of(
    job: Job, identity: str, versions: dict[str, str], watch: Stopwatch
) -> Provenance:
    return Provenance(
        revision=REVISIONS[job.stage],
        physics_hash=identity,
        inputs=job.inputs or {},
        versions=versions,
        started_utc=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        command=job.command,
        cores=watch.cores,
        **watch.read(),
    )


def _history(steps: list[JournalStep], atoms: Atoms) -> list[IonicStep]:
    free = free_atoms(atoms)
    return [
        IonicStep(
            energy_eV=round(step.energy_eV, 6),
            fmax_eV_per_ang=round(largest_force(step.forces, free), 5),
            scf_iterations=step.scf_iterations,
            seconds=round(step.seconds, 2),
        )
        for step in steps
    ]


def _finished_record(
    atoms: Atoms,
    job: Job,
    folder: Path,
    result: Relaxation,
    engine: Engine,
    common: dict,
    rank: int,
    watch: Stopwatch,
) -> CalculationRecord:
    last = result.last
    found_checks: list[Check] = []
    if last is None:
        # every step was in the journal already: one fresh SCF confirms the last of them
        last = engine.evaluate(result.atoms)
        found_checks.append(_fresh_energy_check(last, result.steps[-1]))
    if rank == 0:
        write_structure(result.atoms, folder / "final.extxyz")
    if job.relax:
        found_checks.append(
            checks.force_check(result.fmax_eV_per_ang, job.protocol.relax.fmax_eV_per_ang)
        )
        tolerance = job.protocol.energy.energy_tolerance_eV_per_electron * (last.n_electrons or 0)
        found_checks += checks.energy_checks(result.steps, tolerance)
        found_checks += _plane_checks(result.atoms, job, last)
    if isinstance(engine, GpawEngine):
        found_checks += _engine_checks(result.atoms, job, engine, last)
    energy = energy_of(result.atoms, job, result.steps[-1], last, folder)
    failed = [check.name for check in found_checks if not check.passed]
    status, reason = "ok", ""
    if not result.converged and job.relax:
        status, reason = (
            "unconverged",
            f"largest force {result.fmax_eV_per_ang:.3f} eV/Angstrom after {len(result.steps) - 1} steps",
        )
    elif failed:
        status, reason = "unconverged", "check failed: " + ", ".join(failed)
    return CalculationRecord(
        **{**common, "provenance": common["provenance"].model_copy(update=watch.read())},
        status=status,
        reason=reason,
        final=StructureRef(
            file="final.extxyz",
            hash=structure_hash(result.atoms),
            n_atoms=len(result.atoms),
            composition=common["initial"].composition,
        ),
        energy=energy,
        dispersion_models_eV=_dispersion_models(result.atoms, job, energy),
        n_electrons=last.n_electrons,
        magnetic_moment_muB=last.magnetic_moment_muB,
        dipole_e_ang=list(last.dipole_e_ang) if last.dipole_e_ang else None,
        work_functions_eV=list(last.work_functions_eV) if last.work_functions_eV else None,
        ensemble_eV=_ensemble(job, engine),
        fmax_eV_per_ang=result.fmax_eV_per_ang,
        ionic_steps=len(result.steps),
        scf_iterations=sum(step.scf_iterations for step in result.steps),
        history=_history(result.steps, atoms),
        remedies=result.remedies,
        checks=found_checks,
    )


def _plane_checks(atoms: Atoms, job: Job, last: ElectronicResult) -> list[Check]:
    """What pushes atoms out of the planes that they are held in."""
    normals = plane_normals(atoms)
    if not normals:
        return []
    settings = job.protocol.energy
    forces = last.forces + dispersion.evaluate(atoms, settings.dispersion, settings.xc).forces
    return [checks.plane_check(max((float(forces[i] @ n) for i, n in normals.items()), key=abs))]


def _dispersion_models(atoms: Atoms, job: Job, energy: Energy) -> dict[str, float]:
    """Dispersion energy by each model, for the spread that a reaction shows; none beside the toy engine."""
    if job.protocol.engine == "toy":
        return {}
    settings = job.protocol.energy
    return dispersion_models.of_structure(
        atoms, settings.dispersion, energy.dispersion_eV, settings.xc
    )


def _ensemble(job: Job, engine: Engine) -> list[float]:
    """Modes of the functional's own error ensemble, where it has one."""
    if job.protocol.energy.xc != beef.FUNCTIONAL or not isinstance(engine, GpawEngine):
        return []
    return beef.ensemble_modes(engine.calculator)


def energy_of(
    atoms: Atoms, job: Job, step: JournalStep, last: ElectronicResult, folder: Path = Path()
) -> Energy:
    """Itemised energy of the final structure; molecules get their dipole term, LCAO its counterpoise."""
    extra = dispersion.evaluate(
        atoms, job.protocol.energy.dispersion, job.protocol.energy.xc, pairs=True
    )
    dipole = 0.0
    if job.role == "molecule" and last.dipole_e_ang is not None:
        dipole = makov_payne_dipole(np.array(last.dipole_e_ang), float(atoms.cell.lengths()[0]))
    basis = 0.0
    if needs_counterpoise(atoms, job.protocol):
        found = counterpoise(atoms, job.protocol, job.setting, folder, step.electronic_eV)
        basis = -found.superposition_eV
    electronic = round(step.electronic_eV, 8)
    shares = round(extra.energy_eV, 8), round(dipole, 8), round(basis, 8)
    return Energy(
        electronic_eV=electronic,
        free_eV=round(step.free_eV, 8),
        dispersion_eV=shares[0],
        dispersion_cs_eV=round(extra.cs_pairs_eV, 8),
        dipole_eV=shares[1],
        counterpoise_eV=shares[2],
        total_eV=electronic + sum(shares),
    )


def makov_payne_dipole(dipole_e_ang: np.ndarray, box_ang: float) -> float:
    """Energy to add to a neutral molecule in a cubic periodic box, eV: 2 pi mu^2 / (3 L^3).

    Makov and Payne, 10.1103/PhysRevB.51.4014, equation 15 for zero charge; leaves an error of order L^-5.
    """
    mu = np.asarray(dipole_e_ang) / BOHR_ANG
    return float(2 * np.pi * (mu @ mu) / (3 * (box_ang / BOHR_ANG) ** 3)) * HARTREE_EV


def _fresh_energy_check(last: ElectronicResult, step: JournalStep) -> Check:
    difference = abs(last.electronic_eV - step.electronic_eV)
    return Check(
        name="fresh SCF against journal",
        value=round(difference, 6),
        unit="eV",
        limit="<= 0.002",
        passed=difference <= 0.002,
    )


def _engine_checks(
    atoms: Atoms, job: Job, engine: GpawEngine, last: ElectronicResult
) -> list[Check]:
    found = []
    calculator = engine.calculator
    if job.setting.slab:
        window = vacuum_window(calculator, atoms)
        found.append(checks.vacuum_check(*window))
        height = float(atoms.cell.lengths()[2])
        found.append(checks.dipole_layer_check(atoms.positions[:, 2], height))
    found.append(checks.electron_check(last, expected_electrons(atoms, calculator)))
    return found


def expected_electrons(atoms: Atoms, calculator) -> int:
    """Valence electrons of a neutral cell, from the datasets' own valence."""
    per_atom = [setup.Nv for setup in calculator.dft.setups]
    return int(round(sum(per_atom)))


def vacuum_window(calculator, atoms: Atoms) -> tuple[np.ndarray, float]:
    """Plane-averaged electrostatic potential (eV) in the middle half of the vacuum above the slab."""
    potential = calculator.get_electrostatic_potential()
    profile = np.asarray(potential).mean(axis=(0, 1))
    height = float(atoms.cell.lengths()[2])
    spacing = height / len(profile)
    z = np.arange(len(profile)) * spacing
    top = float(atoms.positions[:, 2].max())
    low, high = top + 0.55 * (height - top), height - 1.5
    chosen = profile[(z >= low) & (z <= high)]
    return chosen, spacing


R = TypeVar("R", bound=Record)


def adopted(record: R, job: Job) -> R:
    """A result as this job's own: one that was taken over from another campaign keeps all but its place and command."""
    provenance = record.provenance.model_copy(update={"command": job.command})
    return record.model_copy(update={"address": job.address, "provenance": provenance})


def _publish(
    record: CalculationRecord, folder: Path, job: Job, writable: bool
) -> CalculationRecord:
    """Copy the finished result beside its work folder: structures first, the declared record last."""
    stem = job.record.name.removesuffix(".record.json")
    references: dict[str, StructureRef] = {}
    for field, ref in (("initial", record.initial), ("final", record.final)):
        if ref is None:
            continue
        target = job.record.parent / f"{stem}.{field}.extxyz"
        if field == "final" and record.kind == "single-point" and "initial" in references:
            target = target.with_name(references["initial"].file)  # nothing has moved: one file
        elif writable:
            write_text(target, (folder / f"{field}.extxyz").read_text(encoding="utf-8"))
        references[field] = ref.model_copy(update={"file": target.name})
    published = adopted(record, job).model_copy(update=references)
    if writable:
        write_record(published, job.record)
    return published


def blocked_record(job: Job, status: str, reason: str) -> CalculationRecord:
    """Record of a calculation that could not start because an earlier step has no usable result."""
    return CalculationRecord(
        kind="relax" if job.relax else "single-point",
        status=status,
        reason=reason,
        toy=job.protocol.engine == "toy",
        address=job.address,
        provenance=Provenance(
            revision=REVISIONS[job.stage], physics_hash="none", command=job.command
        ),
        role=job.role,
        settings_hash=job.protocol.settings_hash,
        settings=job.protocol.energy.model_dump(),
        kpts=job.setting.kpts,
    )


def with_anomalies(
    record: CalculationRecord, path: Path, detect: Callable[[Atoms, Atoms], list[str]]
) -> CalculationRecord:
    """Compare the structures before and after; an anomalous record never ranks."""
    folder = Path(path).parent
    initial, final = (
        read(folder / ref.file, format="extxyz") for ref in (record.initial, record.final)
    )
    found = detect(initial, final)
    if not found:
        return record
    record = record.model_copy(
        update={"status": "anomalous", "reason": "; ".join(found), "anomalies": list(found)}
    )
    write_record(record, path)
    return record
