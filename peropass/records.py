"""The small JSON files that every step writes: value, unit, status and provenance.

A record is immutable, closed (unknown keys are refused) and written by rename, so it is either absent
or whole. Signs: energies of reactions are products minus educts, negative binds. Units stand in the
names: eV, Angstrom, electron charges, seconds, MB.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from peropass.errors import RecordError, ToyRecord

SCHEMA_VERSION = 1
ENERGY_SUM_TOLERANCE_EV = 1e-6

Status = Literal["ok", "unconverged", "failed", "anomalous", "skipped", "missing"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?$")]


class Part(BaseModel):
    """A value object inside a record."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Address(Part):
    """Which calculation this is: one fact per level; `none` where a level is empty."""

    campaign: Name
    protocol: Name
    host: Name = "none"
    termination: Name = "none"
    site: Name = "none"
    candidate: Name = "none"
    pose: Name = "none"


class Provenance(Part):
    """Where a number comes from and what it cost."""

    revision: int
    physics_hash: str = Field(description="hash of input structure, settings and revision")
    inputs: dict[str, str] = Field(default_factory=dict, description="input name -> sha256/hash")
    versions: dict[str, str] = Field(
        default_factory=dict, description="package or dataset -> version"
    )
    started_utc: str = ""
    command: str = Field(default="", description="the one command that recomputes this record")
    cores: int = 1
    attempts: int = 1
    wall_s: float = 0.0
    core_s: float = 0.0
    peak_MB: float = 0.0


class Check(Part):
    """One test of trustworthiness: what was found next to what is allowed."""

    name: str
    value: float | None
    unit: str
    limit: str
    passed: bool


class StructureRef(Part):
    """A structure file beside the record, with the hash of what it holds."""

    file: str
    hash: str
    n_atoms: int
    composition: dict[str, int]


class Energy(Part):
    """Total energy of one cell, itemised; `total_eV` is the sum that enters reactions.

    electronic_eV is extrapolated to zero smearing width; dispersion_cs_eV is the part of dispersion_eV
    from pairs with Cs; dipole_eV is the Makov-Payne dipole term of a molecule in a cubic periodic box
    (10.1103/PhysRevB.51.4014); counterpoise_eV takes the superposition error out of a loaded slab in atomic orbitals
    (positive; zero in plane waves).
    """

    electronic_eV: float
    free_eV: float
    dispersion_eV: float = 0.0
    dispersion_cs_eV: float = 0.0
    dipole_eV: float = 0.0
    counterpoise_eV: float = 0.0
    total_eV: float

    @model_validator(mode="after")
    def _adds_up(self) -> Energy:
        found = self.electronic_eV + self.dispersion_eV + self.dipole_eV + self.counterpoise_eV
        if abs(found - self.total_eV) > ENERGY_SUM_TOLERANCE_EV:
            raise ValueError(f"total_eV {self.total_eV} is not the sum of its terms {found}")
        return self


class IonicStep(Part):
    energy_eV: float
    fmax_eV_per_ang: float
    scf_iterations: int
    seconds: float


