"""Read the records of a campaign from their places and hand them to the analysis; the only place that knows both."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import product
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.extxyz import read_xyz
from pydantic import BaseModel, ConfigDict

from peropass import dispersion_models, paths
from peropass.analysis import comparisons, pipeline, ranking, site_energies, uncertainty
from peropass.analysis import distortion as distortions
from peropass.check import checked
from peropass.chemistry.descriptors import describe
from peropass.chemistry.library import Library, build_model, load_library
from peropass.chemistry.ligand_formability import of_ligand
from peropass.chemistry.model_plan import ModelPlan, plan_model
from peropass.chemistry.planned import PlannedReaction
from peropass.chemistry.reaction_plan import gas, reactions_for
from peropass.chemistry.reactions import HostIons
from peropass.config import ERROR_MODEL_FILE, Campaign, CandidateSettings, load_campaign
from peropass.engine.protocol import LATERAL_FOLDING, Protocol
from peropass.errors import PeropassError, RecordError
from peropass.ids import digest
from peropass.records import (
    Address,
    BandRecord,
    CalculationRecord,
    CandidateRecord,
    ComparisonResult,
    Distortion,
    EosRecord,
    LevelsRecord,
    Literature,
    PosesRecord,
    Provenance,
    RankingRecord,
    Record,
    ThermoRecord,
    read_record,
    write_record,
    write_text,
)
from peropass.shared_records import FileState, shared_record, shared_verdicts, state_of
from peropass.surfaces.hosts import Host, load_host
from peropass.surfaces.neighbours import ion_roles

RESULTS = Path(__file__).resolve().parents[1] / "results"
PHASES = (paths.RESERVOIR, paths.BULK)  # bulk phases that every campaign has


@dataclass(frozen=True)
class Place:
    """Folder arithmetic for one candidate: fills the patterns of `paths`.

    `root` is the campaign folder; it may have been moved, e.g. to results/reference.
    """

    address: Address
    toy: bool
    root: Path

    def file(self, pattern: str, **more: str) -> Path:
        return self.root / self.below_root(pattern, **more)

    def below_root(self, pattern: str, **more: str) -> str:
        """As `file`, relative to the campaign folder and as text."""
        return pattern.format(**{**self._fields, **more}).removeprefix(self._prefix)

    def read(self, kind: type[Record], pattern: str, **more: str):
        """The record at a pattern, None if it is absent."""
        file = self._name(pattern, **more)
        return read_record(file, kind, allow_toy=self.toy) if os.path.exists(file) else None

    def shared(self, kind: type[Record], pattern: str, **more: str):
        """As `read`, for a record that other candidates need as well: it is read once per process."""
        return shared_record(self._name(pattern, **more), kind, self.toy)

    def relative(self, file: Path) -> str:
        return str(file.relative_to(self.root))

    def folder(self, pattern: str, **more: str) -> str:
        """Of the file at a pattern, as text."""
        return os.path.dirname(self._name(pattern, **more))

    def _name(self, pattern: str, **more: str) -> str:
        """As `file`, as text: a candidate asks for some forty files, and a `Path` costs more than the question."""
        return os.path.join(self._root, self.below_root(pattern, **more))

    @cached_property
    def _fields(self) -> dict[str, str]:
        return {k: v for k, v in self.address.model_dump().items() if v != "none"}

    @cached_property
    def _prefix(self) -> str:
        return paths.CAMPAIGN.format(campaign=self.address.campaign) + "/"

    @cached_property
    def _root(self) -> str:
        return os.fspath(self.root)


def campaign_root(campaign: str) -> Path:
    """Where the records of a campaign are written."""
    return Path(paths.CAMPAIGN.format(campaign=campaign))


def candidate_record(
    address: Address,
    protocol: Protocol,
    candidate: CandidateSettings,
    meta: dict,
    out: Path,
    command: str,
    root: Path | None = None,
    errors: uncertainty.ErrorModel | None = None,
) -> CandidateRecord:
    """Collect everything that bears on one candidate and assemble its record.

    `out` is the place of the record among the others; `root` the campaign folder if it was moved; `errors` the error
    model if it is not that of config/error-model.yaml.
    """
    place = Place(address, protocol.engine == "toy", root or campaign_root(address.campaign))
    host = load_host(address.host)
    entry = _library().entry(candidate.ligand)
    halide = candidate.halide or host.symbol("X")
    on_paper = _on_paper(candidate, halide)
    ions = HostIons(host.symbol("A"), host.symbol("B"), host.symbol("X"))
    smiles = ".".join(on_paper.parts)
    natives = {key: _native_smiles(CandidateSettings(**row), host) for key, row in meta["natives"]}
    planned = reactions_for(
        entry,
        ions,
        smiles=smiles,
        variant=candidate.variant,
        tail_carbons=candidate.tail_carbons,
        site=address.site,
        termination=address.termination,
        natives=natives,
        complexes=meta["lability"]["complexes"],
    )
    poses = _relaxed_poses(os.path.dirname(out))
    inputs = _inputs(place, planned, poses, natives, meta["references"], smiles, address)
    facts = _facts(entry, candidate, on_paper, halide, meta, _sizes(place))
    best = pipeline.best_pose(inputs.loaded)
    record = pipeline.assemble(
        address,
        facts,
        inputs,
        errors or error_model(address.protocol),
        _provenance(inputs, command),
        pipeline.Solution(
            meta["lability"]["temperature_K"],
            meta["lability"]["concentration_M"],
            meta["lability"]["solvent"],
        ),
        formability=of_ligand(ions, smiles, halide),
        distortions=_distortions(place, inputs, poses, host.symbol("X")),
        poses_file="poses.record.json",
        relax_files=[f"{pose}/relax.record.json" for pose in poses],
        levels_file=f"{best}/levels.record.json" if best else None,
    )
    return record.model_copy(update=_migration(place, address.candidate))


def _migration(place: Place, candidate: str) -> dict[str, object]:
    """Path and barrier of the halide hop next to the ligand, and of the clean surface, where a band was asked for."""
    bands = [place.read(BandRecord, paths.BAND, hop=hop) for hop in (candidate, paths.BARE_HOP)]
    if bands[0] is None:
        return {}
    own, clean = (b.path if b is not None and b.status == "ok" else None for b in bands)
    names = (f"hop next to {candidate}", "hop of the clean surface")
    told = [
        f"{name}: {b.status}" + (f", {b.reason}" if b.reason else "")
        for name, b in zip(names, bands, strict=True)
        if b is not None and b.status != "ok"
    ]
    return {
        "migration": own,
        "migration_clean": clean,
        "migration_barrier_eV": None if own is None else own.barrier_eV,
        "migration_reason": "; ".join(told),
    }


@cache
def _library() -> Library:
    """The ligand library, read once per process."""
    return load_library()


@cache
def error_model(protocol: str) -> uncertainty.ErrorModel:
    """The repository's error model for a protocol, read once per process."""
    return uncertainty.load_error_model(ERROR_MODEL_FILE, protocol)


