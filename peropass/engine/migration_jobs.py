"""The job that relaxes a path between two relaxed ends and gives it a barrier.

Tier `screen`: the band moves the hopping ion alone, by GFN1-xTB, while all others follow the interpolation between ends
that DFT has relaxed; at its highest image DFT then relaxes everything, the hopping ion within the plane across its path, and the
barrier is DFT there against DFT at the ends. A saddle at which the ion is pushed along its path is refused. Tier `production`: the band is DFT throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.constraints import FixAtoms, FixedPlane
from ase.geometry import find_mic
from ase.io import read

from peropass.config import MigrationSettings
from peropass.engine import checks, dispersion, jobs
from peropass.engine.image_pool import ImagePool
from peropass.engine.migration import Band, BandSettings, relax_band
from peropass.engine.work import (
    RESULT,
    Progress,
    Stopwatch,
    exclusive,
    finished_result,
    work_folder,
)
from peropass.engine.xtb import FrozenSlabXtb
from peropass.errors import BuildError, EngineError
from peropass.ids import digest
from peropass.records import (
    BandRecord,
    CalculationRecord,
    Check,
    HopRecord,
    MigrationPath,
    write_record,
)
from peropass.revisions import REVISIONS

# ASSUME a path by GFN1-xTB, in which a free slab would fall apart, finds how far along its path the hopping ion is at the saddle when
# only that ion is relaxed. Nothing else of it is used: where the ion is across its path, and all around it, follows from DFT.
PATH_METHOD = "GFN1-xTB"
CLIMB_FACTOR = 3.0  # the highest image climbs once the band is within this factor of its limit, at least 0.3 eV/A
MOST_PLANES = 4  # across the path, in which the ion at the saddle is relaxed
GUESSED_CURVATURE_EV_PER_ANG2 = 1.0  # of the energy along the path at its top, downwards
LEAST_CURVATURE_EV_PER_ANG2 = 0.3
LONGEST_MOVE_ANG = 0.3  # of such a plane
SADDLE_FILE = "band.saddle.extxyz"
SADDLE_RECORD = "saddle.record.json"


class EngineCalculator(Calculator):
    """An engine of this package behind ASE's interface: electronic energy plus dispersion, and their forces."""

    implemented_properties = ("energy", "forces")

    def __init__(self, engine, method: str, functional: str) -> None:
        super().__init__()
        self.engine, self.method, self.functional = engine, method, functional

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        found = self.engine.evaluate(self.atoms)
        extra = dispersion.evaluate(self.atoms, self.method, self.functional)
        self.results["energy"] = found.electronic_eV + extra.energy_eV
        self.results["forces"] = found.forces + extra.forces


@dataclass(frozen=True)
class Ends:
    """The two relaxed ends of a hop."""

    hop: HopRecord
    start: CalculationRecord
    end: CalculationRecord
    folder: Path
    """Folder of the hop, with a folder per end."""

    def atoms(self, name: str) -> Atoms:
        record = getattr(self, name)
        return read(self.folder / name / record.final.file, format="extxyz")


def run(ends: Ends, job: jobs.Job, settings: MigrationSettings, workers: int = 1) -> BandRecord:
    """Relax the band and write its record; what is missing or fails for a scientific reason is a record with that reason.

    Raises
    ------
    DeadlineReached
        The band is on disk; the same job goes on.
    """
    identity = digest(
        {
            "ends": [ends.start.provenance.physics_hash, ends.end.provenance.physics_hash],
            "settings": job.protocol.settings_hash,
            "band": settings.model_dump(exclude={"rows", "top"}),
            "revision": REVISIONS["migration"],
        },
        length=16,
    )
    folder = work_folder(job.record, identity)
    with exclusive(folder):
        finished = finished_result(folder, BandRecord)
        if finished is None:
            finished = _relax(ends, job, settings, workers, folder, identity)
            write_record(finished, folder / RESULT)
        saddle = folder / SADDLE_FILE
        if saddle.exists():
            job.record.with_name(SADDLE_FILE).write_bytes(saddle.read_bytes())
        write_record(finished, job.record)
    return finished