class Record(BaseModel):
    """What all records share."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    kind: str
    schema_version: int = SCHEMA_VERSION
    status: Status
    reason: str = ""
    toy: bool = Field(default=False, description="made by the test-only toy engine: never ranks")
    address: Address
    provenance: Provenance


class EosPoint(Part):
    a_ang: float
    energy_eV: float


class EosRecord(Record):
    """Equation of state of a cubic bulk phase: host or reservoir."""

    kind: Literal["eos"] = "eos"
    settings_hash: str
    settings: dict
    composition: dict[str, int] = Field(description="atoms in the cell = one formula unit")
    kpts: tuple[int, int, int]
    a_ang: float | None = Field(default=None, description="at the campaign's own settings")
    a_without_dispersion_ang: float | None = None
    bulk_modulus_GPa: float | None = None
    energy: Energy | None = Field(default=None, description="per formula unit at the minimum")
    points: list[EosPoint] = Field(default_factory=list)
    checks: list[Check] = Field(default_factory=list)
    structure: StructureRef | None = None


class GapRecord(Record):
    """Band gap of a bulk phase over a Gamma-centred mesh, without and with spin-orbit coupling."""

    kind: Literal["gap"] = "gap"
    settings_hash: str
    settings: dict
    composition: dict[str, int]
    kpts: tuple[int, int, int]
    a_ang: float
    gap_eV: float | None = None
    gap_soc_eV: float | None = Field(
        default=None, description="with the operator of GPAW (`levels.spin_orbit: bare`)"
    )
    gap_soc_mass_eV: float | None = Field(
        default=None,
        description="with the relativistic mass in the operator; absent in older records",
    )
    vbm_kpoint: tuple[float, float, float] | None = Field(
        default=None, description="of the valence band maximum, units of reciprocal vectors"
    )
    cbm_kpoint: tuple[float, float, float] | None = None
    checks: list[Check] = Field(default_factory=list)


class CalculationRecord(Record):
    """A relaxation or a single point of a slab, a loaded slab, a molecule or a fragment."""

    kind: Literal["relax", "single-point"]
    role: Literal["slab", "molecule", "fragment", "bulk"]
    settings_hash: str = Field(description="hash of all settings that energies must share")
    settings: dict
    kpts: tuple[int, int, int]
    cell_ang: list[list[float]] | None = None
    initial: StructureRef | None = Field(default=None, description="None where it was never built")
    planes: dict[int, tuple[float, float, float]] = Field(
        default_factory=dict, description="atom that is held in a plane -> normal of the plane"
    )
    final: StructureRef | None = None
    energy: Energy | None = None
    dispersion_models_eV: dict[str, float] = Field(
        default_factory=dict,
        description="dispersion energy of the final structure by each model; empty in older records",
    )
    n_electrons: int | None = None
    magnetic_moment_muB: float | None = None
    dipole_e_ang: list[float] | None = None
    work_functions_eV: list[float] | None = Field(default=None, description="bottom, top face")
    fmax_eV_per_ang: float | None = None
    ensemble_eV: list[float] = Field(
        default_factory=list,
        description="BEEF-vdW only: 31 modes of its error ensemble; they add up like energies, and the length of a reaction's sum is its standard deviation",
    )
    ionic_steps: int = 0
    scf_iterations: int = 0
    history: list[IonicStep] = Field(default_factory=list)
    remedies: list[str] = Field(default_factory=list)
    competitors: dict[str, float] = Field(
        default_factory=dict,
        description="total energy (eV) of each variant or conformer that was relaxed",
    )
    checks: list[Check] = Field(default_factory=list)
    anomalies: list[str] = Field(default_factory=list)


class Pose(Part):
    """One starting pose of a candidate on a site."""

    id: Name
    motif: str = Field(description="e.g. `fills-A-and-X`, `donor-on-Pb`, `adsorbed-on-halide`")
    anchor: str = Field(description="anchor atoms of the ligand, e.g. `O3` or `N0+S5`")
    conformer: int
    energy_xtb_eV: float | None = None
    kept: bool
    rank: int | None = Field(default=None, description="0 is relaxed first, where kept")
    reason: str = Field(default="", description="why it was dropped, or what the cheap tier did")
    file: str | None = None


class Filter(Part):
    name: str
    before: int
    after: int


class RecallEstimate(Part):
    """How often the funnel loses the winner, from dropped poses drawn at random and relaxed with the cheap tier."""

    dropped: int = Field(description="poses that the funnel dropped")
    drawn: int = Field(description="of these, relaxed for the estimate")
    failed: int = Field(description="of those drawn, without an energy after all")
    better: int = Field(
        description="of those drawn, lower than the best kept pose after relaxation"
    )
    lowest_eV: float | None = Field(
        description="lowest of those drawn against the best kept pose; negative = a winner was lost"
    )


class PosesRecord(Record):
    """Starting poses, what each filter removed, and which survive for DFT."""

    kind: Literal["poses"] = "poses"
    method: str = Field(description="cheap tier used, e.g. `GFN1-xTB 2x2 repeat, frozen slab`")
    filters: list[Filter]
    poses: list[Pose]
    recall: RecallEstimate | None = Field(
        default=None, description="only where the campaign asks for it (`poses.recall`)"
    )
    descriptors: dict[str, float] = Field(
        default_factory=dict,
        description="of the ligand: footprint, chain length, cone angle, dipole (GFN2-xTB); absent in older records",
    )


class LevelSet(Part):
    """Kohn-Sham states around the gap at one level of theory.

    energies_eV on the engine's own scale; filling is 0..1 per state; weights[n][atom] = (s, p, d)
    projector weights, each state normalised to one over all atoms and l; captured[n] is their sum
    before that (small where a state lives between the atoms or in the vacuum). Kramers partners are
    both listed where spin_orbit; k-points are those of the irreducible zone.
    """

    spin_orbit: bool
    first_index: int = Field(description="index of the first listed state in the full spectrum")
    n_occupied: int = Field(description="number of fully occupied states of the neutral cell")
    energies_eV: list[float]
    filling: list[float]
    spin: list[int]
    kpoint: list[int]
    weights: list[list[list[float]]]
    captured: list[float] = Field(default_factory=list)


class LevelsRecord(Record):
    """Levels of one relaxed slab, and what is needed to put slabs on one energy axis."""

    kind: Literal["levels"] = "levels"
    settings_hash: str
    settings: dict
    structure: StructureRef
    kpts: tuple[int, int, int]
    cell_ang: list[list[float]]
    n_electrons: int
    fermi_eV: float | None = None
    vacuum_eV: list[float] | None = Field(
        default=None, description="below the slab, above the slab"
    )
    atomic_potentials_eV: list[float] = Field(description="electrostatic potential at each nucleus")
    semicore_eV: float | None = Field(default=None, description="lowest eigenvalue")
    semicore_atoms_eV: list[float | None] = Field(
        default_factory=list, description="centroid of the semicore levels, per atom"
    )
    charge_e: float = 0.0
    symbols: list[str] = Field(default_factory=list)
    positions_ang: list[list[float]] = Field(default_factory=list)
    fixed: list[int] = Field(description="atoms frozen at bulk-like positions")
    fragment: list[int] = Field(description="0 slab, 1 ligand, per atom")
    layer: list[int] = Field(description="atomic layer per atom, 1 = top face; 0 = ligand")
    scalar: LevelSet | None = None
    soc: LevelSet | None = None
    hse_soc: LevelSet | None = None


class Term(Part):
    """One species of a reaction with its coefficient (educts negative) and energy."""

    species: str
    coefficient: float
    energy_eV: float | None = None
    plane_waves_eV: float = Field(
        default=0.0, description="of it: correction to the smooth number of plane waves"
    )
    record: str = Field(default="", description="record file, relative to the campaign folder")


class ReactionEnergy(Part):
    """A balanced reaction and its energy (products minus educts; negative = downhill)."""

    name: str
    equation: str
    value_eV: float | None
    dispersion_eV: float | None = None
    dispersion_cs_eV: float | None = None
    dispersion_models_eV: dict[str, float] = Field(
        default_factory=dict,
        description="dispersion part of this reaction at the same geometries by model",
    )
    plane_waves_eV: float | None = Field(
        default=None, description="of the value: correction to the smooth number of plane waves"
    )
    error_eV: float | None = None
    functional_error_eV: float | None = Field(
        default=None, description="standard deviation over the functional's own error ensemble"
    )
    terms: list[Term]
    status: Status = "ok"
    reason: str = ""


class Decomposition(Part):
    """binding = interaction + slab_deformation + ligand_deformation (eV)."""

    interaction_eV: float
    slab_deformation_eV: float
    ligand_deformation_eV: float
    closure_eV: float = Field(description="sum minus binding; zero up to rounding")


class GapState(Part):
    """One state inside the window between the pristine slab's edges."""

    index: int
    spin: int
    energy_above_vbm_eV: float
    nearest_edge: Literal["VBM", "CBM"]
    depth_eV: float
    depth_fraction: float
    filling: float
    participation_ratio: float = Field(description="N_eff / N_eff(edge of pristine slab)")
    defect_weight: float
    ligand_weight: float
    surface_weight: float
    label: Literal["host-like", "surface-resonance", "shallow", "localised-trap", "ligand-level"]
    character: str = Field(description="in words, e.g. `Pb 6p of the exposed Pb, 61 %`")
    rule: str = Field(description="each comparison that led to the label")
    kpoint: int = 0
    degeneracy: int = Field(
        default=1, description="states that share this level (Kramers pairs: 2)"
    )