def _native_smiles(candidate: CandidateSettings, host: Host) -> str:
    return ".".join(_on_paper(candidate, candidate.halide or host.symbol("X")).parts)


def _on_paper(candidate: CandidateSettings, halide: str) -> ModelPlan:
    """The model of a row without 3-D."""
    return _planned(
        candidate.ligand, candidate.tail_carbons, halide, candidate.variant, candidate.partner
    )


@lru_cache(maxsize=16384)  # all models of a library, each of which every socket needs again
def _planned(
    ligand: str, tail_carbons: int | None, halide: str, variant: str, partner: str | None
) -> ModelPlan:
    return plan_model(
        _library().entry(ligand),
        tail_carbons=tail_carbons,
        halide=halide,
        variant=variant,
        partner=partner,
    )


def _inputs(
    place: Place,
    planned: list[PlannedReaction],
    poses: list[str],
    natives: dict[str, str],
    references: dict[str, str],
    smiles: str,
    address: Address,
) -> pipeline.CandidateInputs:
    phases = [place.shared(EosRecord, pattern) for pattern in PHASES]
    known: dict[str, CalculationRecord | EosRecord] = {}
    thermo: dict[str, ThermoRecord] = {}
    for plan in planned:
        for _, species in plan.reaction.terms if plan.reaction else ():
            for phase in phases:
                if species.name.endswith("(bulk)") and phase is not None:
                    if dict(species.composition) == phase.composition:
                        known[species.name] = phase
    for identity, text in references.items():
        record = place.shared(CalculationRecord, paths.REFERENCE, reference=identity)
        if record is not None:
            known[gas(text).name] = record
        heat = place.shared(ThermoRecord, paths.REFERENCE_THERMO, reference=identity)
        if heat is not None:
            thermo[gas(text).name] = heat
    own_heat = place.read(ThermoRecord, paths.MOLECULE_THERMO)
    if own_heat is not None:
        thermo[gas(smiles).name] = own_heat
    slabs = {
        "pristine": place.shared(CalculationRecord, paths.PRISTINE),
        "socket": place.shared(CalculationRecord, paths.CLEAN),
        "molecule": place.read(CalculationRecord, paths.MOLECULE),
    }
    loaded = _per_pose(place, CalculationRecord, paths.LOADED, poses)
    native_poses = {key: _native_poses(place, key) for key in natives}
    native_loaded = {
        key: found
        for key, records in native_poses.items()
        if (found := _best_native(records)) is not None
    }
    native_molecule = {
        key: found
        for key in natives
        if (found := place.shared(CalculationRecord, paths.MOLECULE, candidate=key)) is not None
    }
    return pipeline.CandidateInputs(
        planned=planned,
        **slabs,
        loaded=loaded,
        native_loaded=native_loaded,
        native_molecule=native_molecule,
        references=known,
        slab_fragments=_per_pose(place, CalculationRecord, paths.FRAGMENT, poses, part="slab"),
        ligand_fragments=_per_pose(place, CalculationRecord, paths.FRAGMENT, poses, part="ligand"),
        levels_pristine=place.shared(LevelsRecord, paths.PRISTINE_LEVELS),
        levels_socket=place.shared(LevelsRecord, paths.CLEAN_LEVELS),
        verdicts=shared_verdicts(
            place.file(paths.PRISTINE_LEVELS), place.file(paths.CLEAN_LEVELS), place.toy
        ),
        levels_loaded=_per_pose(place, LevelsRecord, paths.LOADED_LEVELS, poses),
        thermo=thermo,
        files=_files(place, planned, poses, address),
        dispersion=_dispersion(
            place,
            [
                (slabs["pristine"], paths.PRISTINE, {}),
                (slabs["socket"], paths.CLEAN, {}),
                (slabs["molecule"], paths.MOLECULE, {}),
                *((r, paths.LOADED, {"pose": pose}) for pose, r in loaded.items()),
                *((r, paths.LOADED, _native_levels(r)) for r in native_loaded.values()),
                *((r, paths.MOLECULE, {"candidate": key}) for key, r in native_molecule.items()),
                *((phases[n], pattern, {}) for n, pattern in enumerate(PHASES)),
                *(
                    (known.get(gas(text).name), paths.REFERENCE, {"reference": key})
                    for key, text in references.items()
                ),
            ],
        ),
        native_pose_error={
            key: uncertainty.pose_error(pipeline.pose_energies(records))
            for key, records in native_poses.items()
        },
    )


