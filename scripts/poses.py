"""Place a candidate on its relaxed socket, score the poses with the cheap tier and keep the best."""

from pathlib import Path

from ase.io import read

from peropass import step
from peropass.engine import pose_jobs
from peropass.records import CalculationRecord, read_record


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--poses", required=True, help="JSON of the pose settings")
    arguments.add_argument("--candidate", required=True, help="JSON of the candidate's row")
    arguments.add_argument("--library", required=True, help="digest of the ligand's entry")
    arguments.add_argument("--halide", required=True)
    arguments.add_argument("--socket", required=True, type=Path)
    arguments.add_argument("--pristine", required=True, type=Path)
    arguments.add_argument("--start", nargs="*", default=[], help="the one pose, where it is known")
    options = arguments.parse_args(argv)
    protocol = step.protocol(options)
    toy = protocol.engine == "toy"
    socket = read_record(options.socket, CalculationRecord, allow_toy=toy)
    pristine = read_record(options.pristine, CalculationRecord, allow_toy=toy)

    bad = [
        f"{name} {record.status}: {record.reason}".rstrip(": ")
        for name, record in (("socket", socket), ("pristine slab", pristine))
        if record.status != "ok"
    ]

    def structure(record, path):
        return (
            read(path.parent / record.final.file, format="extxyz")
            if record.status == "ok"
            else None
        )

    record = pose_jobs.run(
        structure(socket, options.socket),
        structure(pristine, options.pristine),
        candidate=step.candidate_settings(options.candidate),
        settings=step.pose_settings(options.poses),
        entry=options.library,
        halide=options.halide,
        address=step.address(options),
        out=Path(options.out),
        toy=toy,
        blocked="; ".join(bad),
        start=next(iter(options.start), None),
    )
    kept = [pose.id for pose in record.poses if pose.kept]
    step.say(f"poses: {record.status} {record.reason} {len(record.poses)} placed, kept {kept}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