class TrapReport(Part):
    """Verdict on a loaded slab against the bare socket and the pristine slab."""

    verdict: Literal["healed", "partly", "unchanged", "worse", "no-trap-to-heal", "undecided"]
    reason: str = ""
    spin_orbit: bool
    thresholds: dict[str, float]
    alignment_eV: float
    alignment_spread_eV: float
    vacuum_alignment_eV: float | None = None
    flags: list[str] = Field(default_factory=list)
    gap_pristine_eV: float
    gap_eV: float
    gap_scalar_eV: float | None = None
    ionisation_energy_eV: float | None = None
    states_before: list[GapState] = Field(description="bare socket")
    states_after: list[GapState] = Field(description="loaded slab")
    n_traps_before: int
    n_traps_after: int = Field(description="ligand levels in the gap included")
    n_ligand_levels: int = Field(default=0, description="loaded slab, inside the window")
    levels: Literal["scalar", "soc", "hse_soc"] = "soc"
    alignment_before_eV: float | None = None
    alignment_spread_before_eV: float | None = None
    semicore_alignment_eV: float | None = None
    gap_before_eV: float | None = Field(default=None, description="bare socket's own gap")
    gap_scalar_pristine_eV: float | None = None
    ionisation_energy_pristine_eV: float | None = None
    ionisation_energy_before_eV: float | None = None
    states_before_scalar: list[GapState] = Field(default_factory=list)
    states_after_scalar: list[GapState] = Field(default_factory=list)
    n_traps_before_scalar: int | None = None
    n_traps_after_scalar: int | None = None
    gap_soc_eV: float | None = Field(
        default=None,
        description="of the functional itself where hybrid levels decide; so the next five",
    )
    gap_soc_pristine_eV: float | None = None
    states_before_soc: list[GapState] = Field(default_factory=list)
    states_after_soc: list[GapState] = Field(default_factory=list)
    n_traps_before_soc: int | None = None
    n_traps_after_soc: int | None = None
    checks: list[Check] = Field(default_factory=list)


