"""Relax the path between the two ends of a halide hop: its barrier."""

import json
from pathlib import Path

from peropass import step
from peropass.config import MigrationSettings
from peropass.engine import migration_jobs
from peropass.records import CalculationRecord, HopRecord, read_record
from peropass.validation import validated
from scripts.hopend import hop_job


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--lateral", required=True)
    arguments.add_argument(
        "--hop", required=True, type=Path, help="hop record; its ends lie beside it"
    )
    arguments.add_argument(
        "--migration", required=True, help="JSON of the campaign's block `migration`"
    )
    arguments.add_argument(
        "--workers", type=int, default=1, help="images that are evaluated at once"
    )
    options = arguments.parse_args(argv)
    job = hop_job(options, relax=False, stage="migration")
    toy = job.protocol.engine == "toy"
    folder = options.hop.parent
    start, end = (
        read_record(folder / name / "relax.record.json", CalculationRecord, allow_toy=toy)
        for name in ("start", "end")
    )
    ends = migration_jobs.Ends(
        read_record(options.hop, HopRecord, allow_toy=toy), start, end, folder
    )
    settings = validated(MigrationSettings, json.loads(options.migration), "--migration")
    record = migration_jobs.run(ends, job, settings, options.workers)
    barrier = f"barrier {record.path.barrier_eV:.3f} eV" if record.path else record.reason
    step.say(f"band: {record.status}, {barrier}, {record.steps} steps")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