def _dispersion(
    place: Place, calculations: list[tuple[CalculationRecord | EosRecord | None, str, dict]]
) -> dict[str, dict[str, float]]:
    """Dispersion energies by model, per identity of a calculation; each comes with its pattern and the levels of that."""
    found = {}
    for record, pattern, levels in calculations:
        models = dispersion_models.of_record(record, place.folder(pattern, **levels))
        if models:
            found[record.provenance.physics_hash] = models
    return found


def _per_pose(
    place: Place, kind: type[Record], pattern: str, poses: list[str], **more: str
) -> dict:
    found = {pose: place.read(kind, pattern, pose=pose, **more) for pose in poses}
    return {pose: record for pose, record in found.items() if record is not None}


def _native_poses(place: Place, key: str) -> dict[str, CalculationRecord]:
    """Relaxations of a native ligand on this socket by pose."""
    poses = _relaxed_poses(place.folder(paths.CANDIDATE, candidate=key))
    return {
        pose: place.shared(CalculationRecord, paths.LOADED, candidate=key, pose=pose)
        for pose in poses
    }


def _relaxed_poses(folder: str) -> list[str]:
    """Poses of a candidate that have a record of their relaxation."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    file = os.path.basename(paths.LOADED)
    return sorted(
        n for n in names if n.startswith("k") and os.path.exists(os.path.join(folder, n, file))
    )


def _best_native(records: dict[str, CalculationRecord]) -> CalculationRecord | None:
    best = pipeline.best_pose(records)
    if best is not None:
        return records[best]
    return next(iter(records.values()), None)


def _native_levels(record: CalculationRecord) -> dict[str, str]:
    return {"candidate": record.address.candidate, "pose": record.address.pose}


def _files(
    place: Place, planned: list[PlannedReaction], poses: list[str], address: Address
) -> dict[str, str]:
    """Species name -> record file, for readers who follow a term to its source."""
    files: dict[str, str] = {}
    for plan in planned:
        if plan.reaction is None or plan.kind not in ("binding", "exchange"):
            continue
        names = [species.name for _, species in plan.reaction.terms]
        if plan.kind == "binding":
            files[names[0]] = place.below_root(paths.CLEAN)
            files[names[1]] = place.below_root(paths.MOLECULE)
            if poses:
                files[names[2]] = place.below_root(paths.LOADED, pose=poses[0])
        else:
            files[names[0]] = place.below_root(paths.PRISTINE)
            files[names[3]] = place.below_root(paths.RESERVOIR)
    return files


def _facts(
    entry,
    candidate: CandidateSettings,
    on_paper: ModelPlan,
    halide: str,
    meta: dict,
    sizes: Mapping[str, float],
) -> pipeline.CandidateFacts:
    sizes = sizes or _built_sizes(entry, candidate, halide)
    return pipeline.CandidateFacts(
        label=_label(entry, on_paper),
        ligand=entry.id,
        ligand_class=entry.ligand_class,
        full_smiles=on_paper.full_smiles,
        model_smiles=".".join(on_paper.parts),
        truncation=on_paper.truncation,
        role=meta["role"],
        coverage=meta["coverage"],
        chain_length_ang=sizes.get("full_chain_length_ang", sizes.get("chain_length_ang")),
        footprint_ang2=sizes.get("footprint_ang2"),
        literature=tuple(
            Literature(text=note.text, source="; ".join(note.sources)) for note in entry.reported
        ),
    )


def _sizes(place: Place) -> Mapping[str, float]:
    """Descriptors in the record of the poses; empty where it is older than they are."""
    poses = place.read(PosesRecord, paths.POSES)
    return {} if poses is None else poses.descriptors


def _built_sizes(entry, candidate: CandidateSettings, halide: str) -> dict[str, float]:
    """Descriptors of a model that is built anew, which takes conformers and GFN2-xTB; empty if it cannot be built."""
    try:
        model = build_model(
            entry,
            tail_carbons=candidate.tail_carbons,
            halide=halide,
            variant=candidate.variant,
            partner=candidate.partner,
            n_conformers=1,
            seed=1,
            described=False,
        )
        return describe(model, seed=1, dipole=False)
    except PeropassError:
        return {}


def _label(entry, on_paper) -> str:
    return f"{entry.name} (model {gas('.'.join(on_paper.parts)).name.removesuffix('(g)')})"


def _distortions(
    place: Place, inputs: pipeline.CandidateInputs, poses: list[str], halide: str
) -> dict[str, Distortion]:
    if inputs.pristine is None or inputs.pristine.final is None:
        return {}
    file = place.file(paths.PRISTINE).parent / inputs.pristine.final.file
    clean = _clean(state_of(file), halide)
    found: dict[str, Distortion] = {}
    for pose in poses:
        loaded = inputs.loaded.get(pose)
        atoms = _structure(place, loaded, paths.LOADED, pose=pose)
        if atoms is not None:
            found[pose] = distortions.measure(_geometry(atoms, halide), clean)
    return found


@lru_cache(maxsize=8)
def _clean(structure: FileState, halide: str) -> distortions.CleanSlab:
    return distortions.CleanSlab(_geometry(_read_structure(structure.path), halide))


def _geometry(atoms, halide: str) -> distortions.SlabGeometry:
    """Roles for octahedra: a halide that the ligand brings is an X like the slab's own."""
    roles = ion_roles(atoms)
    brought = (atoms.arrays["fragment"] == 1) & (np.array(atoms.get_chemical_symbols()) == halide)
    roles[brought] = "X"
    return distortions.SlabGeometry(
        tuple(atoms.get_chemical_symbols()),
        roles,
        atoms.positions,
        atoms.cell.array,
        atoms.arrays["fragment"] == 0,
    )


