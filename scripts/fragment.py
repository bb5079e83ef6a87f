"""Single point of a fragment at the geometry that it has in the relaxed loaded slab."""

from pathlib import Path

from ase.io import read

from peropass import step
from peropass.engine import jobs
from peropass.engine.electronic import Setting
from peropass.engine.spin import needs_spin
from peropass.records import CalculationRecord, read_record, write_record

FRAGMENTS = {"slab": 0, "ligand": 1}


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--loaded", required=True, type=Path)
    arguments.add_argument("--part", required=True, choices=sorted(FRAGMENTS))
    options = arguments.parse_args(argv)
    protocol = step.protocol(options)
    loaded = read_record(options.loaded, CalculationRecord, allow_toy=protocol.engine == "toy")
    atoms = None
    if loaded.status == "ok":
        whole = read(options.loaded.parent / loaded.final.file, format="extxyz")
        atoms = whole[whole.arrays["fragment"] == FRAGMENTS[options.part]]
    job = step.dft_job(
        options,
        role="fragment",
        stage="fragments",
        setting=Setting(
            slab=True,
            kpts=tuple(loaded.kpts),
            spin_polarised=atoms is not None and needs_spin(atoms),
        ),
        relax=False,
    )
    if atoms is None:
        reason = f"loaded slab is {loaded.status}: {loaded.reason}".rstrip(": ")
        write_record(jobs.blocked_record(job, "missing", reason), options.out)
        return
    record = jobs.run(atoms, job)
    step.say(f"fragment {options.part}: {record.status} {record.reason}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
