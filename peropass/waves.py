"""Campaigns of thousands of rows: plan them in waves, and skip what is settled without asking Snakemake.

Snakemake needs 2 ms and 40 kB per job, so 10,000 rows with eight jobs each would take minutes and gigabytes every
time. Above `WAVE` rows a campaign is therefore planned in waves of so many candidate chains. A chain whose record is
there, newer than all that it was made from, and made with the parameters of today is settled: one line in
`settled.json` says so, and the chain is looked at again only when a file or a parameter of it changes. Where a clock
was wrong and Snakemake, which looks at contents too, found nothing to do, the line keeps the time of the newest file.
Ranking and report come last and read the manifest.
"""

from __future__ import annotations

import json
import os
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from peropass import paths
from peropass.ids import digest
from peropass.records import write_text

if TYPE_CHECKING:
    from peropass.workflow import Plan

WAVE = 1000  # candidate chains that Snakemake plans at once: 8,000 jobs, 20 s, 0.3 GB
MANIFEST = paths.CAMPAIGN + "/settled.json"
CLOCK_SLACK_S = 2.0  # file servers and nodes need not agree to the second


class Waves:
    """Which candidate chains of a large campaign Snakemake has to look at now."""

    def __init__(self, plan: Plan, size: int = WAVE) -> None:
        self.plan, self.size = plan, size
        self.started = time.time()
        self.asked = False  # whether a whole wave is what this process was to make
        self.manifest = plan.path(MANIFEST)

    @cached_property
    def active(self) -> bool:
        """True where the campaign is too large for one plan."""
        return len(self.plan.sockets()) * len(self.plan.campaign.candidates) > self.size

    @cached_property
    def unsettled(self) -> list[str]:
        """Candidate records that are missing, older than an input, or made with other parameters."""
        known = self._read()
        fixed = self.plan.chain_digest_base()
        return [
            record
            for record, place in self._chains()
            if not self._settled(known.get(record, ""), fixed, record, place)
        ]

    def targets(self) -> list[str]:
        """What the default target asks for: the report, or the next wave of candidates before it.

        Records that are missing below a candidate are asked for by name: Snakemake does not miss them.
        """
        self.asked = True
        if not self.active or not self.unsettled:
            return [self.plan.path(paths.REPORT)]
        wave = self.wave()
        below = [
            file
            for record, place in self._chains()
            if record in wave and os.path.exists(record)
            for file in self.plan.chain_files(place)
            if not os.path.exists(file)
        ]
        return list(dict.fromkeys([*wave, *below]))

    def wave(self) -> dict[str, None]:
        """Candidate records that are planned now, in order."""
        return dict.fromkeys(self.unsettled[: self.size])

    @property
    def to_come(self) -> int:
        """Candidates that a large campaign has still to plan; ranking and report follow when there is none."""
        return len(self.unsettled) if self.active else 0

    def settle(self, succeeded: bool) -> None:
        """Write down what the run that ends now has settled.

        After a run with failures, or one that was asked for something else than a wave, only records written by it
        count: Snakemake writes a candidate last, after everything that it depends on is up to date.
        """
        if not self.active or not self.unsettled:
            return
        known, fixed = self._read(), self.plan.chain_digest_base()
        wave = self.wave()
        for record, place in self._chains():
            made, newest = self._times(record, place) if record in wave else (0, None)
            if newest is None:
                continue
            digest_now = self._digest(fixed, place)
            if succeeded:
                known[record] = digest_now if newest <= made else f"{digest_now} {newest}"
            elif newest <= made and made / 1e9 >= self.started - CLOCK_SLACK_S:
                known[record] = digest_now
        rows = {record for record, _ in self._chains()}
        kept = {record: known[record] for record in sorted(known) if record in rows}
        write_text(self.manifest, json.dumps(kept, indent=0) + "\n")

    def _read(self) -> dict[str, str]:
        try:
            kept = dict(json.loads(Path(self.manifest).read_text(encoding="utf-8")))
            return {record: str(line) for record, line in kept.items()}
        except (FileNotFoundError, json.JSONDecodeError, TypeError, ValueError):
            return {}

    def _chains(self):
        pattern = self.plan.path(paths.CANDIDATE)
        for socket in self.plan.sockets():
            for key in self.plan.campaign.by_key:
                place = {**socket, "candidate": key}
                yield pattern.format(**place), place

    def _digest(self, fixed: str, place: dict[str, str]) -> str:
        return digest([fixed, *self.plan.chain_parameters(place)], 16)

    def _settled(self, line: str, fixed: str, record: str, place: dict[str, str]) -> bool:
        """What stands in the manifest holds for the files and parameters of now."""
        digest_now = self._digest(fixed, place)
        if not line.startswith(digest_now):
            return False
        made, newest = self._times(record, place)
        if newest is None:
            return False
        return newest <= made if line == digest_now else line == f"{digest_now} {newest}"

    def _times(self, record: str, place: dict[str, str]) -> tuple[int, int | None]:
        """When the record was made and the newest file that it was made from, ns; None if one is missing."""
        try:
            made = os.stat(record).st_mtime_ns
            return made, max(os.stat(file).st_mtime_ns for file in self.plan.chain_files(place))
        except FileNotFoundError:
            return 0, None