def _structure(place: Place, record: CalculationRecord | None, pattern: str, **more: str):
    if record is None or record.final is None:
        return None
    return _read_structure(os.path.join(place.folder(pattern, **more), record.final.file))


def _read_structure(file: str) -> Atoms:
    """The last structure of a file, as `ase.io.read` does, without its search for a format."""
    with open(file, encoding="utf-8") as stream:
        return next(read_xyz(stream, index=-1))


def _provenance(inputs: pipeline.CandidateInputs, command: str) -> Provenance:
    records = [*inputs.loaded.values(), inputs.molecule, inputs.socket, inputs.pristine]
    named = {"/".join(r.address.model_dump().values()): r for r in records if r is not None}
    return derived_from(named, command)


def derived_from(records: Mapping[str, Record], command: str) -> Provenance:
    """Provenance of a record that is derived from others, by name: their hashes, versions, and the time now."""
    hashes = {name: record.provenance.physics_hash for name, record in records.items()}
    return Provenance(
        revision=1,
        physics_hash=digest(hashes, 16),
        inputs=hashes,
        versions=versions_of(records.values()),
        started_utc=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        command=command,
    )


def versions_of(records: Iterable[Record]) -> dict[str, str]:
    """Versions of packages and datasets that any of these records names."""
    found: dict[str, str] = {}
    for record in records:
        found |= record.provenance.versions
    return found