def _relax(
    ends: Ends,
    job: jobs.Job,
    settings: MigrationSettings,
    workers: int,
    folder: Path,
    identity: str,
) -> BandRecord:
    watch = Stopwatch(folder / "cost.json", cores=workers)
    progress = Progress(folder / "progress.json", "band")
    progress.update(force=True, address="/".join(job.address.model_dump().values()))

    def record(status: str, reason: str = "", **more: object) -> BandRecord:
        return BandRecord(
            status=status,
            reason=reason,
            toy=job.protocol.engine == "toy",
            address=job.address,
            provenance=jobs.provenance_of(
                job, identity, dict(ends.start.provenance.versions), watch
            ),
            tier=settings.tier,
            **more,
        )

    lacking = [
        f"{name}: {found.status}" + (f" ({found.reason})" if found.reason else "")
        for name, found in (("start", ends.start), ("end", ends.end))
        if found.status != "ok" or found.energy is None
    ]
    if lacking:
        return record("missing", "; ".join(lacking))
    try:
        band = _band(ends, job, settings, workers, folder)
        highest = _saddle(band, ends, job) if settings.tier == "screen" else None
        path = _path(band, ends, job, settings, highest)
    except (BuildError, EngineError) as error:
        return record("failed", str(error))
    finally:
        watch.save()
    top = band.images[band.saddle] if highest is None else _final(highest, job)
    saddle = jobs.write_structure(top, folder / SADDLE_FILE)
    check = Check(
        name="force on the band",
        value=round(band.fmax_eV_per_ang, 4),
        unit="eV/A",
        limit=f"<= {settings.fmax_eV_per_ang}",
        passed=band.converged,
    )
    progress.finish()
    return record(
        "ok" if band.converged else "unconverged",
        "" if band.converged else f"band not converged after {band.steps} steps",
        path=path,
        steps=band.steps,
        fmax_eV_per_ang=band.fmax_eV_per_ang,
        structure=jobs.structure_ref(saddle, job.record.with_name(SADDLE_FILE), job.record),
        checks=[check],
    )


def _band(
    ends: Ends, job: jobs.Job, settings: MigrationSettings, workers: int, folder: Path
) -> Band:
    screen = settings.tier == "screen"
    factory = path_calculators(job, settings.tier, folder)
    with ImagePool(factory, min(workers, settings.images)) as pool:
        return relax_band(
            ends.atoms("start"),
            ends.atoms("end"),
            pool,
            folder,
            BandSettings(
                images=settings.images,
                fmax_eV_per_ang=settings.fmax_eV_per_ang,
                climb_below_eV_per_ang=max(0.3, CLIMB_FACTOR * settings.fmax_eV_per_ang),
                max_steps=settings.max_steps,
            ),
            job.deadline_s,
            mobile=[ends.hop.moved] if screen else None,
            method=path_method(job, settings.tier),
        )


def path_method(job: jobs.Job, tier: str) -> str:
    """What relaxes the path, in words."""
    if job.protocol.engine == "toy":
        return "toy"
    return f"{PATH_METHOD}, hopping ion" if tier == "screen" else job.protocol.energy.label


def path_calculators(job: jobs.Job, tier: str, folder: Path) -> Callable[[int], Calculator]:
    """Factory of the calculators of a band: one per worker, picklable."""
    if tier == "screen" and job.protocol.engine != "toy":
        return _xtb
    return partial(_engine, job, folder)


def _xtb(_worker: int) -> Calculator:
    return FrozenSlabXtb(PATH_METHOD)


def _engine(job: jobs.Job, folder: Path, worker: int) -> Calculator:
    settings = job.protocol.energy
    engine = jobs.make_engine(job, folder / f"worker-{worker}", None)
    return EngineCalculator(engine, settings.dispersion, settings.xc)


