"""Every derived record of a campaign folder, from the records below it.

`peropass verify` holds these against what is there; `peropass analyse` writes them: a better error model or another weight reaches a finished
campaign, also a published one, in seconds and without its workflow.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from peropass import gather, gather_sites, gather_substitution, paths
from peropass.analysis import ranking
from peropass.analysis.uncertainty import ErrorModel
from peropass.errors import InputError, PeropassError
from peropass.garbage import rare_sweeps
from peropass.record_checks import Folder
from peropass.records import (
    CandidateRecord,
    ControlsRecord,
    RankingRecord,
    Record,
    SiteRecord,
    SubstitutionRecord,
    read_record,
    write_record,
)

RANKING = Path(paths.RANKING).name
TABLE = Path(paths.RANKING).with_suffix(".csv").name
CONTROLS = Path(paths.CONTROLS).name


@dataclass(frozen=True)
class Derivation:
    """One record that follows from others: where it lies, of what kind it is, and how it is made."""

    file: Path
    kind: type[Record]
    derive: Callable[[], Record]


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


def derivations(folder: Folder, errors: ErrorModel | None) -> Iterator[Derivation]:
    """Sites, controls, dopants, candidates and the ranking, each after what it is made from.

    Error bars are those of `errors`, of the repository's error model where that is None.
    """
    for file in folder.files():
        yield from _of_file(folder, file, errors)
    if folder.copy.campaign.controls:
        yield Derivation(folder.root / CONTROLS, ControlsRecord, lambda: _controls(folder))
    for address in gather.addresses(folder.copy.campaign):
        file = gather.Place(address, folder.toy, folder.root).file(paths.CANDIDATE)
        yield Derivation(
            file, CandidateRecord, lambda a=address, f=file: _candidate(folder, a, f, errors)
        )
    copy = folder.copy
    yield Derivation(
        folder.root / RANKING,
        RankingRecord,
        lambda: gather.ranked(copy.campaign, copy.protocol, folder.root, errors),
    )


def _of_file(folder: Folder, file: Path, errors: ErrorModel | None) -> Iterator[Derivation]:
    """What is derived where a record of its kind lies already."""
    copy = folder.copy
    try:
        stored = read_record(file, allow_toy=folder.toy)
    except PeropassError:
        return  # whoever reads all records says what is wrong with it
    if isinstance(stored, SiteRecord):
        yield Derivation(
            file,
            SiteRecord,
            lambda: gather_sites.site_record(stored.address, copy.protocol, "", folder.root),
        )
    elif isinstance(stored, SubstitutionRecord) and copy.campaign.substitution is not None:
        yield Derivation(
            file,
            SubstitutionRecord,
            lambda: gather_substitution.substitution_record(
                stored.address, copy.protocol, copy.campaign.substitution,
                copy.campaign.terminations, "", folder.root, errors,
            ),
        )  # fmt: skip


def _controls(folder: Folder) -> ControlsRecord:
    campaign = folder.copy.campaign
    slab = campaign.slab.model_dump()
    return gather_sites.controls_record(
        campaign.controls, campaign.campaign, folder.copy.protocol, slab, "", folder.root
    )


def _candidate(folder: Folder, address, file: Path, errors: ErrorModel | None) -> CandidateRecord:
    copy = folder.copy
    references = copy.references[address.host][address.candidate]
    meta = gather.candidate_meta(copy.campaign, address.candidate, references)
    candidate = copy.campaign.by_key[address.candidate]
    return gather.candidate_record(
        address, copy.protocol, candidate, meta, file, "", folder.root, errors
    )


def analyse(folder: Folder) -> list[Path]:
    """Write every derived record again, with the repository's error model; the files that were written.

    Raises
    ------
    PeropassError
        A record cannot be derived; those before it are written.
    """
    written = []
    for derivation in derivations(folder, None):
        record = derivation.derive()
        command = _command_of(derivation.file, folder.toy)
        provenance = record.provenance.model_copy(update={"command": command})
        record = record.model_copy(update={"provenance": provenance})
        write_record(record, derivation.file)
        if isinstance(record, RankingRecord):
            ranking.write_csv(record, folder.root / TABLE)
        written.append(derivation.file)
    return written


def _command_of(file: Path, toy: bool) -> str:
    """The command that recomputes a record, as the record that is replaced has it."""
    return read_record(file, allow_toy=toy).provenance.command if file.exists() else ""


@rare_sweeps()
def main(argv: Sequence[str] | None = None) -> int:
    """`peropass analyse FOLDER`; the report is written again by `peropass report`."""
    parser = argparse.ArgumentParser(prog="peropass analyse", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="campaign folder, e.g. results/reference/cspbbr3")
    options = parser.parse_args(argv)
    written = analyse(open_folder(options.folder))
    sys.stdout.write(
        f"{options.folder}: {len(written)} records derived again; `peropass report {options.folder}` writes its page\n"
    )
    return 0
