"""Band gap of a bulk phase on a Gamma-centred mesh, without and with spin-orbit coupling.

An even Gamma-centred mesh holds R = (1/2, 1/2, 1/2), where cubic lead halides have both band edges. Spin-orbit coupling is a second
variation in the converged bands, with both operators of `peropass.engine.spin_orbit` whatever the protocol chooses for levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from peropass.engine import gpaw_calculator
from peropass.engine.electronic import GpawEngine, Setting
from peropass.engine.jobs import Job, composition, provenance_of
from peropass.engine.protocol import SpinOrbit
from peropass.engine.spin_orbit import spin_orbit_states
from peropass.engine.work import RESULT, Stopwatch, exclusive, finished_result, work_folder
from peropass.errors import EngineError
from peropass.ids import digest, structure_hash
from peropass.records import GapRecord, write_record
from peropass.revisions import REVISIONS

MESH = 6  # points per axis of the primitive cubic cell; 4 leaves the gap of CsPbBr3 0.006 eV too small (docs/validation.md)


@dataclass(frozen=True)
class Gap:
    """Energies in eV, k-points in units of reciprocal vectors."""

    scalar_eV: float
    soc_eV: float
    soc_mass_eV: float
    vbm_kpoint: tuple[float, float, float]
    cbm_kpoint: tuple[float, float, float]


def gap_setting() -> Setting:
    """Gamma-centred mesh with narrow smearing and converged empty bands."""
    return Setting(slab=False, kpts=(MESH, MESH, MESH), final_levels=True)


def run(cell: Atoms, job: Job) -> GapRecord:
    """Gap of `cell` at the protocol of `job`; a finished result is read, not recomputed."""
    identity = digest(
        {
            "structure": structure_hash(cell),
            "settings": job.protocol.settings_hash,
            "levels": job.protocol.levels.model_dump(),
            "kpts": job.setting.kpts,
            "operators": ("bare", "mass"),
            "revision": REVISIONS["levels"],
        },
        length=16,
    )
    folder = work_folder(job.record, identity)
    with exclusive(folder):
        record = finished_result(folder, GapRecord)
        if record is None:
            record = _computed(cell, job, folder, identity)
            write_record(record, folder / RESULT)
        write_record(record, job.record)
        return record


def _computed(cell: Atoms, job: Job, folder, identity: str) -> GapRecord:
    watch = Stopwatch(folder / "cost.json")
    engine = GpawEngine(job.protocol, job.setting, folder, job.deadline_s)
    common = {
        "address": job.address,
        "settings_hash": job.protocol.settings_hash,
        "settings": job.protocol.energy.model_dump(),
        "composition": composition(cell),
        "kpts": job.setting.kpts,
        "a_ang": round(float(cell.cell.lengths()[0]), 5),
    }
    try:
        engine.evaluate(cell)
        found = band_gap(engine.calculator)
    except EngineError as error:
        return GapRecord(
            **common,
            status="failed",
            reason=str(error),
            provenance=provenance_of(job, identity, {}, watch),
        )
    return GapRecord(
        **common,
        status="ok",
        provenance=provenance_of(
            job, identity, gpaw_calculator.software(cell, job.protocol.energy.xc), watch
        ),
        gap_eV=round(found.scalar_eV, 4),
        gap_soc_eV=round(found.soc_eV, 4),
        gap_soc_mass_eV=round(found.soc_mass_eV, 4),
        vbm_kpoint=found.vbm_kpoint,
        cbm_kpoint=found.cbm_kpoint,
    )


def band_gap(calculator) -> Gap:
    """Smallest distance between filled and empty states of a spin-paired insulator.

    Raises
    ------
    EngineError
        Odd number of electrons, or bands that overlap.
    """
    n_electrons = round(gpaw_calculator.valence_electrons(calculator))
    if n_electrons % 2:
        raise EngineError(f"gap: {n_electrons} electrons; an even number is needed")
    energies = np.asarray(calculator.eigenvalues())[0]
    top, bottom = energies[:, n_electrons // 2 - 1], energies[:, n_electrons // 2]
    if bottom.min() <= top.max():
        raise EngineError(f"gap: bands overlap by {top.max() - bottom.min():.3f} eV")
    kpoints = np.asarray(calculator.get_ibz_k_points())
    wanted = calculator.params.convergence["bands"]
    converged = calculator.get_number_of_bands() + wanted

    def coupled(operator: SpinOrbit) -> float:
        states = spin_orbit_states(calculator, operator=operator, n1=0, n2=converged)
        found = np.asarray(states.eigenvalues())
        return float(found[:, n_electrons].min() - found[:, n_electrons - 1].max())

    return Gap(
        float(bottom.min() - top.max()),
        coupled("bare"),
        coupled("mass"),
        tuple(float(x) for x in kpoints[int(top.argmax())]),
        tuple(float(x) for x in kpoints[int(bottom.argmin())]),
    )
