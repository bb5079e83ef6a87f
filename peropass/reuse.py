"""Give a campaign the finished calculations of another one, so that shared jobs cost nothing.

A job finds its result by the hash of structure, settings and revision in its work folder; copying work folders is
therefore safe: a job whose inputs differ has another hash, does not find the copy, and is computed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from peropass import paths
from peropass.config import load_campaign
from peropass.errors import InputError

PRIVATE = shutil.ignore_patterns("lock", "progress.json", "gpaw-*.txt", ".*")


def reuse(source: Path, target: Path, protocol: str) -> int:
    """Copy every work folder below `source` to the same place below `target`; return how many were new.

    Both are campaign folders (`results/<campaign>`); whatever the protocol's name in `source`, in `target` it is
    `protocol`, since names are not part of the hash. Finished results and journals of unfinished relaxations
    travel; a folder that `target` has already is left alone.

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
        _, *below = folder.relative_to(source).parts
        place = target.joinpath(protocol, *below)
        if place.exists():
            continue
        temporary = place.with_name(f".{place.name}.partial")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(folder, temporary, ignore=PRIVATE)
        temporary.rename(place)
        copied += 1
    return copied


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
