"""The job that relaxes a path between two relaxed ends and gives it a barrier.

Tier `screen`: the band moves the hopping ion alone, by GFN1-xTB, while all others follow the interpolation between ends
that DFT has relaxed; at the saddle DFT then relaxes everything around the hopping ion, which is held, and the barrier is DFT at
that saddle against DFT at the ends. Tier `production`: the band is DFT throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.constraints import FixAtoms
from ase.io import read

from peropass.config import MigrationSettings
from peropass.engine import dispersion, jobs
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

# ASSUME a path by GFN1-xTB, in which a free slab would fall apart, finds the place of the hopping ion at the saddle when only that
# ion is relaxed; its height is never used, and the surroundings of the saddle are relaxed with DFT.
PATH_METHOD = "GFN1-xTB"
CLIMB_FACTOR = 3.0  # the highest image climbs once the band is within this factor of its limit, at least 0.3 eV/A
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
    """The saddle with the campaign's own settings, as a calculation of its own: the hopping ion held, all else relaxed."""
    atoms = band.images[band.saddle].copy()
    held = {int(i) for c in ends.atoms("start").constraints for i in c.get_indices()}
    atoms.set_constraint(FixAtoms(sorted(held | {ends.hop.moved})))
    found = jobs.run(atoms, replace(job, record=job.record.with_name(SADDLE_RECORD), relax=True))
    if found.status != "ok" or found.energy is None:
        raise EngineError(f"saddle: {found.status} ({found.reason})")
    return found


def _final(record: CalculationRecord, job: jobs.Job) -> Atoms:
    return read(job.record.with_name(record.final.file), format="extxyz")
