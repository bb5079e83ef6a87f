"""Gas-phase references: the lowest neutral form of a ligand, in a cubic box at the campaign's settings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from ase import Atoms

from peropass.analysis.plane_waves import smooth_total_eV
from peropass.config import CandidateSettings
from peropass.engine import jobs
from peropass.engine.spin import needs_spin
from peropass.errors import DeadlineReached, PeropassError
from peropass.records import CalculationRecord, write_record


def boxed(molecule: Atoms, margin_ang: float) -> Atoms:
    """Molecule centred in a cubic periodic box with `margin_ang` on every side, edge rounded up to 0.5 Angstrom."""
    extent = float(np.ptp(molecule.positions, axis=0).max())
    edge = math.ceil(2 * (extent + 2 * margin_ang)) / 2
    atoms = Atoms(
        molecule.get_chemical_symbols(), positions=molecule.positions, cell=[edge] * 3, pbc=True
    )
    atoms.positions += edge / 2 - 0.5 * (atoms.positions.max(axis=0) + atoms.positions.min(axis=0))
    return atoms


def run_reference(
    candidate: CandidateSettings, halide: str, n_conformers: int, seed: int, job: jobs.Job
) -> CalculationRecord:
    """Relax the lowest conformer (GFN2-xTB order) of every reference variant; the lowest total energy is the reference.

    The energies of all variants stand in `competitors`, so that a reader sees that, say, the neutral tautomer of an
    amino acid lies below its zwitterion.
    """
    from peropass.chemistry.conformers import gas_phase_conformers
    from peropass.chemistry.library import build_model, load_library, reference_variants

    try:
        entry = load_library().entry(candidate.ligand, "candidates.ligand")
        variants = list(dict.fromkeys([candidate.variant, *reference_variants(entry)]))
        found: dict[str, CalculationRecord] = {}
        for variant in variants:
            model = build_model(
                entry,
                tail_carbons=candidate.tail_carbons,
                halide=halide if candidate.halide is None else candidate.halide,
                variant=variant,
                partner=candidate.partner,
                n_conformers=n_conformers,
                seed=seed,
            )
            conformer = gas_phase_conformers(model, n_conformers, seed)[0]
            if variant == candidate.variant:
                own = jobs.composition(conformer)
            elif jobs.composition(conformer) != own:
                continue  # another set, say the salt of an acid: no form that this one could take
            found[variant] = _relaxed(conformer, variant, model.spin_polarised, job)
    except DeadlineReached:
        raise
    except PeropassError as error:
        record = jobs.blocked_record(job, "failed", str(error))
        write_record(record, job.record)
        return record
    return _lowest(found, job)


def _relaxed(conformer: Atoms, variant: str, spin: bool, job: jobs.Job) -> CalculationRecord:
    atoms = boxed(conformer, job.protocol.molecule_margin_ang)
    setting = replace(job.setting, spin_polarised=needs_spin(atoms, spin))
    path = job.record.with_name(f"{variant}.record.json")
    return jobs.run(atoms, replace(job, setting=setting, record=path))


def _lowest(found: dict[str, CalculationRecord], job: jobs.Job) -> CalculationRecord:
    usable = {v: r for v, r in found.items() if r.status == "ok" and r.energy is not None}
    if len(usable) < len(found):
        failed = ", ".join(
            f"{v}: {r.status} ({r.reason})" for v, r in found.items() if v not in usable
        )
        record = jobs.blocked_record(
            job, "failed", f"reference variants without a result: {failed}"
        )
    else:
        # in boxes of different size energies compare at the smooth number of plane waves only
        variant, record = min(usable.items(), key=lambda item: smooth_total_eV(item[1]))
        record = record.model_copy(
            update={
                "competitors": {v: r.energy.total_eV for v, r in usable.items()},
                "provenance": record.provenance.model_copy(
                    update={"core_s": round(sum(r.provenance.core_s for r in found.values()), 2)}
                ),
            }
        )
    write_record(record, job.record)
    return record


def run_molecule(smiles: str, job: jobs.Job, seed: int = 1) -> CalculationRecord:
    """Relax the lowest GFN2-xTB conformer of one neutral molecule or set given by its SMILES."""
    from peropass.chemistry.conformers import gas_phase_conformers
    from peropass.chemistry.library import model_from_smiles

    try:
        model = model_from_smiles(smiles, name=job.address.candidate, n_conformers=2, seed=seed)
        conformer = gas_phase_conformers(model, 2, seed)[0]
    except PeropassError as error:
        record = jobs.blocked_record(job, "failed", str(error))
        write_record(record, job.record)
        return record
    atoms = boxed(conformer, job.protocol.molecule_margin_ang)
    return jobs.run(
        atoms, replace(job, setting=replace(job.setting, spin_polarised=needs_spin(atoms)))
    )
