"""Choose the halide hop next to a ligand, or of the clean surface, and build its two ends."""

import json
from importlib.metadata import version
from pathlib import Path

from ase import Atoms
from ase.io import read

from peropass import step
from peropass.analysis.pipeline import best_pose
from peropass.engine import jobs
from peropass.errors import BuildError
from peropass.ids import digest
from peropass.records import CalculationRecord, HopRecord, Provenance, read_record, write_record
from peropass.revisions import REVISIONS
from peropass.surfaces.hops import hop_beside_hole


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--element", required=True, help="the halide that hops")
    arguments.add_argument("--pristine", required=True, type=Path)
    arguments.add_argument("--socket", required=True, type=Path)
    arguments.add_argument("--loaded", default="[]", help="JSON: relaxed poses; none: clean slab")
    options = arguments.parse_args(argv)
    files = {"pristine": options.pristine, "socket": options.socket}
    toy = step.protocol(options).engine == "toy"
    loaded = {Path(f).parent.name: Path(f) for f in json.loads(options.loaded)}
    records, poses = _calculations(files, toy), _calculations(loaded, toy)
    pose = best_pose(poses) or ""
    record = _record(options, records, poses, files, loaded, pose, toy)
    write_record(record, options.out)
    step.say(f"hop: {record.status} {record.reason}")


def _calculations(files: dict[str, Path], toy: bool) -> dict[str, CalculationRecord]:
    return {name: read_record(f, CalculationRecord, allow_toy=toy) for name, f in files.items()}


def _relaxed(record: CalculationRecord, file: Path) -> Atoms:
    return read(file.parent / record.final.file, format="extxyz")


def _record(options, records, poses, files, loaded, pose, toy) -> HopRecord:
    chosen = poses[pose] if pose else records["pristine"]
    inputs = [r.provenance.physics_hash for r in (*records.values(), chosen)]
    base = {
        "toy": toy,
        "address": step.address(options),
        "element": options.element,
        "pose": pose,
        "provenance": Provenance(
            revision=REVISIONS["migration"],
            physics_hash=digest(inputs, 16),
            versions={name: version(name) for name in ("ase", "numpy")},
            command=options.recompute,
        ),
    }
    lacking = {n: r for n, r in records.items() if r.status != "ok" or r.final is None}
    bad = [f"{name}: {r.status}, {r.reason}".rstrip(", ") for name, r in lacking.items()]
    if loaded and not pose:
        bad.append("no relaxed pose")
    if bad:
        return HopRecord(status="missing", reason="; ".join(bad), **base)
    atoms = {name: _relaxed(record, files[name]) for name, record in records.items()}
    slab = _relaxed(chosen, loaded[pose]) if pose else atoms["pristine"]
    try:
        hop = hop_beside_hole(atoms["pristine"], atoms["socket"], slab, options.element)
    except BuildError as error:
        return HopRecord(status="failed", reason=str(error), **base)
    ends = {}
    for name in ("start", "end"):
        file = options.out.parent / name / "build.extxyz"
        written = jobs.write_structure(getattr(hop, name), file)
        ends[name] = jobs.structure_ref(written, file, options.out)
    return HopRecord(
        status="ok",
        **{name: getattr(hop, name) for name in ("vacancy", "hopper", "moved")},
        distance_ang=round(hop.distance_ang, 4),
        initial=ends["start"],
        final=ends["end"],
        **base,
    )


if __name__ == "__main__":
    raise SystemExit(step.run(main))