def coverage(lateral: str) -> float:
    """Ligands per surface A site: one per lateral cell."""
    return 1.0 / round(LATERAL_FOLDING[lateral] ** 2)


def rank_campaign(config_file: str, out: Path, table: Path) -> RankingRecord:
    """Rank the candidate records of a campaign; write ranking.json, ranking.csv and a copy of the campaign."""
    campaign, protocol = load_campaign(config_file)
    outcome = checked(config_file)
    copy = CampaignCopy(
        campaign=campaign, protocol=protocol, references=outcome.references, config_file=config_file
    )
    write_text(out.with_name(Path(paths.CAMPAIGN_COPY).name), copy.model_dump_json(indent=1) + "\n")
    found = ranked(campaign, protocol, campaign_root(campaign.campaign))
    write_record(found, out)
    ranking.write_csv(found, table)
    return found


class CampaignCopy(BaseModel):
    """The campaign and the protocol as they were ranked, so that a folder explains itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config_file: str
    campaign: Campaign
    protocol: Protocol
    references: dict[str, dict[str, dict[str, str]]]


def addresses(campaign: Campaign) -> list[Address]:
    """Address of every candidate on every socket; controls are no rows of a ranking."""
    if campaign.controls:
        return []
    return [
        Address(
            campaign=campaign.campaign,
            protocol=campaign.protocol,
            host=host,
            termination=termination,
            site=site,
            candidate=key,
        )
        for host in campaign.hosts
        for termination in campaign.terminations
        for site in campaign.sites
        for key in campaign.by_key
    ]


def ranked(
    campaign: Campaign,
    protocol: Protocol,
    root: Path,
    errors: uncertainty.ErrorModel | None = None,
) -> RankingRecord:
    """The ranking of the candidate records below `root`; nothing is written. `errors` as for a candidate's record."""
    toy = protocol.engine == "toy"
    expected, records = [], []
    for address in addresses(campaign):
        expected.append(f"{address.host}/{address.termination}/{address.site}/{address.candidate}")
        try:
            file = Place(address, toy, root).file(paths.CANDIDATE)
            records.append(read_record(file, CandidateRecord, allow_toy=toy))
        except RecordError:
            continue  # the row is reported as missing by `rank`
    settings = campaign.ranking
    model = errors or error_model(campaign.protocol)
    found = ranking.rank(
        records,
        settings.weights,
        model,
        settings.seed,
        settings.samples,
        expected=expected,
        address=Address(campaign=campaign.campaign, protocol=campaign.protocol),
        allow_toy=toy,
    )
    compared = [
        *_compared(campaign, records, model),
        *_beside(campaign, records, model, toy),
        *_sites_compared(campaign, toy, root),
    ]
    told = [
        c for c in compared if c.kind != "against"
    ]  # one per row: the table of the report has them
    notes = [*found.notes, *(comparisons.in_words(c) for c in told)]
    lock = found.provenance.model_copy(update={"versions": versions_of(records)})
    return found.model_copy(update={"comparisons": compared, "notes": notes, "provenance": lock})


