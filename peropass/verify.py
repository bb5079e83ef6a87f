"""`peropass verify`: derive every derived number of a campaign folder again and name each deviation.

Nothing is believed: records are parsed against their schema, structures are hashed, identities are recomputed from
structure and settings, candidate records and the ranking are derived from the records below them and compared field by
field, and versions are held against each other and against this environment. `--recompute N` runs N calculations once
more.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from peropass import gather
from peropass.analysis.ranking import csv_text
from peropass.analysis.uncertainty import ErrorModel
from peropass.config import ERROR_MODEL_FILE
from peropass.derive import RANKING, TABLE, derivations, open_folder
from peropass.errors import PeropassError
from peropass.garbage import rare_sweeps
from peropass.recompute import recompute
from peropass.record_checks import Findings, Folder, check_record, check_versions
from peropass.records import (
    CandidateRecord,
    ControlsRecord,
    R,
    RankingRecord,
    Record,
    SiteRecord,
    SubstitutionRecord,
    read_record,
)

NUMBER_IN_WORDS = re.compile(r"[-+]?\d+\.\d+")
RELATIVE_TOLERANCE = 1e-6  # the last digits of another processor
ABSOLUTE_TOLERANCE = 1e-7
UNCOMPARED = ("provenance.started_utc", "provenance.command")


@rare_sweeps()
def verify(folder: Folder, any_versions: bool = False) -> Findings:
    """All checks but recomputing."""
    findings = Findings()
    records = _read_all(folder, findings)
    for file in records:
        check_record(folder, file, records, findings)
    errors = stored_error_model(folder)
    _note_other_errors(folder, errors, findings)
    _check_dopants_are_asked_for(folder, records, findings)
    _check_derived(folder, findings, errors)
    _check_table(folder, findings)
    check_versions(folder, records, findings, any_versions)
    return findings


def stored_error_model(folder: Folder) -> ErrorModel | None:
    """The error model that the ranking of a folder was made with; None where there is none that can be read.

    A campaign is derived again with its own one: that of the repository gets better as ladders are measured.
    """
    try:
        stored = read_record(folder.root / RANKING, RankingRecord, allow_toy=folder.toy)
        return ErrorModel.model_validate(stored.error_model)
    except (PeropassError, ValidationError):  # `_check_derived` says what is wrong
        return None


def _note_other_errors(folder: Folder, errors: ErrorModel | None, findings: Findings) -> None:
    """Name the terms in which the folder's error model is not that of this repository: no deviation, but to be known."""
    if errors is None:
        return
    present = gather.error_model(errors.protocol).terms
    other = sorted(n for n in {*errors.terms, *present} if errors.terms.get(n) != present.get(n))
    if other:
        findings.notes.append(
            f"ranked with another error model than {ERROR_MODEL_FILE}: {', '.join(other)}"
        )


def _read_all(folder: Folder, findings: Findings) -> dict[Path, Record]:
    records: dict[Path, Record] = {}
    for file in folder.files():
        findings.count("records")
        try:
            records[file] = read_record(file, allow_toy=folder.toy)
        except PeropassError as error:
            findings.deviate(folder.short(file), str(error).removeprefix(f"{file}: "))
    return records


# --- what is derived from records ---------------------------------------------------------------------------

COUNTED = {
    SiteRecord: lambda r: {"sites": 1},
    ControlsRecord: lambda r: {"controls": len(r.rows)},
    SubstitutionRecord: lambda r: {"dopant numbers": len(r.rows)},
    CandidateRecord: lambda r: {"reactions": len(r.reactions), "candidates": 1},
    RankingRecord: lambda r: {"rows": len(r.rows)},
}


def _check_derived(folder: Folder, findings: Findings, errors: ErrorModel | None) -> None:
    """Every derived record against what follows from the records below it."""
    for expected in derivations(folder, errors):
        where = folder.short(expected.file)
        try:
            stored = read_record(expected.file, expected.kind, allow_toy=folder.toy)
        except PeropassError as error:
            findings.deviate(where, str(error).removeprefix(f"{expected.file}: "))
            continue
        try:
            derived = expected.derive()
        except PeropassError as error:
            findings.deviate(where, f"cannot be derived again: {error}")
            continue
        for what, number in COUNTED[expected.kind](derived).items():
            findings.count(what, number)
        if expected.kind in (ControlsRecord, RankingRecord):
            derived = _locked_as(stored, derived)
        _compare(where, stored, derived, findings)