class HalideEnds(Part):
    """Formation energy of a defect at both ends of the halide's chemical potential; mu(X) is relative to half an X2 molecule."""

    poor_phase: str = Field(description="metal that precipitates at the halide-poor end, e.g. `Pb`")
    rich_phase: str = Field(description="gas at the halide-rich end, e.g. `Br2`")
    poor_mu_eV: float = Field(description="mu(X) - E(X2) / 2 at the poor end; the rich end is 0")
    poor_formation_eV: float = Field(description="per cell, at the poor end")
    rich_formation_eV: float = Field(description="per cell, at the rich end")


class PotentialPoint(Part):
    """What one end of the chemical potentials makes of a slab; None where a term is missing."""

    phase: str = Field(description="phase in equilibrium, e.g. `Cs4PbBr6`")
    dmu_eV: float = Field(description="mu(AX) - E(AX, bulk)")
    inside: bool | None = Field(
        default=None, description="no other phase is more stable here; None where one is not known"
    )
    formation_eV: float | None = Field(
        default=None, description="of a defect made of neutral salts, per cell"
    )
    surface_J_per_m2: float | None = Field(default=None, description="of a pristine slab")
    halide: HalideEnds | None = Field(
        default=None,
        description="of a defect that lacks or adds halogens beyond neutral salts: both ends of mu(X)",
    )


