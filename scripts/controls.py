"""The table of controls: what was expected of each site, what was found."""

import json
from pathlib import Path

from peropass import gather_sites, step
from peropass.config import ControlSettings
from peropass.records import write_record
from peropass.validation import validated


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--controls", required=True, help="JSON list of the controls")
    arguments.add_argument("--slab", required=True, help="JSON of the slab settings")
    options = arguments.parse_args(argv)
    controls = [
        validated(ControlSettings, row, f"--controls: {n}")
        for n, row in enumerate(json.loads(options.controls))
    ]
    slab = step.slab_settings(options.slab).model_dump()
    record = gather_sites.controls_record(
        controls,
        step.address(options).campaign,
        step.protocol(options),
        slab,
        options.recompute,
    )
    write_record(record, Path(options.out))
    found = [row.outcome for row in record.rows]
    step.say("controls: " + ", ".join(f"{found.count(o)} {o}" for o in sorted(set(found))))


if __name__ == "__main__":
    raise SystemExit(step.run(main))