def _check_dopants_are_asked_for(
    folder: Folder, records: dict[Path, Record], findings: Findings
) -> None:
    if folder.copy.campaign.substitution is None:
        for file, stored in records.items():
            if isinstance(stored, SubstitutionRecord):
                findings.deviate(folder.short(file), "the campaign asks for no dopants")


def _check_table(folder: Folder, findings: Findings) -> None:
    """The CSV beside the ranking."""
    table = folder.root / TABLE
    try:
        stored = read_record(folder.root / RANKING, RankingRecord, allow_toy=folder.toy)
    except PeropassError:
        return  # `_check_derived` says what is wrong
    if not table.exists():
        findings.deviate(table.name, "is missing")
    elif table.read_text(encoding="utf-8").splitlines() != csv_text(stored).splitlines():
        findings.deviate(table.name, f"is not the table of {RANKING}")


def _locked_as(stored: Record, derived: R) -> R:
    """`derived` without versions where the stored table has none, as tables before 2026-11-21 do."""
    if stored.provenance.versions:
        return derived
    bare = derived.provenance.model_copy(update={"versions": {}})
    return derived.model_copy(update={"provenance": bare})


def _compare(where: str, stored: Record, derived: Record, findings: Findings) -> None:
    for key, here, there in differences(
        stored.model_dump(mode="json"), derived.model_dump(mode="json")
    ):
        if key not in UNCOMPARED:
            findings.deviate(where, f"{key} is {_shown(here)}, derived again {_shown(there)}")


def differences(
    stored: object, derived: object, key: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Leaves in which two nested values differ: dotted key, stored value, derived value. Numbers within rounding agree."""
    if isinstance(stored, dict) and isinstance(derived, dict):
        for name in sorted(set(stored) | set(derived)):
            yield from differences(
                stored.get(name), derived.get(name), f"{key}.{name}" if key else name
            )
    elif isinstance(stored, list) and isinstance(derived, list) and len(stored) == len(derived):
        for n, (a, b) in enumerate(zip(stored, derived, strict=True)):
            yield from differences(a, b, f"{key}.{_label(a, n)}")
    elif _numbers(stored, derived):
        if not math.isclose(
            stored, derived, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE
        ):
            yield key, stored, derived
    elif isinstance(stored, str) and isinstance(derived, str):
        if not same_words(stored, derived):
            yield key, stored, derived
    elif stored != derived:
        yield key, stored, derived


def same_words(one: str, other: str) -> bool:
    """Equal texts, but for numbers in them that lie on an edge of rounding: they may differ by one in the last decimal."""
    if NUMBER_IN_WORDS.sub("#", one) != NUMBER_IN_WORDS.sub("#", other):
        return False
    pairs = zip(NUMBER_IN_WORDS.findall(one), NUMBER_IN_WORDS.findall(other), strict=True)
    return all(
        len(a.partition(".")[2]) == len(b.partition(".")[2])
        and abs(float(a) - float(b)) < 1.5 * 10.0 ** -len(a.partition(".")[2])
        for a, b in pairs
    )


def _label(item: object, n: int) -> str:
    if isinstance(item, dict):
        return str(item.get("name") or item.get("candidate") or item.get("species") or n)
    return str(n)


def _numbers(a: object, b: object) -> bool:
    return all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b))


def _shown(value: object) -> str:
    return f"{value!r:.60}"


def main(argv: Sequence[str] | None = None) -> int:
    """Verify a campaign folder. 0 clean, 1 deviations, 2 bad input."""
    parser = argparse.ArgumentParser(prog="peropass verify", description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", type=Path, help="campaign folder, e.g. results/reference/quickstart"
    )
    parser.add_argument(
        "--recompute", type=int, default=0, metavar="N", help="run N random calculations once more"
    )
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument(
        "--any-versions",
        action="store_true",
        help="accept records of other software than is installed",
    )
    options = parser.parse_args(argv)
    folder = open_folder(options.folder)
    findings = verify(folder, options.any_versions)
    if options.recompute:
        for line in recompute(folder, options.recompute, options.seed, findings):
            sys.stdout.write(f"recomputed {line}\n")
    for note in findings.notes:
        sys.stdout.write(f"note: {note}\n")
    for deviation in findings.deviations:
        sys.stdout.write(f"deviation: {deviation}\n")
    looked = ", ".join(f"{number} {what}" for what, number in findings.counts.items())
    verdict = f"{len(findings.deviations)} deviation(s)" if findings.deviations else "clean"
    sys.stdout.write(f"{options.folder}: {verdict}; looked at {looked}\n")
    return 1 if findings.deviations else 0
