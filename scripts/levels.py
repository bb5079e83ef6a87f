"""Final Kohn-Sham levels of a relaxed slab, with spin-orbit coupling."""

from pathlib import Path

from ase.io import read

from peropass import step
from peropass.engine import level_jobs
from peropass.engine.electronic import Setting
from peropass.engine.spin import needs_spin
from peropass.records import CalculationRecord, read_record


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--relaxed", required=True, type=Path)
    options = arguments.parse_args(argv)
    protocol = step.protocol(options)
    relaxed = read_record(options.relaxed, CalculationRecord, allow_toy=protocol.engine == "toy")
    atoms = (
        read(options.relaxed.parent / relaxed.final.file, format="extxyz")
        if relaxed.status == "ok"
        else None
    )
    job = step.dft_job(
        options,
        role="slab",
        stage="levels",
        setting=Setting(
            slab=True,
            kpts=tuple(relaxed.kpts),
            spin_polarised=atoms is not None and needs_spin(atoms),
            final_levels=True,
        ),
        relax=False,
    )
    if atoms is None:
        level_jobs.write_blocked(job, f"slab is {relaxed.status}: {relaxed.reason}")
        step.say(f"levels: missing, slab is {relaxed.status}")
        return
    record = level_jobs.run(atoms, job)
    step.say(f"levels: {record.status} {record.reason}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
