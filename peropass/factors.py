"""`peropass factors`: t, mu and tau of any ABX3 formulas, with windows, radii and notes."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence

from peropass.chemistry.formability import WINDOWS, Descriptors, describe, missed_windows
from peropass.errors import InputError

COLUMNS = ("formula", "t", "mu", "tau", "r_a_ang", "r_b_ang", "r_x_ang")


def tabulate(descriptors: Descriptors) -> dict[str, object]:
    """One flat row: numbers rounded to 4 digits, windows as booleans, notes as a list."""
    row: dict[str, object] = {
        key: round(value, 4) if isinstance(value, float) else value
        for key in COLUMNS
        for value in [getattr(descriptors, key)]
    }
    row |= {f"{name}_in_window": inside for name, inside in descriptors.windows().items()}
    row["notes"] = [*descriptors.notes, *missed_windows(descriptors)]
    return row


def _text(rows: Sequence[dict]) -> str:
    width = max([len("formula"), *(len(str(r["formula"])) for r in rows)])
    lines = [f"{'formula':<{width}}      t     mu    tau   rA    rB    rX (A)  outside     notes"]
    for row in rows:
        tau = "    -" if row["tau"] is None else f"{row['tau']:5.2f}"
        outside = ",".join(w.name for w in WINDOWS if row[f"{w.name}_in_window"] is False) or "-"
        lines.append(
            f"{row['formula']:<{width}}  {row['t']:5.3f}  {row['mu']:5.3f}  {tau}  "
            f"{row['r_a_ang']:4.2f}  {row['r_b_ang']:4.2f}  {row['r_x_ang']:4.2f}    "
            f"{outside:<10} {'; '.join(n for n in row['notes'] if 'outside' not in n)}".rstrip()
        )
    lines.append("")
    lines.append("windows: " + "; ".join(f"{_range(w)} ({w.source})" for w in WINDOWS))
    lines.append("tau has no upper cut for a large A cation: read it together with t.")
    return "\n".join(lines) + "\n"


def _range(window) -> str:
    if window.low == float("-inf"):
        return f"{window.descriptor} < {window.high}"
    return f"{window.low} < {window.descriptor} < {window.high}"


def _write_csv(rows: Sequence[dict], stream) -> None:
    names = [*COLUMNS, *(f"{w.name}_in_window" for w in WINDOWS), "notes"]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"notes": "; ".join(row["notes"])} for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; bad formulas get one line each on stderr and exit status 1."""
    parser = argparse.ArgumentParser(
        prog="peropass factors",
        description="Tolerance factor t, octahedral factor mu and tau of ABX3 compositions.",
        epilog='example: peropass factors CsPbBr3 FAPbBr3 "CsPb0.9Mn0.1Cl3" "CsPb(Br0.5Cl0.5)3"',
    )
    parser.add_argument("formulas", nargs="+", metavar="FORMULA", help="A first, then B, then X")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a list of objects")
    form.add_argument("--csv", action="store_true", help="comma-separated values")
    arguments = parser.parse_args(argv)
    rows, failed = [], 0
    for formula in arguments.formulas:
        try:
            rows.append(tabulate(describe(formula)))
        except InputError as error:
            sys.stderr.write(f"peropass factors: {error}\n")
            failed += 1
    if arguments.json:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    elif arguments.csv:
        _write_csv(rows, sys.stdout)
    elif rows:
        sys.stdout.write(_text(rows))
    return 1 if failed else 0
