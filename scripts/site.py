"""Levels of a slab inside the gap of the pristine one, and what its defect costs."""

from pathlib import Path

from peropass import gather_sites, step
from peropass.records import write_record


def main(argv=None) -> None:
    options = step.parser(__doc__).parse_args(argv)
    record = gather_sites.site_record(
        step.address(options), step.protocol(options), options.recompute
    )
    write_record(record, Path(options.out))
    step.say(f"site {record.address.site}: {record.status} {record.reason}, traps {record.n_traps}")


if __name__ == "__main__":
    raise SystemExit(step.run(main))