class Formability(Part):
    t: float | None
    mu: float | None
    tau: float | None
    composition: str
    notes: list[str] = Field(default_factory=list)


class Channel(Part):
    """One way for the ligand to leave (positive = costs free energy)."""

    name: str
    equation: str
    electronic_eV: float | None
    free_energy_eV: float | None
    temperature_K: float
    concentration_M: float
    solvent: str
    terms: dict[str, float] = Field(default_factory=dict)
    dispersion_cs_eV: float | None = Field(
        default=None,
        description="electronic part from pairs with Cs where a bulk phase takes part; otherwise minus that of the binding energy",
    )
    status: Status = "ok"
    reason: str = ""


class Distortion(Part):
    pb_x_pb_angle_deg: float | None
    bond_length_distortion: float | None
    angle_variance_deg2: float | None
    max_surface_shift_ang: float | None
    quadratic_elongation: float | None = Field(
        default=None, description="mean over octahedra; 1 = regular"
    )
    tilt_deg: float | None = Field(default=None, description="(180 - mean B-X-B angle) / 2")
    n_octahedra: int | None = Field(
        default=None, description="complete BX6 that the means run over"
    )
    n_broken: int | None = Field(
        default=None, description="B atoms that lost an X neighbour against the clean slab"
    )
    clean: dict[str, float] = Field(
        default_factory=dict, description="the same numbers of the clean slab"
    )


class MigrationPath(Part):
    """Minimum-energy path of one halide-vacancy hop; energies relative to its start."""

    method: str = Field(description="what relaxed the path")
    lengths_ang: list[float]
    energies_eV: list[float] = Field(description="of the path method, image by image")
    barrier_eV: float = Field(description="highest image above the start; positive")
    reverse_barrier_eV: float
    barrier_method: str = Field(description="what the two barriers are computed with")
    distance_ang: float = Field(description="from the hopping ion to the vacancy, at the start")


class Literature(Part):
    text: str
    source: str


class CandidateRecord(Record):
    """All that is known of one candidate on one site; one row of the report."""

    kind: Literal["candidate"] = "candidate"
    label: str = Field(description="short human name")
    ligand: Name = Field(description="id in the ligand library")
    ligand_class: str
    role: Literal["candidate", "native", "self-test"] = "candidate"
    full_smiles: str
    model_smiles: str
    truncation: str
    coverage: float | None = Field(default=None, description="ligands per surface A site")
    n_atoms: int | None = None
    core_seconds: float = 0.0
    best_pose: str | None = None
    pose_error_eV: float | None = Field(
        default=None, description="from the spread of the relaxed poses; None for fewer than two"
    )
    poses_file: str | None = None
    relax_files: list[str] = Field(default_factory=list)
    levels_file: str | None = None
    reactions: list[ReactionEnergy] = Field(default_factory=list)
    decomposition: Decomposition | None = None
    traps: TrapReport | None = None
    formability: Formability | None = None
    channels: list[Channel] = Field(default_factory=list)
    distortion: Distortion | None = None
    chain_length_ang: float | None = None
    footprint_ang2: float | None = None
    migration_barrier_eV: float | None = Field(
        default=None, description="halide-vacancy hop next to the ligand"
    )
    migration: MigrationPath | None = None
    migration_clean: MigrationPath | None = Field(
        default=None, description="the same hop of the clean surface"
    )
    migration_reason: str = Field(
        default="", description="why a barrier that was asked for is missing"
    )
    anomalies: list[str] = Field(default_factory=list)
    literature: list[Literature] = Field(default_factory=list)

    def reaction(self, name: str) -> ReactionEnergy | None:
        """The reaction called `name`, or None."""
        return next((r for r in self.reactions if r.name == name), None)


