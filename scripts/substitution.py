"""Dopants of one host from the records of their cells, slabs and salts: solution, preference, lattice, vacancies."""

import json
from pathlib import Path

from peropass import step
from peropass.config import SubstitutionSettings
from peropass.gather_substitution import substitution_record
from peropass.records import write_record
from peropass.validation import validated


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--settings", required=True, help="JSON: the block and the terminations")
    options = arguments.parse_args(argv)
    asked = json.loads(options.settings)
    settings = validated(SubstitutionSettings, asked["settings"], "--settings")
    record = substitution_record(
        step.address(options),
        step.protocol(options),
        settings,
        asked["terminations"],
        options.recompute,
    )
    write_record(record, Path(options.out))
    known = sum(row.value is not None for row in record.rows)
    step.say(f"substitution {record.address.host}: {known} of {len(record.rows)} numbers")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
