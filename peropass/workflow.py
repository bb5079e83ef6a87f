"""What the rule files ask for: inputs and canonical parameters per job, from the campaign file.

Rules pass every setting as one canonical JSON text, so that reordered keys, comments or `2` for `2.0` rerun
nothing, and a changed number reruns exactly the jobs that depend on it. Imports no engine and no chemistry.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import SimpleNamespace

from peropass import paths
from peropass.check import checked
from peropass.config import (
    BASIS_FILE,
    ERROR_MODEL_FILE,
    HALOGEN,
    METALS,
    canonical_candidate,
    canonical_energy,
    canonical_levels,
    canonical_placement,
    canonical_poses,
    canonical_slab,
    error_terms_of,
    load_campaign,
    poses_relaxed,
)
from peropass.engine.protocol import LATERAL_FOLDING
from peropass.errors import InputError
from peropass.ids import canonical, digest, file_sha256
from peropass.resources import (
    GROUPED_KINDS,
    LEAST_GROUPED_MIN,
    LEAST_RUNTIME_MIN,
    Estimate,
    bulk_size,
    cheap,
    composition_of,
    estimate,
    metal_size,
    molecule_size,
    phase_size,
    ranks_for,
    salt_size,
    slab_size,
)
from peropass.revisions import REVISIONS
from peropass.site import Site
from peropass.validation import load_yaml, validated
from peropass.waves import WAVE, Waves
from peropass.workflow_hops import Hops
from peropass.workflow_substitution import Substitutions

SITE_KEYS = ("host", "termination", "site")
LIBRARY = Path("structures/ligands.yaml")
PARALLEL_PYTHON = "gpaw python -m peropass.ranks"
SNAKEMAKE_MB = 350  # the two processes that the executor plugin puts around a job; measured 250
SERIAL_STAGES = (
    "band",
    "bulk",
    "candidate",
    "hop",
    "doped",
    "phase",
    "metal",
    "halogen",
    "reservoir",
    "levels",
    "poses",
    "site",
    "thermo",
)  # their steps know one rank only


class Plan:
    """One campaign as Snakemake sees it. Methods named `*_params` and `*_inputs` take wildcards.

    Raises
    ------
    InputError
        From `load_campaign`, before any job exists.
    """

    def __init__(self, config_file: str, wave: int = WAVE, site: dict | None = None) -> None:
        self.config_file = os.path.relpath(config_file)  # a parameter: one spelling per file
        self.campaign, self.protocol = load_campaign(config_file)
        outcome = checked(config_file)
        self._references, self._smiles = outcome.references, outcome.smiles
        self._compositions, self._variants = outcome.compositions, outcome.variants
        self.unplaced = outcome.unplaced
        self._typical: dict[str, float] = {}
        self.on_cluster = site is not None
        self.site = validated(Site, site or {}, "site")
        self._library = load_yaml(LIBRARY)["entries"]
        self._energy = canonical_energy(self.protocol)
        self._levels = canonical_levels(self.protocol)
        self._slab = canonical_slab(self.campaign)
        self._poses = canonical_poses(self.campaign)
        self._errors = error_digest(self.protocol.name, self.protocol.energy.ecut_eV)
        self._host_ions = {host: _ions(host) for host in self.campaign.hosts}
        self._natives = [c for c in self.campaign.candidates if c.role == "native"]
        self._molecules = {
            key: smiles
            for needed in self._references.values()
            for references in needed.values()
            for key, smiles in references.items()
        }
        self.fixed = {"campaign": self.campaign.campaign, "protocol": self.campaign.protocol}
        self.hops = Hops(self)
        self.substitution = Substitutions(self)
        self.waves = Waves(self, wave)

    def path(self, pattern: str) -> str:
        """A pattern of `paths` with campaign and protocol filled in, other wildcards left open."""
        for key, value in self.fixed.items():
            pattern = pattern.replace("{" + key + "}", value)
        return pattern

    def log(self, name: str) -> str:
        """Log file of a job; `name` may hold wildcards. A candidate's logs have a folder of their own."""
        folder = "{candidate}/" if "{candidate}" in name else ""
        return self.path(paths.LOG) + f"/{folder}{name}.log"

    def sockets(self) -> list[dict[str, str]]:
        """Places that every candidate is computed on; none in a campaign of controls."""
        if self.campaign.controls:
            return []
        combinations = product(self.campaign.hosts, self.campaign.terminations, self.campaign.sites)
        return [dict(zip(SITE_KEYS, combination, strict=True)) for combination in combinations]

    def places(self) -> list[dict[str, str]]:
        """Every slab without ligand, the pristine ones included."""
        return [dict(zip(SITE_KEYS, place, strict=True)) for place in self.campaign.places]

    def loaded_controls(self) -> list[dict[str, str]]:
        """Controls with a ligand: their best pose and its levels are computed, no energies."""
        return [
            {**{key: getattr(c, key) for key in SITE_KEYS}, "candidate": c.candidate, "pose": "k0"}
            for c in self.campaign.controls
            if c.candidate
        ]

    def phases(self, host: str) -> dict[str, str]:
        """Competing phases of a host whose ions are relaxed: role formula -> name of the phase."""
        return self._named_phases(host, lambda phase: phase not in (*METALS, HALOGEN))

    def metals(self, host: str) -> dict[str, str]:
        """Metals of a host that bound the potential of its halide: role -> element."""
        return self._named_phases(host, lambda phase: phase in METALS)

    def halogens(self, host: str) -> dict[str, str]:
        """The halogen that bounds the potential of the halide, as `X2` -> e.g. `Br2`; empty where it is not asked for."""
        return self._named_phases(host, lambda phase: phase == HALOGEN)

    def _named_phases(self, host: str, wanted: Callable[[str], bool]) -> dict[str, str]:
        asked = filter(wanted, self.campaign.phases.get(host, []))
        return {phase: phase_name(phase, self._host_ions[host]) for phase in asked}

    def element_records(self, host: str) -> list[tuple[str, str, dict[str, str]]]:
        """(record, stage, wildcards) of the metals and the halogen of a host."""
        found = []
        for stage, pattern, names in (
            ("metal", paths.METAL, self.metals(host)),
            ("halogen", paths.HALOGEN, self.halogens(host)),
        ):
            for name in names.values():
                place = {"host": host, stage: name}
                found.append((self.path(pattern).format(**place), stage, place))
        return found

    def targets(self, _wildcards=None) -> list[str]:
        """What the default target asks for: the report, and every record that is not there.

        Snakemake does not miss a deleted record whose followers are there, hence the second part.
        """
        if self.waves.active:
            return self.waves.targets()
        missing = [file for file, _ in self.all_records() if not os.path.exists(file)]
        return list(dict.fromkeys([*self.waves.targets(), *missing]))

    def candidate_records(self, _wildcards=None) -> list[str]:
        """Record of every candidate on every socket; of a large campaign, the manifest of settled ones."""
        if self.waves.active:
            return [self.waves.manifest]
        return [
            self.path(paths.CANDIDATE).format(**socket, candidate=key)
            for socket in self.sockets()
            for key in self.campaign.by_key
        ]

    def all_records(self) -> list[tuple[str, str]]:
        """Every record of the campaign with the stage that makes it."""
        found: list[tuple[str, str]] = []
        path = self.path
        for host in self.campaign.hosts:
            found.append((path(paths.BULK).format(host=host), "bulk"))
            found.append((path(paths.RESERVOIR).format(host=host), "reservoir"))
            for phase in self.phases(host).values():
                found.append((path(paths.PHASE).format(host=host, phase=phase), "phase"))
            found += [(file, stage) for file, stage, _ in self.element_records(host)]
            if self.campaign.controls:
                continue
            for key in self.campaign.by_key:
                found.append((path(paths.MOLECULE).format(host=host, candidate=key), "molecule"))
                found.append(
                    (path(paths.MOLECULE_THERMO).format(host=host, candidate=key), "thermo")
                )
            for reference in self.references_of(host):
                found.append(
                    (path(paths.REFERENCE).format(host=host, reference=reference), "reference")
                )
                found.append(
                    (path(paths.REFERENCE_THERMO).format(host=host, reference=reference), "thermo")
                )
        for place in self.places():
            found.append((path(paths.CLEAN).format(**place), "relax"))
            found.append((path(paths.CLEAN_LEVELS).format(**place), "levels"))
            found.append((path(paths.SITE_RECORD).format(**place), "site"))
        for place in self.loaded_controls():
            found.append((path(paths.POSES).format(**place), "poses"))
            found.append((path(paths.LOADED).format(**place), "relax"))
            found.append((path(paths.LOADED_LEVELS).format(**place), "levels"))
            found.append((path(paths.LOADED_SITE_RECORD).format(**place), "site"))
        for socket in self.sockets():
            for key in self.campaign.by_key:
                found += self._candidate_chain({**socket, "candidate": key})
        found += self.hops.records()
        found += self.substitution.records()
        if self.campaign.controls:
            found.append((path(paths.CONTROLS), "controls"))
        found.append((path(paths.RANKING), "rank"))
        found.append((path(paths.REPORT), "report"))
        return found

    def _candidate_chain(self, place: dict[str, str]) -> list[tuple[str, str]]:
        path = self.path
        chain = [(path(paths.POSES).format(**place), "poses")]
        for pose in self.poses_of_rank(place["candidate"]):
            chain.append((path(paths.LOADED).format(**place, pose=pose), "relax"))
            chain.append((path(paths.LOADED_LEVELS).format(**place, pose=pose), "levels"))
            for part in ("slab", "ligand"):
                chain.append(
                    (path(paths.FRAGMENT).format(**place, pose=pose, part=part), "fragments")
                )
        return [*chain, (path(paths.CANDIDATE).format(**place), "candidate")]

    def site_records(self, _wildcards=None) -> list[str]:
        """Trap analysis of every slab without ligand, and of the loaded ones among the controls."""
        bare = [self.path(paths.SITE_RECORD).format(**place) for place in self.places()]
        loaded = [self.path(paths.LOADED_SITE_RECORD).format(**p) for p in self.loaded_controls()]
        return list(dict.fromkeys([*bare, *loaded]))

    def control_table(self, _wildcards=None) -> list[str]:
        """The table of controls, where a campaign has any."""
        return [self.path(paths.CONTROLS)] if self.campaign.controls else []

    def phase_records(self, wildcards) -> list[str]:
        """Bulk phases of a host that bound its chemical potentials, host and AX included."""
        host = wildcards.host
        found = [self.path(p).format(host=host) for p in (paths.BULK, paths.RESERVOIR)]
        phases = self.phases(host).values()
        found += [self.path(paths.PHASE).format(host=host, phase=p) for p in phases]
        return found + [file for file, _, _ in self.element_records(host)]

    def bulk_records(self, _wildcards=None) -> list[str]:
        """Equations of state of all hosts, for the validation page."""
        return [self.path(paths.BULK).format(host=host) for host in self.campaign.hosts]

    def poses_of_rank(self, candidate: str) -> list[str]:
        """Names of the poses of a row that DFT relaxes."""
        row = self.campaign.by_key[candidate]
        wanted = poses_relaxed(self.campaign.poses, row) + row.pockets
        return [f"k{n}" for n in range(wanted)]

    # --- one candidate chain as a whole ------------------------------------------------------------------

    def chain_digest_base(self) -> str:
        """Digest of the parameters that all candidate chains share."""
        chain_code = code_digest("analysis", "chemistry")
        return digest(
            [
                self._energy,
                self._levels,
                self._slab,
                self._poses,
                REVISIONS,
                chain_code,
                self._errors,
            ],
            16,
        )

    def chain_parameters(self, place: dict[str, str]) -> list[str]:
        """The parameters of one chain beyond those."""
        wildcards = SimpleNamespace(**place)
        return [
            self.placement_params(wildcards),
            self.library_digest(wildcards),
            self.candidate_meta(wildcards),
            self.model_smiles(wildcards),
        ]

    def chain_files(self, place: dict[str, str]) -> list[str]:
        """Every record that a candidate's record is made from, shared ones included."""
        native = self.native_records(place)
        patterns = (
            paths.BULK,
            paths.RESERVOIR,
            paths.PRISTINE,
            paths.CLEAN,
            paths.PRISTINE_LEVELS,
            paths.CLEAN_LEVELS,
        )
        own = [file for file, stage in self._candidate_chain(place) if stage != "candidate"]
        gas = [self.path(p).format(**place) for p in (paths.MOLECULE, paths.MOLECULE_THERMO)]
        shared = [self.path(p).format(**place) for p in patterns]
        references = [
            self.path(pattern).format(host=place["host"], reference=reference)
            for reference in self._references[place["host"]][place["candidate"]]
            for pattern in (paths.REFERENCE, paths.REFERENCE_THERMO)
        ]
        return [
            *own,
            *self.hops.of_candidate(SimpleNamespace(**place)),
            *gas,
            *shared,
            *references,
            *native["native_loaded"],
            *native["native_molecule"],
        ]

    # --- parameters -------------------------------------------------------------------------------------

    def energy_params(self, _wildcards) -> str:
        return self._energy

    def error_model(self, _wildcards) -> str:
        """Digest of the error terms of the campaign's protocol: a better measured one makes its numbers again."""
        return self._errors

    def levels_params(self, _wildcards) -> str:
        return self._levels

    def slab_params(self, _wildcards) -> str:
        return self._slab

    def poses_params(self, _wildcards) -> str:
        return self._poses

    def address(self, wildcards) -> str:
        """Address of a job as canonical JSON."""
        return canonical({**self.fixed, **dict(wildcards.items())})

    def phase_address(self, wildcards) -> str:
        """Address of a competing phase: it stands where a molecule's name stands."""
        return canonical({**self.fixed, "host": wildcards.host, "candidate": wildcards.phase})

    def metal_address(self, wildcards) -> str:
        """Address of a metal, as of a competing phase."""
        return canonical({**self.fixed, "host": wildcards.host, "candidate": wildcards.metal})

    def halogen_address(self, wildcards) -> str:
        """Address of a halogen molecule, as of any molecule."""
        return canonical({**self.fixed, "host": wildcards.host, "candidate": wildcards.halogen})

    def fragment_address(self, wildcards) -> str:
        """Address of a fragment: the part is not a level of its own."""
        levels = {key: value for key, value in wildcards.items() if key != "part"}
        return canonical({**self.fixed, **levels})

    def candidate_params(self, wildcards) -> str:
        """The candidate's row and its library entry: editing either reruns this candidate alone."""
        return canonical_candidate(self.campaign, wildcards.candidate)

    def placement_params(self, wildcards) -> str:
        """The row as the placement of its poses sees it."""
        return canonical_placement(self.campaign, wildcards.candidate)

    def library_digest(self, wildcards) -> str:
        entry = self._library[self.campaign.by_key[wildcards.candidate].ligand]
        return digest(
            {k: v for k, v in entry.items() if k not in ("reported", "name", "label", "hosts")}
        )

    def candidate_meta(self, wildcards) -> str:
        """What only the cheap analysis needs: role, natives, references, conditions, literature."""
        candidate = self.campaign.by_key[wildcards.candidate]
        return canonical(
            {
                "role": candidate.role,
                # a list: the first is the baseline, and JSON objects lose their order
                "natives": [[c.key, c.model_dump()] for c in self._natives],
                "references": self._references[wildcards.host][wildcards.candidate],
                "literature": self._library[candidate.ligand].get("reported", []),
                "lability": self.campaign.lability.model_dump(),
                "coverage": 1.0 / round(LATERAL_FOLDING[self.campaign.slab.lateral] ** 2),
            }
        )

    def halide(self, wildcards) -> str:
        return self._host_ions[wildcards.host]["X"]

    def salt(self, wildcards) -> str:
        """Name of the reservoir phase AX of a host."""
        ions = self._host_ions[wildcards.host]
        return ions["A"] + ions["X"]

    def controls_params(self, _wildcards=None) -> str:
        """Expectations of the campaign: an edit of them rewrites the table and computes nothing."""
        return canonical([control.model_dump() for control in self.campaign.controls])

    def ranking_params(self, _wildcards=None) -> str:
        """Weights, and the differences between rows where any are asked for."""
        asked = [c.model_dump() for c in self.campaign.asked_comparisons]
        extra = {"comparisons": asked} if asked else {}
        if self.campaign.beside:
            extra["beside"] = self.campaign.beside
        return canonical({**self.campaign.ranking.model_dump(), **extra})

    def campaign_digest(self, _wildcards=None) -> str:
        """Of the whole campaign file, whose copy is written beside the ranking."""
        return digest(self.campaign.model_dump(mode="json"))

    def thresholds(self, _wildcards=None) -> str:
        """What counts as converged, as a trap, as tied, for the captions."""
        from peropass.report.caption import thresholds_text

        return thresholds_text(self.campaign, self.protocol)

    def revision(self, stage: str) -> int:
        return REVISIONS[stage]

    def recompute(self, pattern: str) -> str:
        """The one command that recomputes a record, wildcards left open."""
        return f"snakemake --config campaign={self.config_file} --forcerun -- {self.path(pattern)}"

    # --- inputs that depend on the row -----------------------------------------------------------------

    def slab_source(self, wildcards) -> str:
        """Pristine slabs come from the bulk, all others from the relaxed pristine slab."""
        pattern = paths.BULK if wildcards.site == "pristine" else paths.PRISTINE
        return self.path(pattern).format(**dict(wildcards.items()))

    def start(self, wildcards) -> list[str]:
        """The loaded slab that a row starts from, where it names one."""
        start = self.campaign.by_key[wildcards.candidate].start
        return [start] if start else []

    def native_records(self, wildcards) -> dict[str, list[str]]:
        """Loaded slabs and molecules of the native baselines on the same socket."""
        natives = [c.key for c in self._natives]
        keys = dict(wildcards.items())
        return {
            "native_loaded": [
                self.path(paths.LOADED).format(**{**keys, "candidate": native, "pose": pose})
                for native in natives
                for pose in self.poses_of_rank(native)
            ],
            "native_molecule": [
                self.path(paths.MOLECULE).format(**{**keys, "candidate": native})
                for native in natives
            ],
        }

    def thermo_records(self, wildcards) -> list[str]:
        """Hessians of the candidate's own molecule and of the molecules that its channels end in."""
        keys = dict(wildcards.items())
        pattern = self.path(paths.REFERENCE_THERMO)
        needed = self._references[wildcards.host][wildcards.candidate]
        own = self.path(paths.MOLECULE_THERMO).format(**keys)
        return [own, *(pattern.format(host=wildcards.host, reference=r) for r in needed)]

    def loaded_records(self, wildcards) -> list[str]:
        keys = dict(wildcards.items())
        return [
            self.path(paths.LOADED).format(**keys, pose=pose)
            for pose in self.poses_of_rank(wildcards.candidate)
        ]

    def loaded_levels(self, wildcards) -> list[str]:
        keys = dict(wildcards.items())
        return [
            self.path(paths.LOADED_LEVELS).format(**keys, pose=pose)
            for pose in self.poses_of_rank(wildcards.candidate)
        ]

    def fragments(self, wildcards) -> list[str]:
        keys = dict(wildcards.items())
        return [
            self.path(paths.FRAGMENT).format(**keys, pose=pose, part=part)
            for pose in self.poses_of_rank(wildcards.candidate)
            for part in ("slab", "ligand")
        ]

    def reference_records(self, wildcards) -> list[str]:
        """Small molecules that desorption channels of this candidate end in."""
        pattern = self.path(paths.REFERENCE)
        needed = self._references[wildcards.host][wildcards.candidate]
        return [pattern.format(host=wildcards.host, reference=reference) for reference in needed]

    def reference_smiles(self, wildcards) -> str:
        if wildcards.reference not in self._molecules:
            raise InputError(
                "reference molecule", wildcards.reference, "one that a candidate's channels need"
            )
        return self._molecules[wildcards.reference]

    def model_smiles(self, wildcards) -> str:
        return self._smiles[wildcards.host][wildcards.candidate]

    def reference_address(self, wildcards) -> str:
        return canonical({**self.fixed, "host": wildcards.host, "candidate": wildcards.reference})

    # --- resources ---------------------------------------------------------------------------------------

    def references_of(self, host: str) -> list[str]:
        """Ids of the small molecules that the channels of a host's candidates end in."""
        return sorted({r for needed in self._references[host].values() for r in needed})

    def cheap(self, kind: str) -> Estimate:
        """Cost of a job without DFT and without size."""
        return cheap(kind)

    def cost(self, stage: str, place: dict[str, str]) -> Estimate:
        """Expected cost of one job from its cell; `place` holds the wildcards of its output."""
        if self.protocol.engine == "toy":
            return cheap("candidate")
        host, ions = place["host"], self._host_ions[place["host"]]
        if stage in ("candidate", "site", "controls", "substitution"):
            return cheap("candidate")
        if "hop" in place:
            return self.hops.cost(stage, place)
        if stage == "doped":
            return self.substitution.cost(stage, place)
        if stage == "bulk":
            return estimate("eos", bulk_size(ions, self.protocol))
        if stage == "phase":
            return estimate("clean", phase_size(place["phase"], self.protocol))
        if stage == "metal":
            return estimate("eos", metal_size(place["metal"], self.protocol))
        if stage == "halogen":
            return estimate(
                "molecule", molecule_size(composition_of(place["halogen"]), self.protocol)
            )
        if stage == "reservoir":
            return estimate("eos", salt_size(ions, self.protocol))
        atoms = self.ligand_atoms(host, place)
        if stage == "poses":
            return cheap("poses", self.campaign.poses.generate)
        if stage == "thermo":
            return cheap("thermo", sum(atoms.values()))
        if stage in ("molecule", "reference"):
            variants = self._variants[host].get(place.get("candidate", ""), 1)
            return estimate("molecule", molecule_size(atoms, self.protocol, variants))
        kind = {"fragments": "fragment", "levels": "levels"}.get(stage) or (
            "loaded" if "pose" in place else "clean"
        )
        part = place.get("part", "")
        size = slab_size(
            ions, place["termination"], self.campaign, self.protocol, atoms, stage == "levels", part
        )
        return estimate(kind, size)

    def typical_s(self, stage: str) -> float:
        """Core-seconds of one job of a stage, taking the last candidate for all of them."""
        if stage not in self._typical:
            place = {**self.places()[-1], "pose": "k0"}
            if self.campaign.candidates:
                place |= {"candidate": self.campaign.candidates[-1].key}
            if stage == "reference":
                place |= {"reference": next(iter(self.references_of(place["host"])), "HBr-0")}
            if stage == "phase":
                place |= {"phase": next(iter(self.phases(place["host"]).values()), "PbBr2")}
            if stage in ("metal", "halogen"):
                ions = self._host_ions[place["host"]]
                place |= {"metal": ions["B"], "halogen": f"{ions['X']}2"}
            if stage == "doped":
                place |= {"cell": self.campaign.substitution.cell}
            if stage in ("hop", "hopend", "band"):
                place |= {"hop": place.get("candidate", paths.BARE_HOP)}
            cheap_stages = ("site", "controls", "substitution")
            known = stage in ("candidate", "rank", "report", "slab", *cheap_stages)
            stage_of_cost = "candidate" if stage in cheap_stages else stage
            self._typical[stage] = (
                self.cheap(stage_of_cost) if known else self.cost(stage, place)
            ).core_s
        return self._typical[stage]

    def ions(self, host: str) -> dict[str, str]:
        """Element per role of a host."""
        return self._host_ions[host]

    def ligand_atoms(self, host: str, place: dict[str, str]) -> dict[str, int]:
        """Atoms per element of the molecule that a place names; none for clean slabs."""
        if "reference" in place:
            return composition_of(place["reference"].rsplit("-", 1)[0])
        return self._compositions[host].get(place.get("candidate", ""), {})

    def memory(self, stage: str) -> Callable[..., int]:
        """What a job asks of the scheduler, MB; half as much again with each attempt."""

        def ask(wildcards, attempt: int) -> int:
            request = self.cost(stage, dict(wildcards.items())).request_MB
            request += SNAKEMAKE_MB if self.on_cluster else 0
            return min(int(request * (1 + 0.5 * (attempt - 1))), self.site.max_memory_MB)

        return ask

    def runtime(self, stage: str) -> Callable[..., int]:
        """What a job asks of the scheduler, minutes; as much again with each attempt, within the site's limit."""

        def ask(wildcards, attempt: int) -> int:
            place = dict(wildcards.items())
            least = LEAST_GROUPED_MIN if stage in GROUPED_KINDS else LEAST_RUNTIME_MIN
            minutes = self.cost(stage, place).request_min(self._ranks(stage, place), least)
            return min(minutes * attempt, self.site.max_runtime_min)

        return ask

    def ranks(self, stage: str) -> Callable[..., int]:
        """MPI ranks of a job."""
        return lambda wildcards: self._ranks(stage, dict(wildcards.items()))

    def _ranks(self, stage: str, place: dict[str, str]) -> int:
        if "PEROPASS_RANKS" in os.environ:
            return int(os.environ["PEROPASS_RANKS"])
        if self.site.max_ranks == 1 or stage in SERIAL_STAGES:
            return 1
        return ranks_for(self.cost(stage, place), self.site)

    def threads(self, stage: str) -> Callable[..., int]:
        """Cores that Snakemake counts for a job: its ranks here, one per Slurm task on a cluster."""
        return lambda wildcards: (
            1 if self.on_cluster else self._ranks(stage, dict(wildcards.items()))
        )

    def mpi(self, stage: str) -> Callable[..., str]:
        """The MPI launcher of a job; empty where it runs on one rank."""
        return lambda wildcards: (
            self.site.launcher if self._ranks(stage, dict(wildcards.items())) > 1 else ""
        )

    def launcher(self, stage: str) -> Callable[..., str]:
        """How a DFT step starts: plain Python on one rank, `mpiexec ... gpaw python` on several."""

        def command(wildcards) -> str:
            ranks = self._ranks(stage, dict(wildcards.items()))
            return "python" if ranks == 1 else f"{self.site.launcher} -n {ranks} {PARALLEL_PYTHON}"

        return command


