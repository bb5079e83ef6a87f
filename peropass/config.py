"""The campaign file: closed schema, and the checks that need no chemistry library.

Importing this module needs neither GPAW nor RDKit, so planning stays below a second.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer

from peropass.analysis.scoring import check_weights
from peropass.chemistry.dopants import NEUTRAL_SITES, neutral_site, oxidation_states
from peropass.engine.protocol import Protocol, load_protocols
from peropass.errors import InputError
from peropass.ids import canonical, check_name
from peropass.paths import BARE_HOP
from peropass.records import Name
from peropass.validation import load_yaml, validated

MINIMUM_VACUUM_ANG = 8.0
PROTOCOLS_FILE = Path("config/protocols.yaml")
ERROR_MODEL_FILE = Path("config/error-model.yaml")
BASIS_FILE = ERROR_MODEL_FILE.with_name("plane-wave-basis.yaml")
LIBRARY_FILE = Path("structures/ligands.yaml")
HOSTS_FOLDER = Path("structures/hosts")
EMPTY_LEVEL = "none"  # folder name of a level that is empty, e.g. the candidate of a clean slab


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SlabSettings(_Closed):
    """One slab geometry for the whole campaign: energies of different cells never meet."""

    lateral: Literal["sqrt2", "2x2", "2sqrt2"] = Field(
        description="lateral cell, folds M onto Gamma"
    )
    layers: Literal[3, 5, 7, 9, 11] = Field(
        description="atomic layers; odd, so both faces are equal"
    )
    frozen_layers: int = Field(default=1, ge=1, description="bottom layers kept at bulk positions")
    height_ang: float = Field(ge=15, le=80, description="cell height c of every slab, Angstrom")


class PoseSettings(_Closed):
    """How many starting poses are made, scored and relaxed."""

    generate: int = Field(default=6, ge=2, le=500, description="poses placed per candidate")
    relax: int = Field(default=1, ge=1, le=10, description="best poses relaxed with DFT")
    window_eV: float = Field(
        default=1.0, gt=0, le=10, description="poses further above the best are dropped"
    )
    xtb: Literal["GFN1-xTB", "GFN2-xTB", "none"] = Field(
        default="GFN1-xTB", description="cheap tier"
    )
    xtb_steps: int = Field(
        default=10, ge=0, le=500, description="ligand relaxation steps of the cheap tier"
    )
    conformers: int = Field(
        default=2, ge=1, le=50, description="conformers per part that are placed"
    )
    seed: int = Field(default=20, ge=0, description="seed of orientations and conformers")
    recall: int = Field(
        default=0,
        ge=0,
        le=50,
        description="dropped poses drawn at random that the cheap tier relaxes too: how often the winner is lost",
    )

    @model_serializer(mode="wrap")
    def _without_default_recall(self, handler) -> dict:
        """A campaign that asks for no estimate has the same parameters as before the key existed."""
        values = handler(self)
        if not self.recall:
            values.pop("recall", None)
        return values


# Keys of a row that say where its relaxations start: no part of what the ligand is.
SEARCH_KEYS = ("start", "relax", "pockets")


class CandidateSettings(_Closed):
    """One ligand of the campaign; `name` becomes its folder and row."""

    ligand: Name = Field(description="id in structures/ligands.yaml")
    name: Name | None = Field(default=None, description="row name; default: the ligand's id")
    tail_carbons: Annotated[int, Field(ge=1, le=18)] | None = Field(
        default=None, description="carbons kept per tail; default: the library's model"
    )
    variant: Name = Field(default="default", description="protonation state or tautomer")
    halide: Literal["F", "Cl", "Br", "I"] | None = Field(
        default=None, description="halide partner; default: the library's"
    )
    partner: Name | None = Field(
        default=None, description="name of the charge partner in the library; default: the entry's"
    )
    role: Literal["candidate", "native", "self-test"] = Field(default="candidate")
    start: str | None = Field(
        default=None,
        description="file of a loaded slab that is known to be lower than what the poses lead to; it is the one pose of the row",
    )

    relax: Annotated[int, Field(ge=1, le=10)] | None = Field(
        default=None,
        description="poses of this row relaxed with DFT; default: `poses.relax`. 2 takes the best upright and the best flat one: "
        "0.16 eV lower for methanesulfonate on CsPbBr3",
    )
    pockets: int = Field(
        default=0,
        ge=0,
        le=4,
        description="for a cation that is one ion, smaller than the A ion: number of places off the centre of the A hole from "
        "which DFT relaxes it too, on top of `relax`; 2 gained 0.01 (Rb), 0.05 (K) and 0.11 eV (Na) on CsPbBr3",
    )

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler) -> dict:
        """Rows without a start, a number of poses or pockets have the same parameters as before the keys existed."""
        values = handler(self)
        for key in SEARCH_KEYS:
            if not values.get(key):
                values.pop(key, None)
        return values

    @property
    def key(self) -> str:
        return self.name or self.ligand


class LabilitySettings(_Closed):
    temperature_K: float = Field(default=298.15, gt=0, le=1000)
    concentration_M: float = Field(default=1e-3, gt=0, le=20, description="ligand in solution")
    solvent: Literal["none", "hexane", "toluene", "ethylacetate", "water"] = Field(
        default="toluene"
    )
    complexes: list[Literal["AX", "BX2"]] = Field(
        default_factory=list,
        description="units of the surface that a ligand may carry away: one more molecule per candidate and unit",
    )


Expectation = Literal[
    "no-trap", "trap", "shallow-or-host-like", "ligand-level", "deeper-than", "survey"
]


class ControlSettings(_Closed):
    """One site whose levels are known from elsewhere, or one of a survey without expectation."""

    name: Name
    host: Name
    termination: Name
    site: Name
    candidate: Name | None = Field(
        default=None, description="key of a row of `candidates` that sits on the site"
    )
    expected: Expectation = Field(
        default="survey", description="class that must be found with spin-orbit coupling"
    )
    than: Name | None = Field(
        default=None, description="with deeper-than: the control that is less deep"
    )
    because: str = Field(default="", description="the expectation in words")
    source: str = Field(default="", description="where it comes from")
    decided_by: str = Field(
        default="", description="setting that would decide it where this protocol does not"
    )


# ABX3: the orthorhombic host itself. A, B: its metals. X2: the halogen as a gas; metals and halogen bound the potential of the halide.
Phase = Literal["BX2", "A4BX6", "AB2X5", "ABX3", "A", "B", "X2"]
METALS, HALOGEN = ("A", "B"), "X2"


class MigrationSettings(_Closed):
    """Halide-vacancy hops: the clean surface, and next to the ligands named here or ranked best."""

    rows: list[Name] = Field(default_factory=list, description="keys of rows of `candidates`")
    top: int = Field(
        default=0,
        ge=0,
        le=50,
        description="also the best rows of the last ranking; none before there is one",
    )
    tier: Literal["screen", "production"] = Field(
        default="screen",
        description="screen: hopping ion by GFN1-xTB between ends relaxed with DFT, saddle relaxed with DFT around it; production: DFT band",
    )
    images: int = Field(default=5, ge=3, le=15, description="moving images, evaluated in parallel")
    fmax_eV_per_ang: float = Field(default=0.05, gt=0, le=1.0, description="force on the band")
    max_steps: int = Field(default=150, ge=1, le=2000, description="steps of the band")


class SubstitutionSettings(_Closed):
    """Dopants on the B site: in a bulk cell, at the surface, at several volumes, next to a vacancy."""

    dopants: list[Name] = Field(
        min_length=1,
        description="elements of the library's entries of class substitution on site B, or B ions of other hosts",
    )
    cell: Literal["sqrt2x2", "2x2x2"] = Field(
        default="sqrt2x2", description="bulk supercell: 20 atoms with four B ions, or 40 with eight"
    )
    strains: list[Annotated[float, Field(ge=-0.05, le=0.05)]] = Field(
        default_factory=lambda: [-0.01, 0.0, 0.01],
        description="of the lattice constant, 0 among them; three or more give the lattice response, [0] leaves it out",
    )
    kpts_per_primitive_cell: Annotated[int, Field(ge=1, le=12)] | None = Field(
        default=None,
        description="points per axis of the cubic cell, folded into the supercell; default: the protocol's for bulk cells",
    )
    surface: bool = Field(
        default=True, description="also on the top face of every termination, on the site M-Pb"
    )
    vacancy: Literal["none", "V-CsX"] = Field(
        default="V-CsX",
        description="neutral vacancy that is formed next to a divalent dopant and next to the host's own ion",
    )
    phases: bool = Field(
        default=False,
        description="relax bulk MXn and BX2 as well, which solution energies need; the surface preference does not",
    )

    @property
    def sites(self) -> list[str]:
        """Surface sites that the dopants need, the empty vacancy included."""
        if not self.surface:
            return []
        charges = oxidation_states(LIBRARY_FILE)
        found = [neutral_site(dopant, charges[dopant]) for dopant in self.dopants]
        if self.vacancy != "none":
            beside = [f"{d}-Pb-{self.vacancy}" for d in self.dopants if charges[d] == 2]
            found += [self.vacancy, *beside] if beside else []
        return found


class ComparisonSettings(_Closed):
    """A difference of binding energies that the ranking states beside its rows."""

    kind: Literal["non-additivity", "chelate-gain", "against"] = Field(
        description="co-adsorption beyond its parts, what a second anchor adds, or taking the place of another row"
    )
    of: Name = Field(description="row of `candidates` with all parts, or with both anchors")
    parts: list[Name] = Field(
        min_length=1, max_length=4, description="rows with one part, or with one anchor, each"
    )


class RankingSettings(_Closed):
    weights: dict[str, float] = Field(
        default_factory=lambda: {
            "vs_native_eV": 1.0,
            "trap_verdict": 1.0,
            "lability_eV": 1.0,
            "distortion": 0.5,
        },
        description="weight per axis of the score; an axis that is missing everywhere is left out",
    )
    samples: int = Field(
        default=2000, ge=100, le=100000, description="Monte Carlo draws for rank intervals"
    )
    seed: int = Field(default=7, ge=0)


# On the pair vacancy alone nothing is to be healed: docs/controls.md surveys the sites; of those on the CsX face of the bromide one has a level that survives spin-orbit
# coupling (the lead dimer of the PbX2 face, which is deeper, cannot be built on it).
DEFAULT_SITES = ("V-CsX", "Sn-Pb")


class Campaign(_Closed):
    """One campaign: which hosts, sites and ligands, at which protocol."""

    campaign: Name = Field(description="name of the results folder")
    protocol: Name = Field(description="block of config/protocols.yaml")
    hosts: list[Name] = Field(min_length=1, description="files of structures/hosts")
    terminations: list[Name] = Field(min_length=1, description="001-CsX or 001-PbX2")
    sites: list[Name] = Field(
        default_factory=lambda: list(DEFAULT_SITES),
        min_length=1,
        description="sockets that ligands are placed on; left out: the pair vacancy and tin on lead, the surveyed site of the CsX face that has a trap",
    )
    slab: SlabSettings
    poses: PoseSettings = Field(default_factory=PoseSettings)
    candidates: list[CandidateSettings] = Field(
        default_factory=list, description="ligands; none only where `controls` are given"
    )
    controls: list[ControlSettings] = Field(
        default_factory=list,
        description="sites to analyse instead of a ranking: only the combinations that they name are computed",
    )
    phases: dict[Name, list[Phase]] = Field(
        default_factory=dict,
        description="host -> competing phases that bound its chemical potentials (AX always does); ABX3 is the orthorhombic host, whose energy replaces that of the cubic one if it is lower; A and B (metals) and X2 (gas) bound the potential of the halide, which defects need that are no set of salts: B and X2 are both needed then",
    )
    lability: LabilitySettings = Field(default_factory=LabilitySettings)
    migration: MigrationSettings | None = Field(
        default=None, description="barriers of halide migration; none are computed without it"
    )
    substitution: SubstitutionSettings | None = Field(
        default=None, description="dopants on the B site; none are computed without it"
    )
    comparisons: list[ComparisonSettings] = Field(
        default_factory=list, description="differences between rows, one each"
    )
    competitors: list[Name] = Field(
        default_factory=list,
        description="rows, e.g. water and oxygen, whose place every other row is to take on the same socket",
    )
    beside: Name | None = Field(
        default=None,
        description="another campaign, e.g. at another coverage, whose rows stand beside those of the same model",
    )
    ranking: RankingSettings = Field(default_factory=RankingSettings)

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, handler) -> dict:
        """A campaign that does not use one of the newer keys has the same parameters as before it existed."""
        values = handler(self)
        for key in ("substitution", "competitors", "beside"):
            if not getattr(self, key):
                values.pop(key, None)
        return values

    @cached_property
    def asked_comparisons(self) -> list[ComparisonSettings]:
        """The differences between rows that are asked for, those against competitors written out."""
        against = [
            ComparisonSettings(kind="against", of=key, parts=[other])
            for other in self.competitors
            for key in self.by_key
            if key != other
        ]
        return [*self.comparisons, *against]

    @cached_property
    def by_key(self) -> dict[str, CandidateSettings]:
        return {candidate.key: candidate for candidate in self.candidates}

    @cached_property
    def natives(self) -> list[CandidateSettings]:
        """Rows that are native ligands, in the order of the file."""
        return [candidate for candidate in self.candidates if candidate.role == "native"]

    @property
    def places(self) -> list[tuple[str, str, str]]:
        """(host, termination, site) of every slab without ligand, pristine ones first of their kind."""
        if self.controls:
            named = [(c.host, c.termination, c.site) for c in self.controls]
        else:
            named = list(product(self.hosts, self.terminations, self.sites))
        found: dict[tuple[str, str, str], None] = {}
        for host, termination, site in named:
            found[host, termination, "pristine"] = None
            found[host, termination, site] = None
        return list(found)

    @property
    def native(self) -> CandidateSettings | None:
        """The baseline that `vs_native` refers to: the first candidate of role native."""
        return next((c for c in self.candidates if c.role == "native"), None)


def load_campaign(path: str | Path) -> tuple[Campaign, Protocol]:
    """Read a campaign file and its protocol; every violation is one InputError.

    Raises
    ------
    InputError
        Unknown key, wrong type or range, unknown protocol or host, candidate listed twice, more than
        one self-test per site, or no native baseline.
    """
    campaign = validated(Campaign, load_yaml(path), str(path))
    protocols = load_protocols(PROTOCOLS_FILE)
    if campaign.protocol not in protocols:
        raise InputError(f"{path}: protocol", campaign.protocol, ", ".join(protocols))
    _check_hosts(campaign, path)
    _check_candidates(campaign, path)
    _check_controls(campaign, path)
    _check_migration(campaign, path)
    _check_comparisons(campaign, path)
    _check_substitution(campaign, path)
    check_weights(campaign.ranking.weights, f"{path}: ranking.weights")
    if campaign.slab.frozen_layers >= campaign.slab.layers - 1:
        raise InputError(
            f"{path}: slab.frozen_layers",
            campaign.slab.frozen_layers,
            f"less than {campaign.slab.layers - 1}",
        )
    return campaign, protocols[campaign.protocol]


def _check_hosts(campaign: Campaign, path: str | Path) -> None:
    known = sorted(file.stem for file in HOSTS_FOLDER.glob("*.yaml"))
    for host in campaign.hosts:
        if host not in known:
            raise InputError(f"{path}: hosts", host, ", ".join(known))


def _check_candidates(campaign: Campaign, path: str | Path) -> None:
    known = set(load_yaml(LIBRARY_FILE).get("entries") or {})
    seen: set[str] = set()
    for row, candidate in enumerate(campaign.candidates):
        where = f"{path}: candidates.{row}"
        check_name(candidate.key, f"{where}.name")
        if candidate.ligand not in known:
            near = get_close_matches(candidate.ligand, known, n=5, cutoff=0.0)
            raise InputError(
                f"{where}.ligand",
                candidate.ligand,
                f"an id of {LIBRARY_FILE}, e.g. {', '.join(near)}",
            )
        if candidate.key == EMPTY_LEVEL:
            raise InputError(
                f"{where}.name", EMPTY_LEVEL, "any other name; it stands for the clean slab"
            )
        if candidate.key in seen:
            raise InputError(
                f"{where}.name", candidate.key, "each name once; give this row another `name`"
            )
        if candidate.start and not Path(candidate.start).is_file():
            raise InputError(
                f"{where}.start", candidate.start, "a file, named from the project's root"
            )
        if candidate.start and candidate.relax:
            raise InputError(
                f"{where}.relax", candidate.relax, "nothing beside `start`, the one pose of its row"
            )
        seen.add(candidate.key)
    if not campaign.candidates and not campaign.controls:
        raise InputError(f"{path}: candidates", "[]", "1 row or more, or controls")
    if campaign.native is None and not campaign.controls:
        raise InputError(
            f"{path}: candidates", "no row of role native", "one baseline that vs_native refers to"
        )


def _check_controls(campaign: Campaign, path: str | Path) -> None:
    """Names once, and only what the lists above them name."""
    seen: set[str] = set()
    for row, control in enumerate(campaign.controls):
        where = f"{path}: controls.{row}"
        if control.name in seen:
            raise InputError(f"{where}.name", control.name, "each name once")
        known = {
            "host": campaign.hosts,
            "termination": campaign.terminations,
            "site": ["pristine", *campaign.sites],
            "candidate": [None, *campaign.by_key],
            "than": sorted(seen) if control.expected == "deeper-than" else [None],
        }
        for key, allowed in known.items():
            if getattr(control, key) not in allowed:
                words = ", ".join(str(a) for a in allowed if a is not None) or "nothing here"
                raise InputError(f"{where}.{key}", getattr(control, key), words)
        seen.add(control.name)
    for host in campaign.phases:
        if host not in campaign.hosts:
            raise InputError(f"{path}: phases", host, ", ".join(campaign.hosts))


def _check_comparisons(campaign: Campaign, path: str | Path) -> None:
    for row, comparison in enumerate(campaign.comparisons):
        where = f"{path}: comparisons.{row}"
        for key in (comparison.of, *comparison.parts):
            if key not in campaign.by_key:
                raise InputError(where, key, ", ".join(campaign.by_key))
        if comparison.kind == "non-additivity" and len(comparison.parts) != 2:
            raise InputError(f"{where}.parts", f"{len(comparison.parts)} rows", "two parts")
        if comparison.kind == "against" and len(comparison.parts) != 1:
            raise InputError(f"{where}.parts", f"{len(comparison.parts)} rows", "one row")
    for key in campaign.competitors:
        if key not in campaign.by_key:
            raise InputError(f"{path}: competitors", key, ", ".join(campaign.by_key))
    if campaign.beside == campaign.campaign:
        raise InputError(f"{path}: beside", campaign.beside, "another campaign")


def _check_migration(campaign: Campaign, path: str | Path) -> None:
    if campaign.migration and BARE_HOP in campaign.by_key:
        raise InputError(
            f"{path}: candidates",
            BARE_HOP,
            "another name beside `migration`: it stands for the clean surface",
        )
    for row, key in enumerate(campaign.migration.rows if campaign.migration else []):
        if key not in campaign.by_key:
            raise InputError(f"{path}: migration.rows.{row}", key, ", ".join(campaign.by_key))


def _check_substitution(campaign: Campaign, path: str | Path) -> None:
    """Dopants of known charge that one vacancy compensates, none of them the host's own ion; strains that make a parabola."""
    settings = campaign.substitution
    if settings is None:
        return
    where = f"{path}: substitution"
    charges = oxidation_states(LIBRARY_FILE)
    allowed = sorted(element for element, charge in charges.items() if charge in NEUTRAL_SITES)
    own = {
        element: host
        for host in campaign.hosts
        for element in (load_yaml(HOSTS_FOLDER / f"{host}.yaml")["ions"].get("B") or {})
    }
    for row, dopant in enumerate(settings.dopants):
        if dopant not in allowed:
            raise InputError(
                f"{where}.dopants.{row}",
                f"{dopant}, of which no neutral site is known",
                f"one of {', '.join(allowed)}",
            )
        if dopant in own:
            raise InputError(
                f"{where}.dopants.{row}", f"{dopant}, the B ion of {own[dopant]}", "another element"
            )
    if len(set(settings.dopants)) < len(settings.dopants):
        raise InputError(f"{where}.dopants", ", ".join(settings.dopants), "each element once")
    given = settings.strains
    if 0.0 not in given or len(set(given)) < len(given) or len(given) == 2:
        raise InputError(f"{where}.strains", given, "0 alone, or three or more with 0, each once")
    if len(given) > 2 and not min(given) < 0 < max(given):
        raise InputError(f"{where}.strains", given, "strains on both sides of 0")


