"""Gather what a campaign folder holds for the report; refuse, with file and reason, what must not be shown.

A ranked row is shown only if every record behind it parses, is no toy, and shares the settings of its campaign. A row that is
refused is listed at the head of the report; nothing is guessed in its place.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ase import Atoms
from pydantic import ValidationError

from peropass.errors import RecordError, ToyRecord
from peropass.ids import structure_hash
from peropass.records import (
    CalculationRecord,
    CandidateRecord,
    ControlsRecord,
    EosRecord,
    LevelsRecord,
    PosesRecord,
    RankedRow,
    RankingRecord,
    Record,
    StructureRef,
    SubstitutionRecord,
    read_record,
)
from peropass.report.extxyz import read_extxyz
from peropass.report.sites import SiteEvidence, collect_controls, collect_sites
from peropass.report.slices import SLICES
from peropass.report.substitution import collect_substitutions

RANKING_FILE = "ranking.json"
CANDIDATE_GLOB = "*/*/*/*/*/candidate.record.json"  # protocol/host/termination/site/candidate
EOS_GLOB = "*/*/*/eos.record.json"
VALUE_TOLERANCE_EV = 1e-6

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Problem:
    """Something that the report does not show, and why."""

    file: str
    reason: str
    row: str = ""


@dataclass(frozen=True)
class Calculation:
    """One calculation of a candidate with the structures that stand beside it."""

    file: str
    record: CalculationRecord
    initial: Atoms | None = None
    final: Atoms | None = None


@dataclass(frozen=True)
class Evidence:
    """All that stands behind one ranked row."""

    row: RankedRow
    candidate: CandidateRecord | None = None
    file: str = ""
    poses: PosesRecord | None = None
    calculations: tuple[Calculation, ...] = ()
    levels: LevelsRecord | None = None
    socket: Calculation | None = None
    pristine_levels: LevelsRecord | None = None
    socket_levels: LevelsRecord | None = None
    slices: Path | None = None

    @property
    def best(self) -> Calculation | None:
        """The calculation of the best pose; the only one if there is one."""
        if self.candidate is None or not self.calculations:
            return None
        named = [c for c in self.calculations if c.record.address.pose == self.candidate.best_pose]
        return named[0] if named else self.calculations[0]

    @property
    def has_levels(self) -> bool:
        """Whether pristine, bare and loaded slab all have the levels that the trap verdict used."""
        traps = self.candidate.traps if self.candidate is not None else None
        slabs = (self.pristine_levels, self.socket_levels, self.levels)
        if traps is None or any(slab is None for slab in slabs):
            return False
        needed = [traps.levels] + (["scalar"] if traps.gap_scalar_pristine_eV is not None else [])
        return all(getattr(slab, kind) is not None for slab in slabs for kind in needed)


@dataclass
class Collection:
    """A campaign as the report shows it."""

    folder: Path
    ranking: RankingRecord | None
    evidence: list[Evidence] = field(default_factory=list)
    eos: list[EosRecord] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sites: list[SiteEvidence] = field(default_factory=list)
    controls: ControlsRecord | None = None
    substitutions: list[SubstitutionRecord] = field(default_factory=list)

    @property
    def settings(self) -> dict:
        """Settings shared by the energies shown; empty if nothing was calculated."""
        for one in self.evidence:
            for calculation in one.calculations:
                return calculation.record.settings
        if self.controls is not None:
            return self.controls.settings
        return self.eos[0].settings if self.eos else {}

    @property
    def records(self) -> Iterator[Record]:
        """Every record shown, for versions and costs."""
        if self.ranking is not None:
            yield self.ranking
        yield from self.eos
        for one in self.evidence:
            if one.candidate is not None:
                yield one.candidate
            if one.poses is not None:
                yield one.poses
            if one.levels is not None:
                yield one.levels
            yield from (c.record for c in one.calculations)
        for site in self.sites:
            yield site.record
        yield from self.substitutions


def row_key(row: RankedRow) -> Key:
    """(host, termination, site, candidate): what makes a row one row."""
    return (row.host, row.termination, row.site, row.candidate)


class Reader:
    """Reads the files of one campaign folder, each once, and keeps what was refused."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.problems: list[Problem] = []
        self._shared: dict[str, Record | None] = {}
        self._sockets: dict[str, Calculation | None] = {}

    def relative(self, path: Path) -> str:
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)

    def resolve(self, base: Path, name: str) -> Path:
        """File `name` as written in a record: beside it, from the campaign folder, or from the project folder."""
        for candidate in (base / name, self.folder / name, Path(name)):
            if candidate.exists():
                return candidate
        parts = Path(name).parts
        if self.folder.name in parts:  # the folder was moved or renamed above the campaign level
            return self.folder.joinpath(*parts[parts.index(self.folder.name) + 1 :])
        return self.folder / name

    def ranking(self) -> RankingRecord | None:
        """The ranking, without the rows that violate the schema; None if there is nothing to show."""
        path = self.folder / RANKING_FILE
        try:
            return read_record(path, RankingRecord)
        except ToyRecord as error:
            self._refuse(path, error)
            return None
        except RecordError as error:
            return self._salvage(path, error)

    def _salvage(self, path: Path, error: RecordError) -> RankingRecord | None:
        """Keep the rows that are whole; name those that are not."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            rows = data["rows"]
        except (OSError, ValueError, KeyError, TypeError):
            self._refuse(path, error)
            return None
        if data.get("toy"):
            self._refuse(path, ToyRecord("made by the toy engine, which exists for tests only"))
            return None
        whole = []
        for number, row in enumerate(rows if isinstance(rows, list) else []):
            try:
                whole.append(RankedRow.model_validate(row).model_dump())
            except ValidationError as bad:
                first = bad.errors()[0]
                column = ".".join(str(part) for part in first["loc"]) or "(row)"
                name = row.get("candidate", "") if isinstance(row, dict) else ""
                self.problems.append(
                    Problem(
                        RANKING_FILE,
                        f"row {number + 1}, column {column}: {first['msg']}",
                        str(name),
                    )
                )
        try:
            return RankingRecord.model_validate({**data, "rows": whole})
        except ValidationError:
            self._refuse(path, error)
            return None

    def candidates(self) -> dict[Key, tuple[Path, CandidateRecord | None]]:
        """Candidate records by key; None where the record was refused (the key then comes from the folder)."""
        found: dict[Key, tuple[Path, CandidateRecord | None]] = {}
        for path in sorted(self.folder.glob(CANDIDATE_GLOB)):
            host, termination, site, candidate = path.relative_to(self.folder).parts[1:5]
            record = self.record(path, CandidateRecord)
            if record is not None:
                a = record.address
                found[(a.host, a.termination, a.site, a.candidate)] = (path, record)
            else:
                found[(host, termination, site, candidate)] = (path, None)
        return found

    def record(self, path: Path, kind: type[Record]) -> Record | None:
        """One record, or None and a problem."""
        try:
            return read_record(path, kind)
        except (RecordError, ToyRecord) as error:
            self._refuse(path, error)
            return None

    def shared(self, path: Path, kind: type[Record]) -> Record | None:
        """A record that many rows use; read once, absent is no problem."""
        name = str(path)
        if name not in self._shared:
            self._shared[name] = self.record(path, kind) if path.exists() else None
        return self._shared[name]

    def calculation(self, path: Path) -> Calculation | None:
        record = self.record(path, CalculationRecord)
        if record is None:
            return None
        return Calculation(
            self.relative(path),
            record,
            self.structure(path.parent, record.initial),
            self.structure(path.parent, record.final),
        )

    def socket(self, site_folder: Path) -> Calculation | None:
        """The bare socket that all candidates of a site share."""
        path = site_folder / "none" / "none" / "relax.record.json"
        name = str(path)
        if name not in self._sockets:
            self._sockets[name] = self.calculation(path) if path.exists() else None
        return self._sockets[name]

    def structure(self, base: Path, reference: StructureRef | None) -> Atoms | None:
        """The structure of `reference`; None and a problem if it is not the one the record was made with."""
        if reference is None:
            return None
        path = self.resolve(base, reference.file)
        try:
            atoms = read_extxyz(path)
        except RecordError as error:
            self.problems.append(Problem(self.relative(path), f"structure not shown: {error}"))
            return None
        if structure_hash(atoms) != reference.hash:
            self.problems.append(
                Problem(
                    self.relative(path),
                    "structure not shown: not the one its record names (hash differs)",
                )
            )
            return None
        return atoms

    def _refuse(self, path: Path, error: Exception) -> None:
        reason = str(error)
        for prefix in (f"{path}: ", str(path)):
            reason = reason.removeprefix(prefix)
        self.problems.append(Problem(self.relative(path), reason))


def collect(folder: str | Path) -> Collection:
    """Read a campaign folder for the report; never raises for bad records, lists them instead."""
    reader = Reader(folder)
    ranking = reader.ranking()
    if ranking is None:
        return Collection(reader.folder, None, problems=reader.problems)
    candidates = reader.candidates()
    evidence = [
        one for row in ranking.rows if (one := _evidence(reader, row, candidates)) is not None
    ]
    ranked = {row_key(row) for row in ranking.rows}
    for key, (path, record) in candidates.items():
        if record is not None and key not in ranked:
            reader.problems.append(
                Problem(reader.relative(path), "not in ranking.json: ranked before it was written?")
            )
    eos = [
        r
        for p in sorted(reader.folder.glob(EOS_GLOB))
        if (r := reader.record(p, EosRecord)) is not None
    ]
    kept, eos = _one_protocol(evidence, eos, ranking, reader.problems)
    sites, controls = collect_sites(reader), collect_controls(reader)
    dopants = collect_substitutions(reader)
    return Collection(reader.folder, ranking, kept, eos, reader.problems, sites, controls, dopants)


def _evidence(reader: Reader, row: RankedRow, candidates: dict) -> Evidence | None:
    """What stands behind `row`, or None if any of it was refused."""
    path, candidate = candidates.get(row_key(row), (None, None))
    if path is None:
        if row.status == "ok":
            reader.problems.append(
                Problem(RANKING_FILE, "no candidate record: row left out", row.candidate)
            )
            return None
        return Evidence(row)
    if candidate is None:
        return None
    stale = _disagreement(row, candidate)
    if stale:
        reader.problems.append(Problem(reader.relative(path), stale, row.candidate))
        return None
    site_folder = path.parent.parent
    before = len(reader.problems)
    poses = _optional(reader, path.parent, candidate.poses_file, PosesRecord)
    levels = _optional(reader, path.parent, candidate.levels_file, LevelsRecord)
    calculations = [
        c
        for name in candidate.relax_files
        if (c := reader.calculation(reader.resolve(path.parent, name))) is not None
    ]
    refused = [
        p for p in reader.problems[before:] if not p.reason.startswith("structure not shown")
    ]
    if refused:
        return None
    pristine = site_folder.parent / "pristine" / "none" / "none" / "levels.record.json"
    return Evidence(
        row,
        candidate,
        reader.relative(path),
        poses,
        tuple(calculations),
        levels,
        reader.socket(site_folder),
        reader.shared(pristine, LevelsRecord),
        reader.shared(site_folder / "none" / "none" / "levels.record.json", LevelsRecord),
        _slices_of(reader, path.parent, candidate),
    )


def _slices_of(reader: Reader, base: Path, candidate: CandidateRecord) -> Path | None:
    """Where the density slices of the loaded slab lie, beside its levels."""
    if candidate.levels_file is None:
        return None
    return reader.resolve(base, candidate.levels_file).with_name(SLICES)


def _optional(reader: Reader, base: Path, name: str | None, kind: type[Record]) -> Record | None:
    return None if name is None else reader.record(reader.resolve(base, name), kind)


def _disagreement(row: RankedRow, candidate: CandidateRecord) -> str:
    """Why the ranking cannot have been made from this record; empty if it can."""
    reaction = candidate.reaction("binding")
    if row.status != candidate.status:
        return f"ranking says {row.status}, record says {candidate.status}: ranking.json is stale"
    if reaction is None or reaction.value_eV is None or row.binding_energy_eV is None:
        return ""
    if abs(reaction.value_eV - row.binding_energy_eV) <= VALUE_TOLERANCE_EV:
        return ""
    return f"binding energy {reaction.value_eV:.4f} eV, ranking has {row.binding_energy_eV:.4f} eV: ranking.json is stale"


def _one_protocol(
    evidence: Sequence[Evidence],
    eos: Sequence[EosRecord],
    ranking: RankingRecord,
    problems: list[Problem],
) -> tuple[list[Evidence], list[EosRecord]]:
    """Leave out rows whose energies were computed with other settings than most of the campaign's."""
    hashes = Counter(e.settings_hash for e in eos)
    hashes.update(c.record.settings_hash for one in evidence for c in one.calculations)
    if not hashes:
        return list(evidence), list(eos)
    common = hashes.most_common(1)[0][0]
    kept = []
    for one in evidence:
        found = {c.record.settings_hash for c in one.calculations}
        found |= {one.levels.settings_hash} if one.levels is not None else set()
        found -= {common}
        protocol = (
            one.candidate.address.protocol
            if one.candidate is not None
            else ranking.address.protocol
        )
        if found:
            reason = f"mixed protocols: settings {', '.join(sorted(found))}, campaign {common}"
            problems.append(Problem(one.file, reason, one.row.candidate))
        elif protocol != ranking.address.protocol and ranking.address.protocol not in (
            "none",
            "several",
        ):
            reason = f"mixed protocols: {protocol}, ranking {ranking.address.protocol}"
            problems.append(Problem(one.file, reason, one.row.candidate))
        else:
            kept.append(one)
    for record in eos:
        if record.settings_hash != common:
            where = f"{record.address.protocol}/{record.address.host}: eos.record.json"
            problems.append(
                Problem(
                    where, f"mixed protocols: settings {record.settings_hash}, campaign {common}"
                )
            )
    return kept, [r for r in eos if r.settings_hash == common]
