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

from peropass import gather, gather_sites, gather_substitution, paths
from peropass.analysis.uncertainty import ErrorModel
from peropass.config import ERROR_MODEL_FILE
from peropass.errors import InputError, PeropassError, RecordError
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
RANKING = Path(paths.RANKING).name
UNCOMPARED = ("provenance.started_utc", "provenance.command")


def open_folder(root: Path) -> Folder:
    """The folder with its campaign.

    Raises
    ------
    InputError
        No copy of the campaign lies in it, or it does not fit the schema.
    """
    file = root / Path(paths.CAMPAIGN_COPY).name
    try:
        copy = gather.CampaignCopy.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            str(root), "no campaign.json", "a campaign folder that was ranked"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{file}: {'.'.join(map(str, first['loc']))}", first.get("input"), first["msg"]
        ) from None
    return Folder(root, copy)


@rare_sweeps()
def verify(folder: Folder, any_versions: bool = False) -> Findings:
    """All checks but recomputing."""
    findings = Findings()
    records = _read_all(folder, findings)
    for file in records:
        check_record(folder, file, records, findings)
    _check_sites(folder, records, findings)
    errors = stored_error_model(folder)
    _check_substitution(folder, records, findings, errors)
    _note_other_errors(folder, errors, findings)
    _check_candidates(folder, findings, errors)
    _check_ranking(folder, findings, errors)
    check_versions(folder, records, findings, any_versions)
    return findings


def stored_error_model(folder: Folder) -> ErrorModel | None:
    """The error model that the ranking of a folder was made with; None where there is none that can be read.

    A campaign is derived again with its own one: that of the repository gets better as ladders are measured.
    """
    try:
        stored = read_record(folder.root / RANKING, RankingRecord, allow_toy=folder.toy)
        return ErrorModel.model_validate(stored.error_model)
    except (PeropassError, ValidationError):  # `_check_ranking` says what is wrong
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


def _check_sites(folder: Folder, records: dict[Path, Record], findings: Findings) -> None:
    """Site records, and the table of controls, derived again from levels and energies."""
    protocol = folder.copy.protocol
    for file, stored in records.items():
        if isinstance(stored, SiteRecord):
            derived = gather_sites.site_record(stored.address, protocol, "", folder.root)
            findings.count("sites")
            _compare(folder.short(file), stored, derived, findings)
    campaign, table = folder.copy.campaign, folder.root / Path(paths.CONTROLS).name
    if campaign.controls:
        try:
            stored = read_record(table, ControlsRecord, allow_toy=folder.toy)
        except PeropassError as error:
            findings.deviate(table.name, str(error).removeprefix(f"{table}: "))
            return
        slab = campaign.slab.model_dump()
        derived = gather_sites.controls_record(
            campaign.controls, campaign.campaign, protocol, slab, "", folder.root
        )
        findings.count("controls", len(derived.rows))
        _compare(table.name, stored, _locked_as(stored, derived), findings)


def _check_substitution(
    folder: Folder, records: dict[Path, Record], findings: Findings, errors: ErrorModel | None
) -> None:
    """Numbers of the dopants, derived again from cells, slabs and salts."""
    copy = folder.copy
    for file, stored in records.items():
        if not isinstance(stored, SubstitutionRecord):
            continue
        if copy.campaign.substitution is None:
            findings.deviate(folder.short(file), "the campaign asks for no dopants")
            continue
        derived = gather_substitution.substitution_record(
            stored.address, copy.protocol, copy.campaign.substitution,
            copy.campaign.terminations, "", folder.root, errors,
        )  # fmt: skip
        findings.count("dopant numbers", len(derived.rows))
        _compare(folder.short(file), stored, derived, findings)


def _check_candidates(folder: Folder, findings: Findings, errors: ErrorModel | None) -> None:
    copy = folder.copy
    for address in gather.addresses(copy.campaign):
        file = gather.Place(address, folder.toy, folder.root).file(paths.CANDIDATE)
        try:
            stored = read_record(file, CandidateRecord, allow_toy=folder.toy)
        except RecordError as error:
            findings.deviate(folder.short(file), str(error).removeprefix(f"{file}: "))
            continue
        references = copy.references[address.host][address.candidate]
        meta = gather.candidate_meta(copy.campaign, address.candidate, references)
        candidate = copy.campaign.by_key[address.candidate]
        try:
            derived = gather.candidate_record(
                address, copy.protocol, candidate, meta, file, "", folder.root, errors
            )
        except PeropassError as error:
            findings.deviate(folder.short(file), f"cannot be derived again: {error}")
            continue
        findings.count("reactions", len(derived.reactions))
        findings.count("candidates")
        _compare(folder.short(file), stored, derived, findings)


def _check_ranking(folder: Folder, findings: Findings, errors: ErrorModel | None) -> None:
    from peropass.analysis.ranking import csv_text

    file, table = folder.root / RANKING, folder.root / "ranking.csv"
    try:
        stored = read_record(file, RankingRecord, allow_toy=folder.toy)
        copy = folder.copy
        derived = gather.ranked(copy.campaign, copy.protocol, folder.root, errors)
    except PeropassError as error:
        findings.deviate(RANKING, str(error).removeprefix(f"{file}: "))
        return
    findings.count("rows", len(derived.rows))
    _compare(RANKING, stored, _locked_as(stored, derived), findings)
    if not table.exists():
        findings.deviate("ranking.csv", "is missing")
    elif table.read_text(encoding="utf-8").splitlines() != csv_text(stored).splitlines():
        findings.deviate("ranking.csv", "is not the table of ranking.json")


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
