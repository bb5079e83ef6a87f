"""`peropass report`: write the report of a campaign folder again, from its records alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from peropass.errors import InputError


def main(argv: Sequence[str] | None = None) -> int:
    """Rebuild report.html of a folder that holds ranking.json. 0 written, 1 rows were refused, 2 bad input."""
    from peropass.report.page import ReportContext, write_report
    from peropass.report.validation import reference_comparisons

    parser = argparse.ArgumentParser(prog="peropass report", description=__doc__)
    parser.add_argument("folder", type=Path, help="campaign folder, e.g. results/quickstart")
    parser.add_argument("--out", type=Path, help="page to write; default FOLDER/report.html")
    options = parser.parse_args(argv)
    if not (options.folder / "ranking.json").is_file():
        raise InputError(
            str(options.folder), "no ranking.json", "a campaign folder such as results/quickstart"
        )
    context = ReportContext(validation=reference_comparisons())
    report = write_report(options.folder, options.out, context)
    sys.stdout.write(
        f"{options.out or options.folder / 'report.html'}: {report.rows} rows, {report.refused} refused\n"
    )
    return 1 if report.refused else 0
