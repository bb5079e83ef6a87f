"""Run finished calculations once more and compare, for `peropass verify --recompute N`."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from peropass.errors import RecordError
from peropass.record_checks import Findings, Folder, toy_spin
from peropass.records import CalculationRecord, read_record

# ASSUME a repeated DFT energy agrees to 2 meV (fresh density, other processor); a repeated relaxation to 5 meV, because
# paths along soft tilts part once steps differ in the last digit.
# toy energies are exact, but written with eight digits
NOISE_EV = {"single-point": 0.002, "relax": 0.005, "toy": 2e-8}
SCRATCH = Path("results") / "verify"


def recompute(folder: Folder, number: int, seed: int, findings: Findings) -> list[str]:
    """Run `number` random calculations once more in a scratch folder and compare energies; one line each.

    The scratch folder is this process's own: a finished result of another one would be read, not recomputed.
    """
    SCRATCH.mkdir(parents=True, exist_ok=True)
    # a checked name: the folder itself may be called `..`
    with TemporaryDirectory(prefix=f"{folder.copy.campaign.campaign}-", dir=SCRATCH) as scratch:
        return _recompute(folder, number, seed, findings, Path(scratch))


def _recompute(
    folder: Folder, number: int, seed: int, findings: Findings, scratch: Path
) -> list[str]:
    from ase.io import read

    from peropass.engine import jobs
    from peropass.engine.electronic import Setting

    candidates = []
    for file in folder.files():
        try:
            record = read_record(file, CalculationRecord, allow_toy=folder.toy)
        except RecordError:
            continue
        if record.energy is not None and record.initial is not None and not record.competitors:
            candidates.append((file, record))
    lines = []
    for file, record in random.Random(seed).sample(candidates, min(number, len(candidates))):
        spin = record.magnetic_moment_muB is not None or (record.toy and toy_spin(record, file))
        job = jobs.Job(
            address=record.address,
            protocol=folder.copy.protocol,
            record=scratch / file.relative_to(folder.root),
            role=record.role,
            stage={"fragment": "fragments", "molecule": "molecule", "bulk": "phase"}.get(
                record.role, "relax"
            ),
            setting=Setting(
                slab=record.role in ("slab", "fragment"),
                kpts=tuple(record.kpts),
                spin_polarised=spin,
                gamma_centred=record.role != "bulk",
                rigid=record.role != "bulk",
            ),
            relax=record.kind == "relax",
        )
        again = jobs.run(read(file.parent / record.initial.file, format="extxyz"), job)
        findings.count("recomputed")
        lines.append(_compare_runs(folder.short(file), record, again, findings))
    return lines


def _compare_runs(
    short: str, record: CalculationRecord, again: CalculationRecord, findings: Findings
) -> str:
    if again.energy is None:
        findings.deviate(short, f"recomputed: {again.status}, {again.reason}")
        return f"{short}: {again.status}"
    noise = NOISE_EV["toy" if record.toy else record.kind]
    difference = again.energy.total_eV - record.energy.total_eV
    if abs(difference) > noise:
        findings.deviate(
            short, f"recomputed energy differs by {difference:+.3e} eV, stated noise {noise} eV"
        )
    return f"{short}: {difference * 1000:+.3f} meV, {again.ionic_steps} steps against {record.ionic_steps}"