def canonical_slab(campaign: Campaign) -> str:
    """The slab settings as one canonical parameter."""
    return canonical(campaign.slab.model_dump())


def canonical_candidate(campaign: Campaign, key: str) -> str:
    """The ligand of one row as one canonical parameter: neither its role nor where its relaxations start."""
    return canonical(campaign.by_key[key].model_dump(exclude={"role", "name", *SEARCH_KEYS}))


def canonical_placement(campaign: Campaign, key: str) -> str:
    """The same with the numbers of poses and pockets: what decides about the poses of a row that has no start."""
    return canonical(campaign.by_key[key].model_dump(exclude={"role", "name", "start"}))


def poses_relaxed(settings: PoseSettings, candidate: CandidateSettings) -> int:
    """How many of the poses of a row go on to DFT by what the cheap tier says of them."""
    return candidate.relax or settings.relax


def canonical_poses(campaign: Campaign) -> str:
    return canonical(campaign.poses.model_dump())


def canonical_energy(protocol: Protocol) -> str:
    """Protocol settings that a DFT job depends on."""
    return canonical(protocol.model_dump(exclude={"description", "levels"}))


def canonical_levels(protocol: Protocol) -> str:
    return canonical(protocol.model_dump(exclude={"description", "relax"}))


def error_terms_of(blocks: dict, protocol: str) -> str:
    """Protocol whose error terms serve: its own name, or the one that stands in the place of its block."""
    named = blocks.get(protocol)
    return named if isinstance(named, str) else protocol