def _path(
    band: Band,
    ends: Ends,
    job: jobs.Job,
    settings: MigrationSettings,
    highest: CalculationRecord | None,
) -> MigrationPath:
    """Path with its barriers; those of `highest`, a saddle relaxed on its own, where there is one."""
    forward, reverse, method = (
        band.barrier_eV,
        band.reverse_barrier_eV,
        path_method(job, settings.tier),
    )
    if highest is not None:
        method = f"{job.protocol.energy.label} at saddle and ends" if not highest.toy else "toy"
        forward = highest.energy.total_eV - ends.start.energy.total_eV
        reverse = highest.energy.total_eV - ends.end.energy.total_eV
    if forward <= 0 or reverse <= 0:
        raise EngineError(
            f"no barrier: the highest image lies {forward:+.3f} eV from the start and {reverse:+.3f} eV from the end"
        )
    return MigrationPath(
        method=path_method(job, settings.tier),
        lengths_ang=[round(x, 4) for x in band.lengths_ang],
        energies_eV=[round(float(e), 5) for e in np.array(band.energies_eV)],
        barrier_eV=round(forward, 5),
        reverse_barrier_eV=round(reverse, 5),
        barrier_method=method,
        distance_ang=ends.hop.distance_ang,
    )


def _saddle(band: Band, ends: Ends, job: jobs.Job) -> CalculationRecord:
    """The saddle with the campaign's own settings, as a calculation of its own.

    Everything is relaxed; the hopping ion within a plane across its path. Where it is then still pushed along the path, the
    plane goes on to where that push should vanish.
    """
    ion, top = ends.hop.moved, highest_image(band)
    direction = path_direction(band, top, ion)
    held = {int(i) for c in ends.atoms("start").constraints for i in c.get_indices()}
    constraints = [FixAtoms(sorted(held)), FixedPlane(ion, direction)]
    atoms = band.images[top].copy()
    place, places = (
        0.0,
        [],
    )  # of the plane along the path, Angstrom; with the push there, eV/Angstrom
    for _ in range(MOST_PLANES):
        atoms.set_constraint(constraints)
        found = jobs.run(
            atoms, replace(job, record=job.record.with_name(SADDLE_RECORD), relax=True)
        )
        pushed = [check for check in found.checks if check.name == checks.ACROSS_PLANE]
        if found.energy is None or all(check.passed for check in pushed):
            break
        atoms = _final(found, job)
        places.append((place, float(pushed[0].value)))
        move = _next_move(places)
        atoms.positions[ion] += move * direction
        place += move
    if found.status != "ok" or found.energy is None:
        raise EngineError(f"saddle: {found.status} ({found.reason})")
    return found


def _next_move(places: list[tuple[float, float]]) -> float:
    """How far along the path to look next, Angstrom: against the push, since the top repels.

    Curvature from the last two places; a guess where there is one, or where they show no top between them.
    """
    curvature = GUESSED_CURVATURE_EV_PER_ANG2
    if len(places) > 1:
        (before, pushed), (now, push) = places[-2:]
        curvature = max((push - pushed) / (now - before), LEAST_CURVATURE_EV_PER_ANG2)
    return float(np.clip(-places[-1][1] / curvature, -LONGEST_MOVE_ANG, LONGEST_MOVE_ANG))


def highest_image(band: Band) -> int:
    """Index of the highest image that moves: an end may lie above it, since the cheap method has not relaxed it."""
    return 1 + int(np.argmax(band.energies_eV[1:-1]))


def path_direction(band: Band, image: int, ion: int) -> np.ndarray:
    """Unit vector (3,) along which an ion passes an image: between its places in the images beside it."""
    before, after = band.images[image - 1], band.images[image + 1]
    step, length = find_mic(after.positions[ion] - before.positions[ion], after.cell, after.pbc)
    return step / length


def _final(record: CalculationRecord, job: jobs.Job) -> Atoms:
    return read(job.record.with_name(record.final.file), format="extxyz")
