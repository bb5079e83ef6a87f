"""Write the offline report of a campaign, its tables and its figures, from its records alone."""

import argparse
from pathlib import Path

from peropass import step
from peropass.report.collect import collect
from peropass.report.figures import write_figures
from peropass.report.page import write_report


def main(argv=None) -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--config", required=True)
    arguments.add_argument("--out", required=True, type=Path)
    options = arguments.parse_args(argv)
    report = write_report(options.out.parent, options.out)
    write_figures(collect(options.out.parent), options.out.parent / "figures")
    step.say(
        f"report: {report.rows} rows, {report.refused} refused, {len(report.html) / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    raise SystemExit(step.run(main))