class RankedRow(Part):
    """One line of the ranking; None where a number is missing (its reason is in `reason`)."""

    rank: int | None
    rank_low: int | None
    rank_high: int | None
    candidate: str
    ligand_class: str
    host: str
    termination: str
    site: str
    status: Status
    binding_energy_eV: float | None = None
    binding_error_eV: float | None = None
    vs_native_eV: float | None = None
    vs_native_error_eV: float | None = None
    exchange_eV: float | None = None
    lability_eV: float | None = None
    lability_error_eV: float | None = None
    lability_note: str = Field(default="", description="compared with the native ligand, in words")
    dispersion_share_eV: float | None = None
    dispersion_cs_eV: float | None = None
    trap_verdict: str | None = None
    n_traps: int | None = None
    gap_eV: float | None = None
    ligand_levels: int | None = None
    distortion: float | None = None
    chain_length_ang: float | None = None
    migration_barrier_eV: float | None = None
    t: float | None = None
    mu: float | None = None
    tau: float | None = None
    n_atoms: int | None = None
    core_seconds: float = 0.0
    pareto_front: int | None = None
    score: float | None = None
    scaled: dict[str, float] = Field(
        default_factory=dict,
        description="axis -> 1 best, 0 worst of its window, not clipped: score = weighted mean",
    )
    tied_with: list[str] = Field(default_factory=list)
    role: str = "candidate"
    reason: str = ""
    weights_rank_low: int | None = Field(default=None, description="best rank under other weights")
    weights_rank_high: int | None = Field(
        default=None, description="worst rank under other weights"
    )
    flags: list[str] = Field(default_factory=list, description="what the rank hangs on")


class ComparisonResult(Part):
    """A difference between rows of one socket, or between sites; None where one of them is missing."""

    kind: Literal[
        "non-additivity",
        "chelate-gain",
        "against",
        "coverage",
        "surface-preference",
        "dopant-on-vacancy",
    ]
    host: str
    termination: str
    site: str
    of: str = Field(description="row, or site, with all parts")
    parts: list[str]
    value_eV: float | None
    error_eV: float | None = None
    values_eV: dict[str, float] = Field(
        default_factory=dict, description="binding energies of the rows that were compared"
    )
    reason: str = ""


class RankingRecord(Record):
    kind: Literal["ranking"] = "ranking"
    weights: dict[str, float]
    axes: dict[str, str] = Field(description="axis -> what is better, e.g. `lower`")
    scales: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="axis -> value that scores 1, value that scores 0"
    )
    seed: int
    samples: int
    error_model: dict
    expected: int
    counts: dict[str, int]
    rows: list[RankedRow]
    self_tests: list[Check] = Field(default_factory=list)
    comparisons: list[ComparisonResult] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class SiteRecord(Record):
    """A slab against the pristine one: levels inside the gap, and what the defect costs to make.

    States are those with spin-orbit coupling where `levels` says so. n_traps_low and n_traps_high bound
    traps and ligand levels within the error of the alignment.
    """

    kind: Literal["site"] = "site"
    settings_hash: str = ""
    settings: dict = Field(default_factory=dict)
    composition: dict[str, int] = Field(default_factory=dict)
    levels: Literal["soc", "hse_soc"] = "soc"
    thresholds: dict[str, float] = Field(default_factory=dict)
    margin_eV: float | None = None
    alignment_eV: float | None = None
    alignment_spread_eV: float | None = None
    alignment_error_eV: float | None = None
    vacuum_alignment_eV: float | None = None
    semicore_alignment_eV: float | None = None
    gap_pristine_eV: float | None = None
    gap_eV: float | None = None
    gap_scalar_pristine_eV: float | None = None
    gap_scalar_eV: float | None = None
    ionisation_energy_eV: float | None = None
    ionisation_energy_pristine_eV: float | None = None
    states: list[GapState] = Field(default_factory=list)
    states_scalar: list[GapState] = Field(default_factory=list)
    n_traps: int | None = None
    n_ligand_levels: int | None = None
    n_traps_low: int | None = None
    n_traps_high: int | None = None
    n_traps_scalar: int | None = None
    gap_soc_eV: float | None = Field(
        default=None,
        description="of the functional itself where hybrid levels decide; so the next three",
    )
    gap_soc_pristine_eV: float | None = None
    states_soc: list[GapState] = Field(default_factory=list)
    n_traps_soc: int | None = None
    removed: dict[str, int] = Field(
        default_factory=dict, description="element -> atoms fewer than in the pristine slab"
    )
    points: list[PotentialPoint] = Field(default_factory=list)
    thermo_note: str = ""
    magnetic_moment_muB: float | None = None
    fmax_eV_per_ang: float | None = None
    checks: list[Check] = Field(default_factory=list)
    flags: list[str] = Field(default_factory=list)