def phase_name(phase: str, ions: dict[str, str]) -> str:
    """File of structures that holds a competing phase of a host, e.g. `Cs4PbBr6` for `A4BX6`, `CsPbBr3-ortho` for `ABX3`."""
    if phase == "ABX3":
        return f"{ions['A']}{ions['B']}{ions['X']}3-ortho"
    return "".join(ions.get(letter, letter) for letter in phase)


def _ions(host: str) -> dict[str, str]:
    """Element per role of a host file, read without the chemistry stack."""
    data = load_yaml(Path("structures/hosts") / f"{host}.yaml")
    first: dict[str, str] = {}
    for site in data["sites"]:
        first.setdefault(site["ion"], site["element"])
    return first


def error_digest(protocol: str, ecut_eV: float) -> str:
    """Digest of what the error model and the slopes of the basis say for one protocol: others and comments rerun nothing."""
    blocks = load_yaml(ERROR_MODEL_FILE)
    measured = blocks.get("measured") or {}
    slopes = load_yaml(BASIS_FILE)["slopes_eV"].get(round(ecut_eV))
    source = error_terms_of(blocks, protocol)
    return digest([blocks.get("default"), blocks.get(source), measured.get(source), slopes], 16)


def code_digest(*modules: str) -> str:
    """Digest of source files that a cheap step depends on: any edit reruns it, and nothing expensive."""
    root = Path(__file__).resolve().parent
    files = sorted(file for module in modules for file in (root / module).rglob("*.py"))
    return digest({str(file.relative_to(root)): file_sha256(file) for file in files})
