"""Put the records of one candidate on one socket together into its candidate record."""

import json
from pathlib import Path

from peropass import gather, step
from peropass.records import write_record


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--candidate", required=True, help="JSON of the candidate's row")
    arguments.add_argument(
        "--meta", required=True, help="JSON: role, native rows, lability conditions"
    )
    arguments.add_argument("--halide", required=True)
    options = arguments.parse_args(argv)
    record = gather.candidate_record(
        step.address(options),
        step.protocol(options),
        step.candidate_settings(options.candidate),
        json.loads(options.meta),
        Path(options.out),
        options.recompute,
    )
    write_record(record, options.out)
    step.say(f"candidate {record.address.candidate}: {record.status} {record.reason}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
