"""Give a campaign the finished calculations of another one, so that shared jobs cost nothing.

A job finds its result by the hash of structure, settings and revision in its work folder; copying work folders is
therefore safe: a job whose inputs differ has another hash, does not find the copy, and is computed. Of a campaign that was published, as
those in results/reference, only records and structures are left; each names its hash, and its work folder is made again from them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from peropass import paths
from peropass.config import load_campaign
from peropass.engine.equation_of_state import EQUILIBRIUM
from peropass.engine.level_jobs import SLICES, slices_file
from peropass.engine.work import RESULT, work_folder
from peropass.errors import InputError, RecordError
from peropass.records import (
    CalculationRecord,
    EosRecord,
    LevelsRecord,
    PosesRecord,
    Record,
    read_record,
    write_record,
)

PRIVATE = shutil.ignore_patterns("lock", "progress.json", "gpaw-*.txt", ".*")
FROM_WORK_FOLDERS = {
    "eos": EosRecord,
    "relax": CalculationRecord,
    "single-point": CalculationRecord,
    "poses": PosesRecord,
    "levels": LevelsRecord,
}


def reuse(source: Path, target: Path, protocol: str) -> int:
    """Copy every work folder below `source` to the same place below `target`; return how many were new.

    Both are campaign folders (`results/<campaign>`); whatever the protocol's name in `source`, in `target` it is
    `protocol`, since names are not part of the hash. Finished results and journals of unfinished relaxations
    travel; a folder that `target` has already is left alone. Where `source` has records without their work folders, these
    are made from them.

    Raises
    ------
    InputError
        `source` is no folder, or is `target` itself.
    """
    if not source.is_dir():
        raise InputError(str(source), "no such folder", "the folder of a campaign that has run")
    if source.resolve() == target.resolve():
        raise InputError(str(source), "the campaign's own folder", "the folder of another campaign")
    copied = 0
    for folder in sorted(path for path in source.rglob("work-*") if path.is_dir()):
        place = _place(folder.relative_to(source), target, protocol)
        copied += _appears(place, lambda new, old=folder: _copy(old, new))
    for file in sorted(source.rglob("*.record.json")):
        kind = FROM_WORK_FOLDERS.get(_kind(file))
        if kind is None or any(part.startswith("work-") for part in file.parts):
            continue
        record = read_record(file, kind, allow_toy=True)
        if record.status != "ok" or not _own(record, file):
            continue
        folder = work_folder(file, record.provenance.physics_hash)
        place = _place(folder.relative_to(source), target, protocol)
        copied += _appears(place, lambda new, old=file, r=record: _unpublish(r, old, new))
    return copied


def _place(below: Path, target: Path, protocol: str) -> Path:
    return target.joinpath(protocol, *below.parts[1:])


def _appears(place: Path, fill) -> int:
    """Make the folder `place` by rename, filled by `fill`; 1 if it was not there before."""
    if place.exists():
        return 0
    temporary = place.with_name(f".{place.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    fill(temporary)
    temporary.rename(place)
    return 1


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=PRIVATE)


def _kind(file: Path) -> str:
    try:
        return str(json.loads(file.read_text(encoding="utf-8")).get("kind"))
    except ValueError as error:
        raise RecordError(f"{file}: not a record ({error})") from None


def _own(record: Record, file: Path) -> bool:
    """Whether the record is what its job wrote: the lowest of several variants is a copy of one that stands beside it."""
    final = getattr(record, "final", None)
    return final is None or final.file.startswith(file.name.removesuffix(".record.json") + ".")


def _unpublish(record: Record, file: Path, folder: Path) -> None:
    """Files of a work folder from a published record and what lies beside it."""
    folder.mkdir(parents=True)

    def bring(name: str, called: str) -> None:
        shutil.copyfile(file.parent / name, folder / called)

    update = {}
    if isinstance(record, CalculationRecord):
        for field in ("initial", "final"):
            structure = getattr(record, field)
            bring(structure.file, f"{field}.extxyz")
            update[field] = structure.model_copy(update={"file": f"{field}.extxyz"})
    elif isinstance(record, EosRecord):
        bring(record.structure.file, EQUILIBRIUM)
        update["structure"] = record.structure.model_copy(update={"file": EQUILIBRIUM})
    elif isinstance(record, PosesRecord):
        for pose in record.poses:
            if pose.file:
                bring(pose.file, pose.file)
    elif slices_file(file).exists():
        bring(slices_file(file).name, SLICES)
    write_record(record.model_copy(update=update), folder / RESULT)


def main(argv: Sequence[str]) -> int:
    """`peropass reuse RESULTS_FOLDER CONFIG`."""
    parser = argparse.ArgumentParser(prog="peropass reuse", description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder of a campaign that has run")
    parser.add_argument("config", help="campaign file that shall find those results")
    options = parser.parse_args(argv)
    campaign, _ = load_campaign(options.config)
    target = Path(paths.CAMPAIGN.format(campaign=campaign.campaign))
    count = reuse(options.source, target, campaign.protocol)
    sys.stdout.write(
        f"{count} work folders of {options.source} copied to {target}; jobs with the same hash find them\n"
    )
    return 0