class SubstitutionValue(Part):
    """One number of one dopant on B; None with its reason where a term is missing."""

    dopant: str
    name: Literal[
        "solution-bulk",
        "solution-surface",
        "surface-preference",
        "lattice-response",
        "vacancy-beside-host-ion",
        "vacancy-beside-dopant",
        "dopant-on-vacancy",
    ]
    termination: str = Field(default="", description="empty for what concerns the bulk alone")
    value: float | None
    unit: Literal["eV", "1"] = Field(description="eV per dopant or vacancy; 1 for a ratio")
    error: float | None = Field(
        default=None, description="standard deviation of the numerical errors, same unit"
    )
    status: Status = "ok"
    reason: str = ""
    equation: str = ""
    terms: list[Term] = Field(default_factory=list)


class SubstitutionRecord(Record):
    """Dopants on the B site of one host: solution, surface preference, lattice response, vacancies next to them."""

    kind: Literal["substitution"] = "substitution"
    settings_hash: str = ""
    settings: dict = Field(default_factory=dict)
    cell: str = Field(description="bulk supercell, e.g. `sqrt2x2`")
    kpts: tuple[int, int, int] | None = Field(default=None, description="of the bulk cells")
    fraction: float = Field(description="dopants per B site of the bulk cell")
    a_ang: float | None = Field(default=None, description="lattice constant at zero strain")
    strains: list[float]
    equilibrium_strains: dict[str, float] = Field(
        default_factory=dict,
        description="undoped cell and dopants -> strain of the lowest energy, from a parabola",
    )
    rows: list[SubstitutionValue] = Field(default_factory=list)


class ControlRow(Part):
    """One control: what was expected, what was found."""

    name: str
    host: str
    termination: str
    site: str
    candidate: str = ""
    expected: str
    because: str = ""
    source: str = ""
    decided_by: str = ""
    outcome: Literal["as expected", "differs", "undecided", "surveyed", "no result", "not run yet"]
    found: str = Field(description="in words, with the numbers")
    deepest_eV: float | None = None
    deepest_fraction: float | None = None
    record: str = ""


class ControlsRecord(Record):
    """The table of controls of a campaign."""

    kind: Literal["controls"] = "controls"
    settings: dict = Field(default_factory=dict)
    settings_hash: str = ""
    slab: dict = Field(default_factory=dict)
    rows: list[ControlRow]


