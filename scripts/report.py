"""Write the offline report of a campaign, its tables and its figures, from its records alone."""

import argparse
from pathlib import Path

from peropass import step
from peropass.report.collect import collect
from peropass.report.figures import write_figures
from peropass.report.page import ReportContext, write_collected
from peropass.report.validation import reference_comparisons


def main(argv=None) -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--config", required=True)
    arguments.add_argument("--out", required=True, type=Path)
    options = arguments.parse_args(argv)
    collection = collect(options.out.parent)
    context = ReportContext(validation=reference_comparisons())
    report = write_collected(collection, options.out, context)
    write_figures(collection, options.out.parent / "figures")
    step.say(
        f"report: {report.rows} rows, {report.refused} refused, {len(report.html) / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    raise SystemExit(step.run(main))
