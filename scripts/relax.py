"""Relax a clean slab, or a kept pose on its socket, with the engine of the protocol."""

from pathlib import Path

from ase.io import read

from peropass import paths, step
from peropass.engine import jobs
from peropass.engine.electronic import Setting
from peropass.engine.spin import needs_spin
from peropass.records import CalculationRecord, PosesRecord, read_record, write_record


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--lateral", required=True)
    arguments.add_argument("--structure", type=Path, help="clean slab to relax")
    arguments.add_argument(
        "--poses", type=Path, help="poses record; relaxes the pose that --pose names"
    )
    arguments.add_argument(
        "--pose", default="k0", help="k0 is the best pose of the cheap tier, k1 the next"
    )
    options = arguments.parse_args(argv)
    protocol = step.protocol(options)
    atoms, blocked = _structure(options, protocol.engine == "toy")
    job = step.dft_job(
        options,
        role="slab",
        stage="relax",
        setting=Setting(
            slab=True,
            kpts=protocol.lateral_kpts(options.lateral),
            spin_polarised=atoms is not None and needs_spin(atoms),
        ),
        relax=True,
    )
    if atoms is None:
        write_record(jobs.blocked_record(job, *blocked), options.out)
        step.say(f"relax: {blocked[0]}, {blocked[1]}")
        return
    record = jobs.run(atoms, job)
    if options.poses and record.status == "ok":
        from peropass.surfaces.anomalies import detect_anomalies

        record = jobs.with_anomalies(record, options.out, detect_anomalies)
    step.say(f"relax: {record.status} {record.reason} {record.ionic_steps} ionic steps")


def _structure(options, toy: bool):
    if options.structure:
        if options.structure.stat().st_size == 0:
            refusal = options.structure.with_name(paths.REFUSED_BUILD)
            slab = read_record(refusal, CalculationRecord, allow_toy=toy)
            return None, ("missing", f"no slab: {slab.reason}")
        return read(options.structure, format="extxyz"), None
    poses = read_record(options.poses, PosesRecord, allow_toy=toy)
    if poses.status != "ok":
        return None, ("missing", f"no poses: {poses.reason}")
    rank = int(options.pose.removeprefix("k"))
    kept = next((pose for pose in poses.poses if pose.rank == rank), None)
    if kept is None:
        return None, ("skipped", f"fewer than {rank + 1} poses survived the cheap tier")
    return read(options.poses.parent / kept.file, format="extxyz"), None


if __name__ == "__main__":
    raise SystemExit(step.run(main))