def _sites_compared(campaign: Campaign, toy: bool, root: Path) -> list[ComparisonResult]:
    """What the slabs without ligand say of dopants, per host and termination."""
    slabs: dict[tuple[str, str], dict[str, CalculationRecord | None]] = {}
    for host, termination, site in campaign.places:
        address = Address(
            campaign=campaign.campaign, protocol=campaign.protocol, host=host,
            termination=termination, site=site,
        )  # fmt: skip
        record = Place(address, toy, root).read(CalculationRecord, paths.CLEAN)
        slabs.setdefault((host, termination), {})[site] = record
    return [
        result
        for (host, termination), found in slabs.items()
        for result in site_energies.from_slabs(host, termination, found)
    ]


def _compared(
    campaign: Campaign, records: list[CandidateRecord], model: uncertainty.ErrorModel
) -> list[ComparisonResult]:
    """The differences between rows that a campaign asks for, on every socket."""
    found = []
    for socket in product(campaign.hosts, campaign.terminations, campaign.sites):
        rows = {
            r.address.candidate: r
            for r in records
            if (r.address.host, r.address.termination, r.address.site) == socket
        }
        for asked in campaign.asked_comparisons:
            found.append(
                comparisons.between_rows(asked.kind, asked.of, asked.parts, rows, model, socket)
            )
    return found


def _beside(
    campaign: Campaign, records: list[CandidateRecord], model: uncertainty.ErrorModel, toy: bool
) -> list[ComparisonResult]:
    """Rows of the campaign that `beside` names, next to those here of the same model on the same kind of socket."""
    if campaign.beside is None:
        return []
    own = RESULTS / campaign.beside
    folder = own if (own / "ranking.json").exists() else RESULTS / "reference" / campaign.beside
    others = {}
    for file in sorted(folder.glob("*/*/*/*/*/candidate.record.json")):
        other = read_record(file, CandidateRecord, allow_toy=toy)
        others[_same_place(other)] = other
    return [
        comparisons.at_two_coverages(row, others[_same_place(row)], model)
        for row in records
        if _same_place(row) in others
    ]


def _same_place(record: CandidateRecord) -> tuple[str, ...]:
    at = record.address
    return at.protocol, at.host, at.termination, at.site, record.model_smiles


def candidate_meta(campaign: Campaign, key: str, references: dict[str, str]) -> dict:
    """What the analysis of one candidate needs beyond its row: role, natives, references and conditions."""
    natives = [[c.key, c.model_dump()] for c in campaign.natives]
    return {
        "role": campaign.by_key[key].role,
        "natives": natives,
        "references": references,
        "lability": campaign.lability.model_dump(),
        "coverage": coverage(campaign.slab.lateral),
    }