class ThermoRecord(Record):
    """Gas-phase molecule or ion pair: what its free energy needs, from a Hessian and implicit solvation."""

    kind: Literal["thermo"] = "thermo"
    species: str = Field(description="name as in the reactions, e.g. `TMABr(g)`")
    smiles: str
    method: str = Field(description="e.g. `GFN2-xTB, ALPB`")
    structure: StructureRef | None = None
    mass_u: float | None = None
    moments_u_ang2: list[float] = Field(
        default_factory=list, description="principal moments of inertia; empty for an atom"
    )
    symmetry_number: int = 1
    multiplicity: int = 1
    wavenumbers_cm: list[float] = Field(
        default_factory=list, description="vibrations only; imaginary ones negative"
    )
    solvation_eV: dict[str, float] = Field(
        default_factory=dict, description="solvent -> free energy from 1 M gas to 1 M solution"
    )
    checks: list[Check] = Field(default_factory=list)


class HopRecord(Record):
    """Which ion hops into which vacancy, and the two ends before they are relaxed."""

    kind: Literal["hop"] = "hop"
    element: str
    pose: str = Field(
        default="", description="pose of the loaded slab; empty for the clean surface"
    )
    vacancy: int | None = Field(default=None, description="index in the slab that is taken apart")
    hopper: int | None = None
    moved: int | None = Field(default=None, description="index of the hopper in both ends")
    distance_ang: float | None = None
    initial: StructureRef | None = None
    final: StructureRef | None = None


class BandRecord(Record):
    """Relaxed path between two relaxed ends, and its barrier."""

    kind: Literal["band"] = "band"
    tier: Literal["screen", "production"]
    path: MigrationPath | None = None
    steps: int = 0
    fmax_eV_per_ang: float | None = None
    structure: StructureRef | None = Field(default=None, description="the saddle")
    checks: list[Check] = Field(default_factory=list)


R = TypeVar("R", bound=Record)
KINDS: dict[str, type[Record]] = {
    "eos": EosRecord,
    "gap": GapRecord,
    "relax": CalculationRecord,
    "single-point": CalculationRecord,
    "poses": PosesRecord,
    "levels": LevelsRecord,
    "candidate": CandidateRecord,
    "thermo": ThermoRecord,
    "hop": HopRecord,
    "band": BandRecord,
    "site": SiteRecord,
    "controls": ControlsRecord,
    "substitution": SubstitutionRecord,
    "ranking": RankingRecord,
}


def write_text(path: str | Path, text: str) -> Path:
    """Write a file so that it is absent or whole: temporary sibling, fsync, rename."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError:  # a full disk needs the room of the torn file
        temporary.unlink(missing_ok=True)
        raise
    return path


def write_record(record: Record, path: str | Path) -> Path:
    """Write `record` as JSON by rename."""
    return write_text(path, record.model_dump_json(indent=1) + "\n")


def read_record(path: str | Path, kind: type[R] | None = None, allow_toy: bool = False) -> R:
    """Read and validate one record.

    Raises
    ------
    RecordError
        The file is missing, is not JSON, has an unknown kind or violates the schema; the message names
        the file and the first offending key.
    ToyRecord
        The record was made by the toy engine and `allow_toy` is false.
    """
    path = Path(path)
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        raise RecordError(f"{path}: no such record") from None
    try:
        # one pass over the text; what it refuses is read again, for a message that names the key
        record = kind.model_validate_json(written) if kind is not None else _parsed(path, written)
    except ValidationError:
        record = _parsed(path, written, kind)
    if record.toy and not allow_toy:
        raise ToyRecord(f"{path}: made by the toy engine, which exists for tests only")
    return record


def _parsed(path: Path, written: bytes, kind: type[R] | None = None) -> R:
    """The record in `written`; RecordError names the first key that is wrong."""
    try:
        data = json.loads(written.decode("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: not JSON ({error})") from None
    model = kind or KINDS.get(data.get("kind", "") if isinstance(data, dict) else "")
    if model is None:
        raise RecordError(f"{path}: unknown record kind; allowed: {', '.join(KINDS)}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(record)"
        raise RecordError(
            f"{path}: {key}: {first['msg']}, found {first.get('input')!r:.80}"
        ) from None
