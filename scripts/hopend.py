"""Relax one end of a halide hop with the engine of the protocol."""

from pathlib import Path

from ase.io import read

from peropass import step
from peropass.engine import jobs
from peropass.engine.electronic import Setting
from peropass.records import HopRecord, read_record, write_record


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--lateral", required=True)
    arguments.add_argument("--hop", required=True, type=Path, help="hop record")
    arguments.add_argument("--end", required=True, choices=["start", "end"])
    options = arguments.parse_args(argv)
    job = hop_job(options, relax=True, stage="relax")
    hop = read_record(options.hop, HopRecord, allow_toy=job.protocol.engine == "toy")
    if hop.status != "ok":
        write_record(jobs.blocked_record(job, "missing", f"no hop: {hop.reason}"), options.out)
        step.say(f"{options.end} of hop: missing, {hop.reason}")
        return
    built = hop.initial if options.end == "start" else hop.final
    record = jobs.run(read(options.hop.parent / built.file, format="extxyz"), job)
    step.say(
        f"{options.end} of hop: {record.status} {record.reason} {record.ionic_steps} ionic steps"
    )


def hop_job(options, relax: bool, stage: str) -> jobs.Job:
    """The DFT job of one structure of a hop."""
    protocol = step.protocol(options)
    # ASSUME a slab with one halide less is computed neutral and without spin: the electron that the halide leaves behind spreads
    # over the conduction band edge, its exchange splitting is small, and spin would double the cost.
    setting = Setting(slab=True, kpts=protocol.lateral_kpts(options.lateral))
    return step.dft_job(options, role="slab", stage=stage, setting=setting, relax=relax)


if __name__ == "__main__":
    raise SystemExit(step.run(main))
